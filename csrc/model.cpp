#include "model.hpp"

#include <array>
#include <cstring>

#include <ggml-backend.h>

#include "errors.hpp"
#include "gguf_check.hpp"
#include "log_sink.hpp"

namespace pyengine {
namespace {

struct ProgressState {
    const LoadProgress & progress;
    bool aborted = false;
};

bool on_progress(float fraction, void * user_data) {
    auto & state = *static_cast<ProgressState *>(user_data);
    state.aborted = state.aborted || !state.progress(fraction);
    return !state.aborted;
}

// Reads a string that llama.cpp writes into a buffer and whose full length it returns.
template <typename Read> std::string read_string(Read read) {
    std::string text(256, '\0');
    const std::int32_t length = read(text.data(), text.size());
    if (length < 0) {
        return {};
    }
    if (static_cast<std::size_t>(length) >= text.size()) {
        text.resize(static_cast<std::size_t>(length) + 1);
        read(text.data(), text.size());
    }
    text.resize(static_cast<std::size_t>(length));
    return text;
}

std::string metadata_value(const llama_model * model, const char * key) {
    return read_string([&](char * buffer, std::size_t size) {
        return llama_model_meta_val_str(model, key, buffer, size);
    });
}

std::string file_metadata(const llama_model * model, const std::string & suffix) {
    const std::string architecture = metadata_value(model, "general.architecture");
    return metadata_value(model, (architecture + suffix).c_str());
}

// Overrides that make llama.cpp load the weights and leave the tokenizer unread: a list of
// overrides that ends in an empty key.
std::array<llama_model_kv_override, 3> without_vocabulary(const GgufSummary & file) {
    std::array<llama_model_kv_override, 3> overrides{};
    const std::string size_key = file.architecture + ".vocab_size";
    overrides[0].tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    std::strncpy(overrides[0].key, "tokenizer.ggml.model", sizeof(overrides[0].key) - 1);
    std::strncpy(overrides[0].val_str, "no_vocab", sizeof(overrides[0].val_str) - 1);
    overrides[1].tag = LLAMA_KV_OVERRIDE_TYPE_INT;
    std::strncpy(overrides[1].key, size_key.c_str(), sizeof(overrides[1].key) - 1);
    overrides[1].val_i64 = static_cast<std::int64_t>(file.n_vocab);
    return overrides;
}

// How a file is opened: what the check found, and whether llama.cpp reads the tokenizer now.
struct Plan {
    GgufSummary file;
    bool with_tokenizer;
};

Plan plan(const std::string & path, const ModelOptions & options) {
    const bool can_wait = !options.vocabulary_only && can_read_pieces(GgufFile(path));
    GgufSummary file = check_gguf(path, !options.skip_vocabulary && !can_wait);
    if (file.n_tensors == 0 && !options.vocabulary_only) {
        throw ModelKindError(path + ": holds a vocabulary and no weights; nothing can be decoded");
    }
    const bool skip = (options.skip_vocabulary || can_wait) && file.n_vocab > 0;
    return {std::move(file), options.vocabulary_only || !skip};
}

std::shared_ptr<llama_model> load(const std::string & path, const ModelOptions & options,
                                  const LoadProgress & progress, const Plan & plan) {
    const auto overrides = without_vocabulary(plan.file);
    llama_model_params params = llama_model_default_params();
    if (!plan.with_tokenizer) {
        params.kv_overrides = overrides.data();
    }
    params.n_gpu_layers = options.n_gpu_layers;
    params.load_mode = options.use_mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    params.use_extra_bufts = options.use_extra_bufts;
    params.vocab_only = options.vocabulary_only;
    ProgressState state{progress};
    if (progress) {
        params.progress_callback = on_progress;
        params.progress_callback_user_data = &state;
    }
    const ErrorLines errors;
    llama_model_ptr model(llama_model_load_from_file(path.c_str(), params));
    if (state.aborted) {
        throw Interrupted("loading " + path + " was interrupted");
    }
    if (!model) {
        throw ModelFileError(path, "llama.cpp cannot open it: " + errors.text("it gave no reason"));
    }
    return model;
}

} // namespace

Model::Model(const std::string & path, const ModelOptions & options, const LoadProgress & progress)
    : path_(path), options_(options) {
    const Plan how = plan(path, options);
    model_ = load(path, options, progress, how);
    const std::string pre_tokenizer = metadata_value(model_.get(), "tokenizer.ggml.pre");
    if (how.with_tokenizer || options.skip_vocabulary) {
        vocabulary_ = std::make_shared<Vocabulary>(model_, path, pre_tokenizer);
        return;
    }
    const std::string kind =
        metadata_value(model_.get(), "tokenizer.ggml.model") == "gpt2" ? "bpe" : "spm";
    vocabulary_ =
        std::make_shared<Vocabulary>(path, static_cast<int>(how.file.n_vocab), kind, pre_tokenizer);
}

int Model::n_vocab() const {
    return llama_vocab_n_tokens(llama_model_get_vocab(model_.get()));
}

int Model::n_embd() const {
    return llama_model_n_embd(model_.get());
}

int Model::n_layer() const {
    return llama_model_n_layer(model_.get());
}

int Model::n_head() const {
    return llama_model_n_head(model_.get());
}

int Model::n_head_kv() const {
    return llama_model_n_head_kv(model_.get());
}

int Model::n_ctx_train() const {
    return llama_model_n_ctx_train(model_.get());
}

std::uint64_t Model::n_params() const {
    return llama_model_n_params(model_.get());
}

std::uint64_t Model::n_bytes() const {
    return llama_model_size(model_.get());
}

std::string Model::file_type() const {
    return llama_ftype_name(llama_model_ftype(model_.get()));
}

std::string Model::description() const {
    return read_string([this](char * buffer, std::size_t size) {
        return llama_model_desc(model_.get(), buffer, size);
    });
}

bool Model::is_recurrent() const {
    return llama_model_is_recurrent(model_.get());
}

bool Model::is_hybrid() const {
    return llama_model_is_hybrid(model_.get());
}

bool Model::has_encoder() const {
    return llama_model_has_encoder(model_.get());
}

bool Model::has_decoder() const {
    return llama_model_has_decoder(model_.get());
}

bool Model::has_causal_attention() const {
    return file_metadata(model_.get(), ".attention.causal") != "false";
}

std::optional<std::string> Model::chat_template() const {
    const char * text = llama_model_chat_template(model_.get(), nullptr);
    return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

std::vector<std::pair<std::string, std::string>> Model::metadata() const {
    std::vector<std::pair<std::string, std::string>> pairs;
    const std::int32_t count = llama_model_meta_count(model_.get());
    for (std::int32_t i = 0; i < count; ++i) {
        std::string key = read_string([&](char * buffer, std::size_t size) {
            return llama_model_meta_key_by_index(model_.get(), i, buffer, size);
        });
        std::string value = read_string([&](char * buffer, std::size_t size) {
            return llama_model_meta_val_str_by_index(model_.get(), i, buffer, size);
        });
        pairs.emplace_back(std::move(key), std::move(value));
    }
    return pairs;
}

std::vector<std::string> Model::devices() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        names.emplace_back(ggml_backend_dev_name(ggml_backend_dev_get(i)));
    }
    return names;
}

} // namespace pyengine
