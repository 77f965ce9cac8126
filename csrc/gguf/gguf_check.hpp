// Whether a model file can be given to llama.cpp without it aborting the process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gguf/gguf_file.hpp"

namespace pyengine {

struct GgufSummary {
    // The file itself, or all parts of a split model, in order.
    std::vector<FileIdentity> parts;
    std::uint32_t version = 0;
    std::string architecture;
    std::size_t n_metadata = 0;
    std::size_t n_tensors = 0; // over all parts
    std::uint64_t n_bytes = 0; // of all files
    std::uint64_t n_vocab = 0; // tokens of the tokenizer, 0 where there is none
    // Rows of the table of learned positions, which no position may exceed; 0 where there is none.
    std::uint64_t n_positions = 0;
    // Every abort that this architecture and tokenizer can run into was looked for. Where false,
    // a first opening belongs in a child process.
    bool reviewed = false;
    bool tokenizer_reviewed = false; // the same for opening its vocabulary alone
};

// Reads header, metadata and tensor table of the file, or of all parts of a split model, and
// everything in them that llama.cpp asserts instead of checking. Throws ModelFileError.
// `vocabulary` false leaves the tokenizer out, for a model that is opened without it.
GgufSummary check_gguf(const std::string & path, bool vocabulary = true);
// The same for a file, or the first part of a model, that is open already.
GgufSummary check_gguf(const GgufFile & first, bool vocabulary);

// Whether kernels of GPUs compute an RWKV head of this size; they assert it.
bool is_wkv_head_of_gpus(std::uint32_t size);

// Whether the tokenizer is of a kind whose loading was read line by line.
bool is_reviewed_tokenizer(const GgufFile & file);

// The three parts of check_gguf that look at one opened file. Each throws ModelFileError.
void check_gguf_vocabulary(const GgufFile & file);
// Returns whether the architecture is a reviewed one.
bool check_gguf_parameters(const GgufFile & file, const std::string & architecture);
// `parts` are all files of the model; `reviewed` says that every tensor's use is known.
void check_gguf_weights(const std::vector<const GgufFile *> & parts,
                        const std::string & architecture, bool reviewed);

} // namespace pyengine
