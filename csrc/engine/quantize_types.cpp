#include "engine/quantize.hpp"

#include "engine/errors.hpp"

namespace pyengine {
namespace {

struct FileType {
    const char * name;
    llama_ftype file_type;
    ggml_type base;
};

constexpr FileType file_types[] = {
    {"F32", LLAMA_FTYPE_ALL_F32, GGML_TYPE_F32},
    {"F16", LLAMA_FTYPE_MOSTLY_F16, GGML_TYPE_F16},
    {"BF16", LLAMA_FTYPE_MOSTLY_BF16, GGML_TYPE_BF16},
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
    {"Q3_K_L", LLAMA_FTYPE_MOSTLY_Q3_K_L, GGML_TYPE_Q3_K},
    {"Q3_K_M", LLAMA_FTYPE_MOSTLY_Q3_K_M, GGML_TYPE_Q3_K},
    {"Q3_K_S", LLAMA_FTYPE_MOSTLY_Q3_K_S, GGML_TYPE_Q3_K},
    {"Q2_K", LLAMA_FTYPE_MOSTLY_Q2_K, GGML_TYPE_Q2_K},
    {"Q2_K_S", LLAMA_FTYPE_MOSTLY_Q2_K_S, GGML_TYPE_Q2_K},
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
    throw OptionError("there is no tensor type '" + name + "' to quantize to");
}

} // namespace pyengine
