#include "engine/importance_collector.hpp"

#include <cstring>
#include <string_view>

#include <ggml-backend.h>

#include "engine/errors.hpp"
#include "engine/finite.hpp"

namespace pyengine {
namespace {

// Products of fewer tokens are no prompt; llama-imatrix leaves them out too.
constexpr std::int64_t fewest_tokens = 16;

// The scheduler calls a copy of a weight on a device "DEVICE#name#number".
std::string weight_name(const ggml_tensor & weight) {
    const std::string_view name(weight.name);
    const std::size_t first = name.find('#');
    if (first == std::string_view::npos) {
        return std::string(name);
    }
    const std::string_view rest = name.substr(first + 1);
    return std::string(rest.substr(0, rest.find('#')));
}

bool is_output(const std::string & name) {
    return name == "output.weight" || name == "token_embd.weight";
}

// The bytes of a tensor, or of a copy where they lie on a device.
const char * host_bytes(const ggml_tensor & tensor, std::vector<char> & copy) {
    const ggml_tensor * owner = tensor.view_src != nullptr ? tensor.view_src : &tensor;
    if (owner->buffer != nullptr && ggml_backend_buffer_is_host(owner->buffer)) {
        return static_cast<const char *>(tensor.data);
    }
    copy.resize(ggml_nbytes(&tensor));
    ggml_backend_tensor_get(&tensor, copy.data(), 0, copy.size());
    return copy.data();
}

const float * row_at(const char * bytes, const ggml_tensor & tensor, std::int64_t i1,
                     std::int64_t i2, std::int64_t i3) {
    return reinterpret_cast<const float *>(bytes + static_cast<std::size_t>(i1) * tensor.nb[1] +
                                           static_cast<std::size_t>(i2) * tensor.nb[2] +
                                           static_cast<std::size_t>(i3) * tensor.nb[3]);
}

void add_squares(float * __restrict sums, const float * __restrict row, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        sums[i] += row[i] * row[i];
    }
}

[[noreturn]] void fail(const std::string & name, const std::string & reason) {
    throw EngineError("the activations of " + name + " cannot be summed: " + reason);
}

} // namespace

void ImportanceCollector::merge(const std::string & path) {
    const Importance other = read_importance(path);
    for (const auto & [name, weight] : other.weights) {
        const auto here = importance_.weights.find(name);
        if (here != importance_.weights.end() &&
            (here->second.sums.size() != weight.sums.size() ||
             here->second.counts.size() != weight.counts.size())) {
            throw ModelFileError(path, "holds " + std::to_string(weight.sums.size()) +
                                           " sums of tensor '" + name + "', where there are " +
                                           std::to_string(here->second.sums.size()) + " already");
        }
    }
    for (const auto & [name, weight] : other.weights) {
        ImportanceSums & here = sums_of(name, static_cast<std::int64_t>(weight.sums.size()),
                                        static_cast<std::int64_t>(weight.counts.size()));
        for (std::size_t i = 0; i < weight.sums.size(); ++i) {
            here.sums[i] += weight.sums[i];
        }
        for (std::size_t i = 0; i < weight.counts.size(); ++i) {
            here.counts[i] += weight.counts[i];
        }
    }
    importance_.datasets.insert(importance_.datasets.end(), other.datasets.begin(),
                                other.datasets.end());
}

const Importance & ImportanceCollector::importance() const {
    if (!whole_) {
        throw EngineError("the sums of an importance matrix are of no whole contexts: a decode was "
                          "interrupted or failed");
    }
    return importance_;
}

void ImportanceCollector::begin(std::size_t n_tokens) {
    whole_ = false;
    failure_ = nullptr;
    n_seen_ = 0;
    if (n_tokens != n_tokens_) {
        n_tokens_ = n_tokens;
        n_expected_ = 0;
    }
}

void ImportanceCollector::finish(const std::string & model_path) {
    if (failure_) {
        std::rethrow_exception(failure_);
    }
    n_expected_ = n_seen_;
    for (const auto & [name, weight] : importance_.weights) {
        if (!all_finite(weight.sums.data(), weight.sums.size())) {
            throw NumbersError(model_path, "activations");
        }
    }
    whole_ = true;
}

bool ImportanceCollector::observe(ggml_tensor & node, bool ask) noexcept {
    try {
        if (ask) {
            return wants(node);
        }
        add(node);
    } catch (...) { // no exception may pass through llama.cpp
        failure_ = std::current_exception();
        return !ask;
    }
    ++n_seen_;
    return n_seen_ != n_expected_; // false leaves out the rest of the graph
}

