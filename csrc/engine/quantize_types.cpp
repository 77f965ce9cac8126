#include "engine/quantize.hpp"

#include "engine/errors.hpp"

namespace pyengine {
namespace {

struct FileType {
    const char * name;
    llama_ftype file_type;
    ggml_type base;
};

// Those that llama-quantize lists. LLAMA_FTYPE_MOSTLY_NVFP4 is none: llama.cpp's quantizer knows no
// type for its tensors.
constexpr FileType file_types[] = {
    {"F32", LLAMA_FTYPE_ALL_F32, GGML_TYPE_F32},
    {"BF16", LLAMA_FTYPE_MOSTLY_BF16, GGML_TYPE_BF16},
    {"F16", LLAMA_FTYPE_MOSTLY_F16, GGML_TYPE_F16},
    {"Q8_0", LLAMA_FTYPE_MOSTLY_Q8_0, GGML_TYPE_Q8_0},
    {"Q6_K", LLAMA_FTYPE_MOSTLY_Q6_K, GGML_TYPE_Q6_K},
    {"Q5_K_M", LLAMA_FTYPE_MOSTLY_Q5_K_M, GGML_TYPE_Q5_K},
    {"Q5_K_S", LLAMA_FTYPE_MOSTLY_Q5_K_S, GGML_TYPE_Q5_K},
    {"Q5_1", LLAMA_FTYPE_MOSTLY_Q5_1, GGML_TYPE_Q5_1},
    {"Q5_0", LLAMA_FTYPE_MOSTLY_Q5_0, GGML_TYPE_Q5_0},
    {"Q4_K_M", LLAMA_FTYPE_MOSTLY_Q4_K_M, GGML_TYPE_Q4_K},
    {"Q4_K_S", LLAMA_FTYPE_MOSTLY_Q4_K_S, GGML_TYPE_Q4_K},
    {"Q4_1", LLAMA_FTYPE_MOSTLY_Q4_1, GGML_TYPE_Q4_1},
    {"Q4_0", LLAMA_FTYPE_MOSTLY_Q4_0, GGML_TYPE_Q4_0},
    {"MXFP4_MOE", LLAMA_FTYPE_MOSTLY_MXFP4_MOE, GGML_TYPE_MXFP4},
    {"IQ4_NL", LLAMA_FTYPE_MOSTLY_IQ4_NL, GGML_TYPE_IQ4_NL},
    {"IQ4_XS", LLAMA_FTYPE_MOSTLY_IQ4_XS, GGML_TYPE_IQ4_XS},
    {"Q3_K_L", LLAMA_FTYPE_MOSTLY_Q3_K_L, GGML_TYPE_Q3_K},
    {"Q3_K_M", LLAMA_FTYPE_MOSTLY_Q3_K_M, GGML_TYPE_Q3_K},
    {"Q3_K_S", LLAMA_FTYPE_MOSTLY_Q3_K_S, GGML_TYPE_Q3_K},
    {"IQ3_M", LLAMA_FTYPE_MOSTLY_IQ3_M, GGML_TYPE_IQ3_S},
    {"IQ3_S", LLAMA_FTYPE_MOSTLY_IQ3_S, GGML_TYPE_IQ3_S},
    {"IQ3_XS", LLAMA_FTYPE_MOSTLY_IQ3_XS, GGML_TYPE_IQ3_S},
    {"IQ3_XXS", LLAMA_FTYPE_MOSTLY_IQ3_XXS, GGML_TYPE_IQ3_XXS},
    {"Q2_K", LLAMA_FTYPE_MOSTLY_Q2_K, GGML_TYPE_Q2_K},
    {"Q2_K_S", LLAMA_FTYPE_MOSTLY_Q2_K_S, GGML_TYPE_Q2_K},
    {"IQ2_M", LLAMA_FTYPE_MOSTLY_IQ2_M, GGML_TYPE_IQ2_S},
    {"IQ2_S", LLAMA_FTYPE_MOSTLY_IQ2_S, GGML_TYPE_IQ2_XS},
    {"IQ2_XS", LLAMA_FTYPE_MOSTLY_IQ2_XS, GGML_TYPE_IQ2_XS},
    {"IQ2_XXS", LLAMA_FTYPE_MOSTLY_IQ2_XXS, GGML_TYPE_IQ2_XXS},
    {"Q2_0", LLAMA_FTYPE_MOSTLY_Q2_0, GGML_TYPE_Q2_0},
    {"TQ2_0", LLAMA_FTYPE_MOSTLY_TQ2_0, GGML_TYPE_TQ2_0},
    {"TQ1_0", LLAMA_FTYPE_MOSTLY_TQ1_0, GGML_TYPE_TQ1_0},
    {"IQ1_M", LLAMA_FTYPE_MOSTLY_IQ1_M, GGML_TYPE_IQ1_M},
    {"IQ1_S", LLAMA_FTYPE_MOSTLY_IQ1_S, GGML_TYPE_IQ1_S},
    {"Q1_0", LLAMA_FTYPE_MOSTLY_Q1_0, GGML_TYPE_Q1_0},
};

} // namespace

llama_ftype quantize_file_type(const std::string & name) {
    for (const FileType & type : file_types) {
        if (name == type.name) {
            return type.file_type;
        }
    }
    throw OptionError("there is no file type '" + name + "' to quantize to");
}

ggml_type base_type(llama_ftype file_type) {
    for (const FileType & type : file_types) {
        if (file_type == type.file_type) {
            return type.base;
        }
    }
    throw OptionError("file type " + std::to_string(file_type) + " is not one to quantize to");
}

ggml_type quantize_tensor_type(const std::string & name) {
    for (const FileType & type : file_types) {
        if (name == ggml_type_name(type.base)) {
            return type.base;
        }
    }
    if (name == ggml_type_name(GGML_TYPE_NVFP4)) { // of single tensors, but of no file
        return GGML_TYPE_NVFP4;
    }
    throw OptionError("there is no tensor type '" + name + "' to quantize to");
}

bool needs_importance(const std::string & tensor, ggml_type type, llama_ftype file_type) {
    if (ggml_quantize_requires_imatrix(type)) {
        return true; // ggml ends the process where it is missing
    }
    if (tensor == "output.weight" || tensor == "token_embd.weight" ||
        tensor == "per_layer_token_embd.weight") {
        return false;
    }
    switch (type) {
    case GGML_TYPE_IQ3_XXS:
    case GGML_TYPE_IQ2_S:
    case GGML_TYPE_IQ1_M:
        return true;
    case GGML_TYPE_Q2_K:
        return file_type == LLAMA_FTYPE_MOSTLY_Q2_K_S;
    default:
        return false;
    }
}

} // namespace pyengine
