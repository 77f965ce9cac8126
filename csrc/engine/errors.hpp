// The exceptions of the core. register_errors.cpp maps each to its class in pyengine.errors.
#pragma once

#include <stdexcept>
#include <string>

namespace pyengine {

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A file that is missing, truncated, corrupt or not a GGUF that llama.cpp can open.
struct ModelFileError : Error {
    ModelFileError(const std::string & path, const std::string & reason)
        : Error(path + ": " + reason) {}
};

// A model whose logits, or activations, are NaN or infinite; it keeps the path, so that others can
// go on without it.
struct NumbersError : ModelFileError {
    explicit NumbersError(const std::string & file, const std::string & what = "logits")
        : ModelFileError(file, "computes " + what +
                                   " that are NaN or infinite: its weights are damaged, "
                                   "or this build of llama.cpp cannot compute this model"),
          path(file) {}
    std::string path;
};

// A valid file of the wrong kind: vocabulary-only or an embedding model where logits are needed.
struct ModelKindError : Error {
    using Error::Error;
};

// A tokenizer that cannot do what was asked, or a token id outside the vocabulary.
struct TokenizerError : Error {
    using Error::Error;
};

// An argument that llama.cpp would refuse, or abort on.
struct OptionError : Error {
    using Error::Error;
};

// llama.cpp could not allocate or create something.
struct EngineError : Error {
    using Error::Error;
};

struct DecodeError : EngineError {
    using EngineError::EngineError;
};

// The caller's interrupt function asked to stop.
struct Interrupted : Error {
    using Error::Error;
};

} // namespace pyengine
