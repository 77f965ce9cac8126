// What llama.cpp asserts about hyperparameters, or divides by, while it loads and builds graphs.
#include "gguf/gguf_check.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace pyengine {
namespace {

constexpr std::uint32_t max_layers = 512;   // LLAMA_MAX_LAYERS
constexpr std::uint32_t max_experts = 1024; // LLAMA_MAX_EXPERTS
constexpr std::uint32_t max_width = 1U << 24;
constexpr std::uint32_t max_pooling_type = 4; // LLAMA_POOLING_TYPE_RANK

// Dense decoders whose loading and graph were read line by line.
constexpr std::array<std::string_view, 3> reviewed_transformers = {"llama", "qwen2", "qwen3"};
constexpr std::array<std::string_view, 2> reviewed_recurrent = {"rwkv6", "rwkv7"};

template <std::size_t n>
bool contains(const std::array<std::string_view, n> & names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// The hyperparameters of one architecture: keys without their "llama." prefix.
class Parameters {
public:
    Parameters(const GgufFile & file, std::string architecture)
        : file_(file), prefix_(std::move(architecture) + ".") {}

    std::uint32_t get(const char * name, std::uint32_t fallback = 0) const {
        return file_.uint32(prefix_ + name).value_or(fallback);
    }
    std::vector<std::uint32_t> list(const char * name) const {
        return file_.uint32_list(prefix_ + name);
    }
    std::uint32_t largest(const char * name) const {
        const auto values = list(name);
        return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
    }
    bool has(const char * name) const { return file_.find(prefix_ + name) != nullptr; }
    std::string_view text(const char * name, std::string_view fallback) const {
        return file_.string(prefix_ + name).value_or(fallback);
    }
    void require(bool condition, const char * name, const std::string & expected) const {
        if (!condition) {
            file_.fail(prefix_ + name + " must be " + expected);
        }
    }
    void require_range(const char * name, std::uint32_t least, std::uint32_t most) const {
        for (const std::uint32_t value : list(name)) {
            require(value >= least && value <= most, name,
                    "from " + std::to_string(least) + " to " + std::to_string(most) + ", not " +
                        std::to_string(value));
        }
    }
    void require_finite_floats() const {
        file_.for_each([&](std::string_view key, const GgufValue & value) {
            if (value.is_array || value.type != GGUF_TYPE_FLOAT32 ||
                key.substr(0, prefix_.size()) != prefix_) {
                return;
            }
            const float number = *file_.float32(key);
            const bool epsilon = key.find("epsilon") != std::string_view::npos;
            if (!std::isfinite(number) || (epsilon && number < 0.0F)) {
                file_.fail(std::string(key) + " must be a finite number" +
                           (epsilon ? " of at least 0" : ""));
            }
        });
    }

private:
    const GgufFile & file_;
    std::string prefix_;
};

void check_layers(const Parameters & p) {
    p.require_range("block_count", 1, max_layers);
    const std::uint32_t layers = p.get("block_count", 1);
    const std::uint32_t predicted = p.get("nextn_predict_layers");
    p.require(predicted == 0 || predicted < layers, "nextn_predict_layers",
              "smaller than block_count");
}

void check_experts(const Parameters & p, const std::string & architecture) {
    std::uint32_t experts = p.get("expert_count");
    std::uint32_t used = p.largest("expert_used_count");
    if (architecture.substr(0, 7) == "hunyuan" && experts <= 1) {
        experts = used = 0; // llama.cpp does the same
    }
    const std::uint32_t groups = p.get("expert_group_count");
    const std::uint32_t groups_used = p.get("expert_group_used_count");
    p.require(experts <= max_experts, "expert_count", "at most " + std::to_string(max_experts));
    p.require(used <= experts, "expert_used_count", "at most expert_count");
    if (experts == 0) {
        p.require(groups == 0, "expert_group_count", "0 in a model without experts");
        return;
    }
    p.require(used > 0, "expert_used_count", "at least 1");
    p.require(groups < experts, "expert_group_count", "less than expert_count");
    if (groups > 1) {
        p.require(experts % groups == 0, "expert_group_count", "a divisor of expert_count");
        p.require(groups_used > 0 && groups_used < groups, "expert_group_used_count",
                  "at least 1 and less than expert_group_count");
    }
}

// The CPU's kernel of RWKV 7 computes in steps of 32 or 64 floats, by the processor, and writes
// beyond the state of a head that is no multiple of these. That of RWKV 6 takes any size.
void check_wkv_head(const Parameters & p, const std::string & architecture) {
    p.require_range("wkv.head_size", 1, max_width);
    const std::uint32_t size = p.get("wkv.head_size", 64);
    const bool any = architecture != "rwkv7" && architecture != "arwkv7";
    p.require(any || is_wkv_head_of_gpus(size), "wkv.head_size",
              "64 or 128, not " + std::to_string(size));
}

void check_common(const Parameters & p, const std::string & architecture) {
    p.require_range("context_length", 1, 1U << 31);
    p.require_range("embedding_length", 1, max_width);
    p.require_range("feed_forward_length", 0, max_width);
    p.require_range("attention.head_count", 0, max_width);
    p.require_range("attention.head_count_kv", 0, max_width);
    p.require_range("attention.key_length", 1, max_width);
    p.require_range("attention.value_length", 1, max_width);
    p.require_range("pooling_type", 0, max_pooling_type);
    check_wkv_head(p, architecture);
    for (const char * size : {"ssm.conv_kernel", "ssm.inner_size", "ssm.state_size",
                              "ssm.time_step_rank", "ssm.group_count"}) {
        p.require_range(size, 1, max_width);
    }
    const std::string_view scaling = p.text("rope.scaling.type", "linear");
    p.require(scaling == "none" || scaling == "linear" || scaling == "yarn" ||
                  scaling == "longrope",
              "rope.scaling.type", "none, linear, yarn or longrope");
    p.require_finite_floats();
}

void check_heads(const Parameters & p) {
    const auto heads = p.list("attention.head_count");
    const auto kv_heads = p.list("attention.head_count_kv");
    for (std::size_t i = 0; i < std::max(heads.size(), kv_heads.size()); ++i) {
        if (heads.empty() || kv_heads.empty()) {
            break;
        }
        const std::uint32_t n = heads[std::min(i, heads.size() - 1)];
        const std::uint32_t kv = kv_heads[std::min(i, kv_heads.size() - 1)];
        p.require(kv == 0 || n % kv == 0, "attention.head_count_kv",
                  "a divisor of attention.head_count");
    }
    const std::uint32_t rotated = p.get("rope.dimension_count", 2);
    // Where nothing is rotated, ggml's rotation never ends.
    p.require(rotated % 2 == 0 && (rotated > 0 || p.largest("attention.head_count") == 0),
              "rope.dimension_count", "even and at least 2");
}

// The graphs of these assert one head size for queries, keys, values and rotation.
void check_transformer(const Parameters & p, const std::string & architecture) {
    const std::uint32_t heads = p.get("attention.head_count");
    const std::uint32_t width = p.get("embedding_length");
    p.require(p.list("attention.head_count").size() == 1 && heads > 0, "attention.head_count",
              "one number of at least 1");
    p.require(p.list("attention.head_count_kv").size() <= 1, "attention.head_count_kv",
              "one number");
    p.require(!p.has("attention.head_count_kv") || p.get("attention.head_count_kv") > 0,
              "attention.head_count_kv", "at least 1");
    p.require(p.has("attention.key_length") || width % heads == 0, "attention.head_count",
              "a divisor of embedding_length");
    const std::uint32_t size = p.get("attention.key_length", width / heads);
    p.require(p.get("attention.value_length", width / heads) == size, "attention.value_length",
              "equal to the key length " + std::to_string(size));
    p.require(p.get("rope.dimension_count", size) == size && size % 2 == 0, "rope.dimension_count",
              "even and equal to the head size " + std::to_string(size));
    // llama.cpp multiplies in 32 bits.
    p.require(std::uint64_t{heads} * size <= max_width, "attention.head_count",
              "such that all heads together are no wider than " + std::to_string(max_width));
    // The query's matrix is square, and its rows are then taken apart into heads.
    p.require(architecture != "qwen2" || heads * size == width, "attention.key_length",
              "embedding_length divided by attention.head_count");
}

void check_rwkv(const Parameters & p) {
    const std::uint32_t head_size = p.get("wkv.head_size", 64);
    p.require(p.get("embedding_length") % head_size == 0, "wkv.head_size",
              "a divisor of embedding_length");
    p.require(p.get("token_shift_count", 2) == 2, "token_shift_count", "2");
    p.require(p.largest("attention.head_count") == 0 && p.largest("attention.head_count_kv") == 0,
              "attention.head_count", "0");
}

} // namespace

bool is_wkv_head_of_gpus(std::uint32_t size) {
    return size == 64 || size == 128;
}

bool check_gguf_parameters(const GgufFile & file, const std::string & architecture) {
    const Parameters p(file, architecture);
    check_layers(p);
    check_experts(p, architecture);
    check_common(p, architecture);
    check_heads(p);
    // Mixtures of experts, predicted tokens and pooling take other paths through the loader.
    const bool plain = p.get("expert_count") == 0 && !p.has("nextn_predict_layers") &&
                       !p.has("pooling_type") && !p.has("attention.causal");
    if (plain && contains(reviewed_transformers, architecture)) {
        check_transformer(p, architecture);
        return true;
    }
    if (plain && contains(reviewed_recurrent, architecture)) {
        check_rwkv(p);
        return true;
    }
    return false;
}

} // namespace pyengine
