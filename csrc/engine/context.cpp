#include "engine/context.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "engine/errors.hpp"
#include "engine/finite.hpp"
#include "engine/log_sink.hpp"
#include "engine/threads.hpp"

namespace pyengine {
namespace {

constexpr std::uint32_t max_sequences = 256; // LLAMA_MAX_SEQ

void require(bool condition, const std::string & message) {
    if (!condition) {
        throw OptionError(message);
    }
}

bool is_quantized(const ContextOptions & options) {
    return ggml_is_quantized(options.k_type) || ggml_is_quantized(options.v_type);
}

void check_options(const ContextOptions & options) {
    require(options.n_ctx >= 1, "n_ctx must be at least 1");
    require(options.n_batch >= 1 && options.n_ubatch >= 1,
            "n_batch and n_ubatch must be at least 1");
    require(options.n_seq_max >= 1 && options.n_seq_max <= max_sequences,
            "n_seq_max must be from 1 to " + std::to_string(max_sequences) + ", not " +
                std::to_string(options.n_seq_max));
    require(options.threads >= 1 && static_cast<std::size_t>(options.threads) <= max_threads,
            "threads must be from 1 to 512, not " + std::to_string(options.threads));
    // Without flash attention llama.cpp aborts where a head is no whole number of blocks.
    require(options.flash_attention != LLAMA_FLASH_ATTN_TYPE_DISABLED || !is_quantized(options),
            "a quantized cache needs flash attention, which is off");
    require_threads(options.threads);
}

// Settings that some models have no use for, or that llama.cpp aborts on with them.
void check_settings(const Model & model, const ContextOptions & options) {
    const std::string architecture = model.metadata_value("general.architecture");
    require(!is_quantized(options) || architecture != "grok",
            model.path() + ": llama.cpp computes its attention without flash attention, so its "
                           "cache cannot be quantized");
    const bool is_usual = options.k_type == GGML_TYPE_F16 && options.v_type == GGML_TYPE_F16;
    require(is_usual || !model.is_recurrent(),
            model.path() + ": keeps a recurrent state in place of an attention cache, so there is "
                           "no type of a cache to choose");
    for (const float value : {options.rope_freq_base, options.rope_freq_scale}) {
        require(value == 0.0F || (value >= 1e-4F && value <= 1e12F),
                "the base and the scale of rotary positions must be from 0.0001 to 1e12, not " +
                    std::to_string(value));
        require(value == 0.0F || llama_model_rope_type(model.get()) != LLAMA_ROPE_TYPE_NONE,
                model.path() + ": has no rotary positions to scale");
    }
}

// Architectures that llama.cpp opens and that predict no next token by themselves: encoders, audio
// decoders, and draft models, which read another model's states. llama.cpp aborts on a context or a
// batch of some of them.
constexpr std::array<std::string_view, 17> without_next_token = {"bert",
                                                                 "modern-bert",
                                                                 "nomic-bert",
                                                                 "nomic-bert-moe",
                                                                 "neo-bert",
                                                                 "jina-bert-v2",
                                                                 "jina-bert-v3",
                                                                 "eurobert",
                                                                 "llama-embed",
                                                                 "gemma-embedding",
                                                                 "t5",
                                                                 "t5encoder",
                                                                 "clip",
                                                                 "eagle3",
                                                                 "dflash",
                                                                 "gemma4-assistant",
                                                                 "wavtokenizer-dec"};

[[noreturn]] void refuse_kind(const Model & model, const std::string & what) {
    throw ModelKindError(model.path() + ": " + what +
                         " has no next-token distribution; use a decoder-only language model");
}

void check_model(const Model & model) {
    if (!model.has_weights()) {
        throw ModelKindError(model.path() +
                             ": opened for its vocabulary only; open it with its weights");
    }
    const std::string architecture = model.metadata_value("general.architecture");
    if (model.is_diffusion()) {
        refuse_kind(model, "a diffusion model (" + architecture + ")");
    }
    if (!model.has_decoder() || model.has_encoder() ||
        std::find(without_next_token.begin(), without_next_token.end(), architecture) !=
            without_next_token.end()) {
        refuse_kind(model, "an encoder, audio or draft model (" + architecture + ")");
    }
    if (!model.has_causal_attention()) {
        refuse_kind(model, "an embedding model (attention is not causal)");
    }
}

// What only a context knows: architectures whose attention is never causal, or that keep no memory.
void check_context(const Model & model, llama_context * context) {
    if (!llama_get_causal_attn(context) || llama_get_memory(context) == nullptr) {
        refuse_kind(model, "a model that does not read from left to right (" +
                               model.metadata_value("general.architecture") + ")");
    }
}

llama_context_params context_params(const ContextOptions & options) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = options.n_ctx;
    params.n_batch = options.n_batch;
    params.n_ubatch = options.n_ubatch;
    params.n_seq_max = options.n_seq_max;
    // llama.cpp reserves one row for every sequence and aborts if the cap is below that.
    params.n_outputs_max = std::max(options.n_outputs_max, options.n_seq_max);
    params.n_threads = options.threads;
    params.n_threads_batch = options.threads;
    params.flash_attn_type = options.flash_attention;
    params.offload_kqv = options.offload_kqv;
    params.type_k = options.k_type;
    params.type_v = options.v_type;
    params.rope_freq_base = options.rope_freq_base;
    params.rope_freq_scale = options.rope_freq_scale;
    params.swa_full = options.full_windows;
    params.kv_unified = options.kv_unified;
    params.no_perf = true;
    return params;
}

// The arrays of a llama_batch, owned by vectors.
struct BatchArrays {
    std::vector<llama_token> ids;
    std::vector<llama_pos> positions;
    std::vector<std::int32_t> sequence_counts;
    std::vector<llama_seq_id *> sequences;
    std::vector<std::int8_t> outputs;

