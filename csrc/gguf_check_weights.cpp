// What llama.cpp and ggml assert about the tensors that a graph will use.
#include "gguf_check.hpp"

#include <set>

namespace pyengine {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Types that ggml's CPU backend can multiply with and take rows from.
bool is_weight_type(ggml_type type) {
    switch (type) {
    case GGML_TYPE_F32:
    case GGML_TYPE_F16:
    case GGML_TYPE_BF16:
        return true;
    case GGML_TYPE_Q8_1: // formats of activations
    case GGML_TYPE_Q8_K:
        return false;
    default:
        return ggml_is_quantized(type);
    }
}

// Added or multiplied element by element, which needs float32 on both sides.
bool is_elementwise(const GgufTensor & tensor) {
    const std::string_view name = tensor.name;
    return tensor.n_dims <= 1 || ends_with(name, ".bias") || ends_with(name, "norm.weight") ||
           name.find("_lerp_") != std::string_view::npos ||
           ends_with(name, "time_mix_first.weight");
}

void check_types(const GgufFile & file) {
    for (const GgufTensor & tensor : file.tensors()) {
        const bool fits =
            is_elementwise(tensor) ? tensor.type == GGML_TYPE_F32 : is_weight_type(tensor.type);
        if (!fits) {
            file.fail("tensor '" + std::string(tensor.name) + "' has the type " +
                      ggml_type_name(tensor.type) + ", which cannot be computed with");
        }
    }
}

// llama.cpp asserts one of two ways of mixing and dereferences all of the second.
void check_rwkv6_mixing(const GgufFile & file, const std::set<std::string_view> & names) {
    const std::uint32_t layers = file.uint32("rwkv6.block_count").value_or(0);
    for (std::uint32_t i = 0; i < layers; ++i) {
        const std::string block = "blk." + std::to_string(i) + ".time_mix_lerp_";
        bool complete = names.count(block + "fused.weight") != 0;
        if (!complete) {
            complete = true;
            for (const char * which : {"w", "k", "v", "r", "g"}) {
                complete = complete && names.count(block + which + ".weight") != 0;
            }
        }
        if (!complete) {
            file.fail("layer " + std::to_string(i) + " lacks time_mix_lerp tensors");
        }
    }
}

} // namespace

void check_gguf_weights(const std::vector<const GgufFile *> & parts,
                        const std::string & architecture, bool reviewed) {
    std::set<std::string_view> names;
    for (const GgufFile * part : parts) {
        for (const GgufTensor & tensor : part->tensors()) {
            if (!names.insert(tensor.name).second) {
                part->fail("tensor '" + std::string(tensor.name) + "' is in two parts");
            }
        }
        if (reviewed) {
            check_types(*part);
        }
    }
    // A vocabulary-only file has no layers to check.
    if (architecture == "rwkv6" && !names.empty()) {
        check_rwkv6_mixing(*parts.front(), names);
    }
}

} // namespace pyengine
