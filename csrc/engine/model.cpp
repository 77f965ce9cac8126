#include "engine/model.hpp"

namespace pyengine {
namespace {

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

} // namespace

std::string Model::metadata_value(const std::string & key) const {
    return read_string([&](char * buffer, std::size_t size) {
        return llama_model_meta_val_str(model_.get(), key.c_str(), buffer, size);
    });
}

void Model::reach(llama_pos position) {
    const int length = position + 1;
    int longest = longest_context_;
    while (longest < length && !longest_context_.compare_exchange_weak(longest, length)) {
    }
}

void Model::apply_adapters(llama_context & context) const {
    std::vector<llama_adapter_lora *> adapters = adapters_;
    std::vector<float> scales;
    for (const AdapterFile & adapter : options_.adapters) {
        scales.push_back(adapter.scale);
    }
    if (!adapters.empty()) {
        llama_set_adapters_lora(&context, adapters.data(), adapters.size(), scales.data());
    }
}

void Model::require_unchanged() const {
    for (const FileIdentity & file : files_) {
        file.require_unchanged();
    }
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
    return metadata_value(metadata_value("general.architecture") + ".attention.causal") != "false";
}

bool Model::is_diffusion() const {
    return llama_model_is_diffusion(model_.get());
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

} // namespace pyengine