bool ImportanceCollector::wants(const ggml_tensor & node) const {
    if (failure_ || (node.op != GGML_OP_MUL_MAT && node.op != GGML_OP_MUL_MAT_ID) ||
        node.src[1]->type != GGML_TYPE_F32) {
        return false;
    }
    const std::string name = weight_name(*node.src[0]);
    if (name.size() > longest_importance_name) {
        return false;
    }
    if (node.op == GGML_OP_MUL_MAT_ID) {
        return true;
    }
    return node.src[1]->ne[1] >= fewest_tokens &&
           (name.rfind("blk.", 0) == 0 || (with_output_ && is_output(name)));
}

void ImportanceCollector::add(const ggml_tensor & node) {
    const std::string name = weight_name(*node.src[0]);
    if (node.src[1]->nb[0] != sizeof(float)) {
        fail(name, "their rows have gaps");
    }
    if (node.op == GGML_OP_MUL_MAT_ID) {
        add_experts(node, name);
    } else {
        add_dense(node, name);
    }
}

void ImportanceCollector::add_dense(const ggml_tensor & node, const std::string & name) {
    const ggml_tensor & weight = *node.src[0];
    const ggml_tensor & input = *node.src[1];
    const std::int64_t columns = input.ne[0], matrices = weight.ne[2] * weight.ne[3];
    ImportanceSums & sums = sums_of(name, columns * matrices, 1);
    const char * bytes = host_bytes(input, activations_);
    for (std::int64_t i3 = 0; i3 < input.ne[3]; ++i3) {
        for (std::int64_t i2 = 0; i2 < input.ne[2]; ++i2) {
            // Inputs beyond the weight's matrices go through these again.
            const std::int64_t matrix = (i3 % weight.ne[3]) * weight.ne[2] + (i2 % weight.ne[2]);
            for (std::int64_t i1 = 0; i1 < input.ne[1]; ++i1) {
                add_squares(sums.sums.data() + matrix * columns, row_at(bytes, input, i1, i2, i3),
                            columns);
            }
        }
    }
    for (std::int64_t & count : sums.counts) {
        count += ggml_nrows(&input) / matrices;
    }
}

void ImportanceCollector::add_experts(const ggml_tensor & node, const std::string & name) {
    const ggml_tensor & input = *node.src[1];  // columns × (1 or experts of a token) × tokens
    const ggml_tensor & chosen = *node.src[2]; // experts of a token × tokens
    const std::int64_t columns = input.ne[0], n_experts = node.src[0]->ne[2];
    if (chosen.type != GGML_TYPE_I32 || chosen.ne[1] != input.ne[2] || input.ne[3] != 1) {
        fail(name, "their experts are not laid out as expected");
    }
    ImportanceSums & sums = sums_of(name, columns * n_experts, n_experts);
    const char * bytes = host_bytes(input, activations_);
    const char * ids = host_bytes(chosen, experts_);
    for (std::int64_t place = 0; place < chosen.ne[0]; ++place) {
        for (std::int64_t token = 0; token < input.ne[2]; ++token) {
            std::int32_t expert = 0;
            std::memcpy(&expert,
                        ids + static_cast<std::size_t>(token) * chosen.nb[1] +
                            static_cast<std::size_t>(place) * chosen.nb[0],
                        sizeof expert);
            if (expert < 0 || expert >= n_experts) {
                fail(name, "there is no expert " + std::to_string(expert));
            }
            add_squares(sums.sums.data() + expert * columns,
                        row_at(bytes, input, place % input.ne[1], token, 0), columns);
            ++sums.counts[static_cast<std::size_t>(expert)];
        }
    }
}

ImportanceSums & ImportanceCollector::sums_of(const std::string & name, std::int64_t n_sums,
                                              std::int64_t n_counts) {
    ImportanceSums & sums = importance_.weights[name];
    if (sums.counts.empty()) {
        sums.sums.resize(static_cast<std::size_t>(n_sums));
        sums.counts.resize(static_cast<std::size_t>(n_counts));
    }
    if (sums.sums.size() != static_cast<std::size_t>(n_sums) ||
        sums.counts.size() != static_cast<std::size_t>(n_counts)) {
        fail(name, "there are " + std::to_string(sums.sums.size()) + " sums of it for " +
                       std::to_string(n_sums) + " columns");
    }
    return sums;
}

} // namespace pyengine
