// A model that is to be quantized, checked for what llama.cpp's quantizer does not check.
#pragma once

#include <cstdint>
#include <regex>
#include <string>
#include <vector>

#include "engine/quantize.hpp"
#include "gguf/gguf_file.hpp"

namespace pyengine {

struct SourceTensor {
    std::string name;
    std::vector<std::int64_t> shape; // the length of a row first
    ggml_type type;
};

// Whether its rows are whole blocks of a type.
bool is_whole(const SourceTensor & tensor, ggml_type type);

struct QuantizeSource {
    std::string path;
    std::vector<FileIdentity> files; // all parts
    std::vector<SourceTensor> tensors;

    // The tensor of that name; null where there is none.
    const SourceTensor * find(const std::string & name) const;
    // Whether the token embedding serves as the output as well.
    bool is_tied() const { return find("output.weight") == nullptr; }
};

// The patterns of the overrides, as llama.cpp compiles them, and which of them match a name.
std::vector<std::regex> compiled(const QuantizeOptions & options);
std::vector<std::size_t> matching_rules(const std::string & name,
                                        const std::vector<std::regex> & rules);

// Throws ModelFileError, ModelKindError and OptionError for what cannot be quantized so.
QuantizeSource checked_source(const std::string & path, const QuantizeOptions & options);

} // namespace pyengine
