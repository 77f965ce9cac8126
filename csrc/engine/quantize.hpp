// llama.cpp's quantizer: what it would write, and the writing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <llama.h>

namespace pyengine {

struct QuantizeOptions {
    llama_ftype file_type = LLAMA_FTYPE_MOSTLY_Q8_0;
    int threads = 1;
    std::optional<ggml_type> output_type;
    std::optional<ggml_type> embedding_type;
    bool pure = false;             // every tensor of the file type's own type, no mixture
    bool allow_requantize = false; // accept a source that is quantized already
    // Regular expressions on tensor names and the type for what they match, first match wins.
    std::vector<std::pair<std::string, ggml_type>> overrides;
    std::string imatrix; // path of an importance matrix, empty for none
    // Added to the metadata of the result; values of at most 127 bytes.
    std::vector<std::pair<std::string, std::string>> metadata;
};

struct PlannedTensor {
    std::string name;
    std::vector<std::int64_t> shape; // the length of a row first
    ggml_type source_type;
    ggml_type target_type;
    std::uint64_t target_bytes;
    // The type that it should have had, and that its rows are no whole blocks of.
    std::optional<ggml_type> wanted_type;
    bool needs_importance = false;  // see needs_importance
    bool has_importance = false;    // the importance matrix has an entry of it
    std::vector<std::size_t> rules; // the overrides whose pattern matches its name
};

struct QuantizePlan {
    std::vector<PlannedTensor> tensors; // in the order in which they are written
    std::uint64_t file_bytes = 0;       // exact size of the file to come
    std::size_t n_importance = 0;       // entries of the importance matrix
    std::size_t n_importance_used = 0;  // those that name a tensor of the source
};

// Names such as "Q4_K_M" and "q4_k"; throw OptionError for others.
llama_ftype quantize_file_type(const std::string & name);
ggml_type quantize_tensor_type(const std::string & name);
// The type that a file type gives to tensors outside its mixture.
ggml_type base_type(llama_ftype file_type);
// Whether llama.cpp refuses to give a tensor a type without its importance: the rule of its
// tensor_requires_imatrix, and for embeddings and output, which that lets pass, ggml's own.
bool needs_importance(const std::string & tensor, ggml_type type, llama_ftype file_type);

// Checks the source and the options, and asks llama.cpp for its choice of types. Where a type needs
// an importance matrix that is not given, the plan is what one would give. Throws OptionError
// where rows are no whole blocks of a type for which llama.cpp has no other.
QuantizePlan plan_quantization(const std::string & source, const QuantizeOptions & options);

// Writes the quantized file. llama.cpp offers no way to stop it: run it in a process that may
// be ended. Throws EngineError where llama.cpp fails.
void quantize(const std::string & source, const std::string & target,
              const QuantizeOptions & options);

} // namespace pyengine
