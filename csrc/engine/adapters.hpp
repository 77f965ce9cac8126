// LoRA adapters: files of small matrices that are added to a model's own while it computes.
#pragma once

#include <string>
#include <vector>

#include <llama-cpp.h>

#include "gguf/file_identity.hpp"

namespace pyengine {

struct AdapterFile {
    std::string path;
    float scale = 1.0F; // of what the adapter adds
};

// Reads an adapter into a model, which frees it. Checks all that llama.cpp asserts first: that the
// file is a LoRA of this architecture, and that each pair of matrices fits a tensor of the model's
// files. Throws ModelFileError, which names the adapter.
llama_adapter_lora * load_adapter(llama_model & model, const std::vector<FileIdentity> & files,
                                  const std::string & architecture, const AdapterFile & adapter);

} // namespace pyengine
