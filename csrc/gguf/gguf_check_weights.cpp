// What llama.cpp and ggml assert about the tensors that a graph will use.
#include "gguf/gguf_check.hpp"

#include <map>

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
    const bool vector = tensor.shape[1] == 1 && tensor.shape[2] == 1 && tensor.shape[3] == 1;
    return vector || ends_with(name, ".bias") || ends_with(name, "norm.weight") ||
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
void check_rwkv6_mixing(const GgufFile & file,
                        const std::map<std::string_view, ggml_type> & types) {
    const std::uint32_t layers = file.uint32("rwkv6.block_count").value_or(0);
    for (std::uint32_t i = 0; i < layers; ++i) {
        const std::string block = "blk." + std::to_string(i) + ".time_mix_lerp_";
        bool complete = types.count(block + "fused.weight") != 0;
        if (!complete) {
            complete = true;
            for (const char * which : {"w", "k", "v", "r", "g"}) {
                complete = complete && types.count(block + which + ".weight") != 0;
            }
        }
        if (!complete) {
            file.fail("layer " + std::to_string(i) + " lacks time_mix_lerp tensors");
        }
    }
}

// llama.cpp asserts that an output which is the embedding in NVFP4 has no scales of its own.
void check_tied_scales(const GgufFile & file, const std::map<std::string_view, ggml_type> & types) {
    const auto embedding = types.find("token_embd.weight");
    if (embedding != types.end() && embedding->second == GGML_TYPE_NVFP4 &&
        types.count("output.weight") == 0 &&
        (types.count("output.scale") != 0 || types.count("output.input_scale") != 0)) {
        file.fail("has scales of an output matrix and no such matrix");
    }
}

} // namespace

void check_gguf_weights(const std::vector<const GgufFile *> & parts,
                        const std::string & architecture, bool reviewed) {
    std::map<std::string_view, ggml_type> types;
    for (const GgufFile * part : parts) {
        for (const GgufTensor & tensor : part->tensors()) {
            if (!types.emplace(tensor.name, tensor.type).second) {
                part->fail("tensor '" + std::string(tensor.name) + "' is in two parts");
            }
        }
        if (reviewed) {
            check_types(*part);
        }
    }
    check_tied_scales(*parts.front(), types);
    // A vocabulary-only file has no layers to check.
    if (architecture == "rwkv6" && !types.empty()) {
        check_rwkv6_mixing(*parts.front(), types);
    }
}

} // namespace pyengine
