// A model file opened by llama.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <llama-cpp.h>

#include "engine/adapters.hpp"
#include "vocab/vocabulary.hpp"

namespace pyengine {

struct ModelOptions {
    int n_gpu_layers = 0;          // negative: all layers
    std::vector<std::string> gpus; // that hold these layers; without one the CPU computes all
    bool use_mmap = true;
    bool use_extra_bufts =
        false; // weight repacking; off because it faults on some virtual machines
    bool vocabulary_only = false;
    bool skip_vocabulary = false;      // load the weights and leave the tokenizer unread
    std::vector<AdapterFile> adapters; // applied by every context
    bool no_alloc = false; // read no weights: contexts count their memory, and decode nothing
};

// Called with a fraction in [0, 1]; returning false aborts the load.
using LoadProgress = std::function<bool(float)>;

class Model {
public:
    // model_opening.cpp. Throws ModelFileError, ModelKindError or Interrupted.
    Model(const std::string & path, const ModelOptions & options, const LoadProgress & progress);

    const std::string & path() const { return path_; }
    // Throws ModelFileError where a file of the model was replaced, cut or written to since.
    void require_unchanged() const;
    const ModelOptions & options() const { return options_; }
    llama_model * get() const { return model_.get(); }
    // The tokenizer; with skip_vocabulary it is of kind "none".
    const std::shared_ptr<Vocabulary> & vocabulary() const { return vocabulary_; }

    bool has_weights() const { return !options_.vocabulary_only; }
    int n_vocab() const;
    int n_embd() const;
    int n_layer() const;
    int n_head() const;
    int n_head_kv() const;
    int n_ctx_train() const;
    // Rows of the table of learned positions; 0 where positions are computed.
    std::uint64_t n_positions() const { return n_positions_; }
    // Tokens of the longest context that was decoded so far; contexts tell what they reach.
    int longest_context() const { return longest_context_; }
    void reach(llama_pos position);
    std::uint64_t n_params() const;
    std::uint64_t n_bytes() const; // of all tensors
    std::string file_type() const;
    std::string description() const;
    bool is_recurrent() const;
    bool is_hybrid() const;
    bool has_encoder() const;
    bool has_decoder() const;
    bool has_causal_attention() const;
    bool is_diffusion() const;
    std::optional<std::string> chat_template() const;
    std::vector<std::pair<std::string, std::string>> metadata() const;
    std::string metadata_value(const std::string & key) const; // empty where there is none
    // Lets a context apply the adapters that the model was opened with.
    void apply_adapters(llama_context & context) const;

private:
    std::string path_;
    ModelOptions options_;
    std::uint64_t n_positions_ = 0;
    std::atomic<int> longest_context_{0};
    std::vector<FileIdentity> files_;  // all parts
    std::list<BusErrorWatch> watches_; // of each; llama.cpp maps them
    std::shared_ptr<llama_model> model_;
    std::vector<llama_adapter_lora *> adapters_; // llama.cpp's model owns them
    std::shared_ptr<Vocabulary> vocabulary_;
};

} // namespace pyengine