    explicit BatchArrays(const std::vector<BatchToken> & tokens) {
        for (const BatchToken & token : tokens) {
            ids.push_back(token.id);
            positions.push_back(token.position);
            sequence_counts.push_back(static_cast<std::int32_t>(token.sequences.size()));
            // llama_batch wants a mutable pointer and only reads.
            sequences.push_back(const_cast<llama_seq_id *>(token.sequences.data()));
            outputs.push_back(token.output ? 1 : 0);
        }
        sequences.push_back(nullptr);
    }

    llama_batch view() {
        return {static_cast<std::int32_t>(ids.size()),
                ids.data(),
                nullptr,
                positions.data(),
                sequence_counts.data(),
                sequences.data(),
                outputs.data()};
    }
};

bool observe_node(ggml_tensor * node, bool ask, void * observer) {
    return static_cast<NodeObserver *>(observer)->observe(*node, ask);
}

bool poll_interrupt(void * data) {
    return static_cast<InterruptPoll *>(data)->stop();
}

} // namespace

Context::Context(std::shared_ptr<Model> model, const ContextOptions & options,
                 std::shared_ptr<NodeObserver> observer)
    : model_(std::move(model)), observer_(std::move(observer)), options_(options) {
    check_options(options_);
    check_model(*model_);
    check_settings(*model_, options_);
    options_.n_outputs_max = std::max(options_.n_outputs_max, options_.n_seq_max);
    const ErrorLines errors;
    llama_context_params params = context_params(options_);
    if (observer_) {
        params.cb_eval = observe_node;
        params.cb_eval_user_data = observer_.get();
    }
    context_.reset(llama_init_from_model(model_->get(), params));
    if (!context_ && is_quantized(options_)) {
        throw OptionError(model_->path() + ": its attention cache cannot be kept as " +
                          ggml_type_name(options_.k_type) + " and " +
                          ggml_type_name(options_.v_type) + ": " +
                          errors.text("llama.cpp gave no reason"));
    }
    if (!context_) {
        throw EngineError(model_->path() + ": llama.cpp cannot create a context: " +
                          errors.text("it gave no reason"));
    }
    check_context(*model_, context_.get());
    model_->apply_adapters(*context_);
}

void Context::check_sequence(llama_seq_id sequence) const {
    require(sequence >= 0 && static_cast<std::uint32_t>(sequence) < options_.n_seq_max,
            "sequence " + std::to_string(sequence) + " is outside the context's " +
                std::to_string(options_.n_seq_max) + " sequences");
}

