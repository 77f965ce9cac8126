// Picks the next token from a row of logits: the likeliest, or one that llama.cpp's samplers draw.
#pragma once

#include <cstdint>
#include <vector>

#include <llama-cpp.h>

namespace pyengine {

struct SamplerOptions {
    float temperature = 0.0F; // 0: the most probable token
    std::int32_t top_k = 0;   // 0: all tokens
    float top_p = 1.0F;
    float min_p = 0.0F;
    std::uint32_t seed = 0;
};

struct SampledToken {
    llama_token id;
    double log_probability; // under the model's own distribution, before any filter
};

// One chain, with its own random numbers: top-k, top-p, min-p, temperature, draw.
class Sampler {
public:
    explicit Sampler(const SamplerOptions & options);

    // Throws OptionError where no logit of the row is finite.
    SampledToken sample(const float * logits, std::int32_t n_tokens);

private:
    llama_token draw(const float * logits, std::int32_t n_tokens);

    llama_sampler_ptr chain_; // none where the most probable token is taken
    std::vector<llama_token_data> candidates_;
};

} // namespace pyengine
