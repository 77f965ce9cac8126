#include "engine/sampler.hpp"

#include <cmath>
#include <string>

#include "engine/errors.hpp"
#include "rows/row_statistics.hpp"

namespace pyengine {
namespace {

constexpr float least_temperature = 0.999e-6F; // of logits up to 1e32

void require(bool condition, const std::string & message) {
    if (!condition) {
        throw OptionError(message);
    }
}

void check(const SamplerOptions & options) {
    require(std::isfinite(options.temperature) && options.temperature >= 0.0F,
            "temperature must be 0 or more, not " + std::to_string(options.temperature));
    require(options.temperature == 0.0F || options.temperature >= least_temperature,
            "temperature must be 0, or at least 0.000001: logits divided by less overflow");
    require(options.seed != LLAMA_DEFAULT_SEED, "seed 4294967295 would be a random one");
    require(options.top_k >= 0, "top_k must be 0 or more, not " + std::to_string(options.top_k));
    require(options.top_p > 0.0F && options.top_p <= 1.0F,
            "top_p must be above 0 and at most 1, not " + std::to_string(options.top_p));
    require(options.min_p >= 0.0F && options.min_p <= 1.0F,
            "min_p must be from 0 to 1, not " + std::to_string(options.min_p));
}

} // namespace

Sampler::Sampler(const SamplerOptions & options) {
    check(options);
    if (options.temperature == 0.0F) {
        return;
    }
    chain_.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
    llama_sampler * chain = chain_.get();
    if (options.top_k > 0) {
        llama_sampler_chain_add(chain, llama_sampler_init_top_k(options.top_k));
    }
    if (options.top_p < 1.0F) {
        llama_sampler_chain_add(chain, llama_sampler_init_top_p(options.top_p, 1));
    }
    if (options.min_p > 0.0F) {
        llama_sampler_chain_add(chain, llama_sampler_init_min_p(options.min_p, 1));
    }
    llama_sampler_chain_add(chain, llama_sampler_init_temp(options.temperature));
    llama_sampler_chain_add(chain, llama_sampler_init_dist(options.seed));
}

SampledToken Sampler::sample(const float * logits, std::int32_t n_tokens) {
    const RowStatistics row = row_statistics(logits, static_cast<std::size_t>(n_tokens));
    require(std::isfinite(row.log_sum_exp), "the model's logits are not finite");
    const llama_token id = chain_ ? draw(logits, n_tokens) : row.argmax;
    return {id, static_cast<double>(logits[id]) - row.log_sum_exp};
}

llama_token Sampler::draw(const float * logits, std::int32_t n_tokens) {
    candidates_.resize(static_cast<std::size_t>(n_tokens));
    for (std::int32_t i = 0; i < n_tokens; ++i) {
        candidates_[static_cast<std::size_t>(i)] = {i, logits[i], 0.0F};
    }
    llama_token_data_array array = {candidates_.data(), candidates_.size(), -1, false};
    llama_sampler_apply(chain_.get(), &array);
    require(array.selected >= 0 && static_cast<std::size_t>(array.selected) < array.size,
            "llama.cpp's samplers selected no token");
    return array.data[array.selected].id;
}

} // namespace pyengine