void Context::check(const std::vector<BatchToken> & tokens) const {
    require(!model_->options().no_alloc, "the model was opened to count its memory only");
    require(!tokens.empty(), "there is no token to decode");
    require(tokens.size() <= n_batch(),
            std::to_string(tokens.size()) +
                " tokens are more than n_batch = " + std::to_string(n_batch()));
    const std::uint64_t n_positions = model_->n_positions();
    std::size_t n_outputs = 0;
    for (const BatchToken & token : tokens) {
        if (token.id < 0 || token.id >= n_vocab()) {
            throw TokenizerError("token id " + std::to_string(token.id) +
                                 " is outside the vocabulary of " + std::to_string(n_vocab()) +
                                 " tokens");
        }
        require(token.position >= 0 && static_cast<std::uint32_t>(token.position) < n_ctx_seq(),
                "position " + std::to_string(token.position) + " is outside the context of " +
                    std::to_string(n_ctx_seq()) + " tokens");
        require(n_positions == 0 || static_cast<std::uint64_t>(token.position) < n_positions,
                "position " + std::to_string(token.position) + " is beyond the " +
                    std::to_string(n_positions) + " that " + model_->path() + " has learned");
        require(!token.sequences.empty(), "a token belongs to no sequence");
        require(options_.kv_unified || token.sequences.size() == 1,
                "a token belongs to several sequences, which share no memory");
        for (const llama_seq_id sequence : token.sequences) {
            check_sequence(sequence);
        }
        n_outputs += token.output ? 1 : 0;
    }
    require(n_outputs <= options_.n_outputs_max,
            std::to_string(n_outputs) + " rows of logits are more than n_outputs_max = " +
                std::to_string(options_.n_outputs_max));
}

void Context::decode(const std::vector<BatchToken> & tokens, const Interrupt & interrupt) {
    check(tokens);
    model_->require_unchanged();
    BatchArrays arrays(tokens);
    InterruptPoll poll(interrupt);
    logits_ = nullptr;
    n_rows_ = 0;
    model_->reach(*std::max_element(arrays.positions.begin(), arrays.positions.end()));
    const ErrorLines errors;
    if (observer_) {
        observer_->begin(tokens.size());
    }
    llama_set_abort_callback(context_.get(), poll_interrupt, &poll);
    const std::int32_t status = llama_decode(context_.get(), arrays.view());
    llama_synchronize(context_.get());
    llama_set_abort_callback(context_.get(), nullptr, nullptr);
    model_->require_unchanged(); // nor while it computed
    if (status == 0 && observer_) {
        observer_->finish(model_->path()); // the logits may not have been computed
        return;
    }
    if (status == 0) {
        n_rows_ = static_cast<std::size_t>(
            std::count(arrays.outputs.begin(), arrays.outputs.end(), std::int8_t{1}));
        logits_ = n_rows_ > 0 ? llama_get_logits(context_.get()) : nullptr;
        check_logits();
        return;
    }
    clear();
    if (poll.stopped()) {
        throw Interrupted("decoding was interrupted");
    }
    if (status == 1) {
        throw DecodeError(std::to_string(tokens.size()) +
                          " more tokens do not fit into the context of " + std::to_string(n_ctx()) +
                          " tokens; use a larger n_ctx");
    }
    throw DecodeError("llama.cpp refused the batch (status " + std::to_string(status) +
                      "): " + errors.text("it gave no reason"));
}

void Context::check_logits() {
    if (all_finite(logits_, n_rows_ * static_cast<std::size_t>(n_vocab()))) {
        return;
    }
    logits_ = nullptr;
    n_rows_ = 0;
    clear();
    throw NumbersError(model_->path());
}

void Context::clear() {
    llama_memory_clear(llama_get_memory(context_.get()), false);
}

bool Context::take_over(llama_seq_id source, llama_seq_id target, llama_pos length) {
    check_sequence(source);
    check_sequence(target);
    llama_memory_t memory = llama_get_memory(context_.get());
    const llama_pos first = llama_memory_seq_pos_min(memory, source);
    const llama_pos after = llama_memory_seq_pos_max(memory, source) + 1;
    // A recurrent state has no parts; an attention window drops what it has left behind.
    const bool is_recurrent = model_->is_recurrent() || model_->is_hybrid();
    const bool whole = length == after;
    if (length < 1 || length > after || is_recurrent || !(whole || first == 0)) {
        llama_memory_seq_rm(memory, target, -1, -1);
        return false;
    }
    if (source != target) {
        llama_memory_seq_rm(memory, target, -1, -1);
        llama_memory_seq_cp(memory, source, target, -1, -1);
    }
    return whole || llama_memory_seq_rm(memory, target, length, -1);
}

} // namespace pyengine
