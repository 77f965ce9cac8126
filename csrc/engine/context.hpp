// A decoding context over a model: tokens of one or many sequences in, rows of logits out.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <llama-cpp.h>

#include "engine/interrupt.hpp"
#include "engine/model.hpp"
#include "engine/node_observer.hpp"

namespace pyengine {

struct ContextOptions {
    std::uint32_t n_ctx = 512;       // tokens held at once, over all sequences
    std::uint32_t n_batch = 512;     // tokens in one decode
    std::uint32_t n_ubatch = 512;    // tokens computed at once
    std::uint32_t n_seq_max = 1;     // sequences held at once, at most 256
    std::uint32_t n_outputs_max = 1; // rows of logits one decode may ask for
    int threads = 1;
    llama_flash_attn_type flash_attention = LLAMA_FLASH_ATTN_TYPE_AUTO;
    bool offload_kqv = true;
    // One memory for all sequences, in which a token may belong to several; or one for each, all
    // of a length, so that attention passes over no other sequence's tokens.
    bool kv_unified = true;
    ggml_type k_type = GGML_TYPE_F16; // of the attention cache
    ggml_type v_type = GGML_TYPE_F16;
    float rope_freq_base = 0.0F; // of rotary positions; 0 as the model says
    float rope_freq_scale = 0.0F;
    // Keep what lies behind a sliding window, so that sequences can be shared and cut anywhere.
    bool full_windows = true;
};

// One token of a batch, and whether its logits are wanted.
struct BatchToken {
    llama_token id;
    llama_pos position;
    std::vector<llama_seq_id> sequences; // those that share it
    bool output;
};

class Context {
public:
    // With an observer decodes give no logits.
    Context(std::shared_ptr<Model> model, const ContextOptions & options,
            std::shared_ptr<NodeObserver> observer = nullptr);

    // Decodes the tokens. Rows of logits come in the order of the tokens that asked for them.
    // Throws DecodeError; Interrupted when `interrupt` says so; NumbersError where a row is not
    // all numbers. The memory is cleared on each.
    void decode(const std::vector<BatchToken> & tokens, const Interrupt & interrupt);

    // The rows of the last decode, (n_rows() * n_vocab) floats; valid until the next decode.
    const float * logits() const { return logits_; }
    std::size_t n_rows() const { return n_rows_; }
    int n_vocab() const { return model_->n_vocab(); }

    void clear();
    // Lets `target` hold the first `length` positions of `source`, which may be the same, and
    // nothing else. False where the memory cannot give them all: `target` is then empty.
    bool take_over(llama_seq_id source, llama_seq_id target, llama_pos length);

    std::uint32_t n_ctx() const { return llama_n_ctx(context_.get()); }
    // Tokens that one sequence can hold.
    std::uint32_t n_ctx_seq() const { return llama_n_ctx_seq(context_.get()); }
    std::uint32_t n_batch() const { return llama_n_batch(context_.get()); }
    std::uint32_t n_ubatch() const { return llama_n_ubatch(context_.get()); }
    const ContextOptions & options() const { return options_; }
    const std::shared_ptr<Model> & model() const { return model_; }
    llama_context * get() const { return context_.get(); }

private:
    void check(const std::vector<BatchToken> & tokens) const;
    void check_sequence(llama_seq_id sequence) const;
    void check_logits();

    std::shared_ptr<Model> model_;
    std::shared_ptr<NodeObserver> observer_;
    ContextOptions options_;
    llama_context_ptr context_;
    const float * logits_ = nullptr;
    std::size_t n_rows_ = 0;
};

} // namespace pyengine
