#include "vocab/vocabulary.hpp"

#include <utility>

#include <llama-cpp.h>

#include "engine/errors.hpp"
#include "engine/huge_pages.hpp"
#include "engine/log_sink.hpp"
#include "gguf/gguf_check.hpp"

namespace pyengine {

namespace {

const char * kind_name(enum llama_vocab_type type) {
    switch (type) {
    case LLAMA_VOCAB_TYPE_NONE:
        return "none";
    case LLAMA_VOCAB_TYPE_SPM:
        return "spm";
    case LLAMA_VOCAB_TYPE_BPE:
        return "bpe";
    case LLAMA_VOCAB_TYPE_WPM:
        return "wpm";
    case LLAMA_VOCAB_TYPE_UGM:
        return "ugm";
    case LLAMA_VOCAB_TYPE_RWKV:
        return "rwkv";
    case LLAMA_VOCAB_TYPE_PLAMO2:
        return "plamo2";
    case LLAMA_VOCAB_TYPE_TEST:
        return "test";
    }
    return "unknown";
}

TokenKind kind_of(llama_token_attr attributes) {
    constexpr std::pair<llama_token_attr, TokenKind> kinds[] = {
        {LLAMA_TOKEN_ATTR_CONTROL, TokenKind::control},
        {LLAMA_TOKEN_ATTR_UNKNOWN, TokenKind::unknown},
        {LLAMA_TOKEN_ATTR_UNUSED, TokenKind::unused},
        {LLAMA_TOKEN_ATTR_USER_DEFINED, TokenKind::user_defined},
        {LLAMA_TOKEN_ATTR_BYTE, TokenKind::byte},
        {LLAMA_TOKEN_ATTR_NORMAL, TokenKind::normal},
    };
    for (const auto & [attribute, kind] : kinds) {
        if ((static_cast<unsigned>(attributes) & static_cast<unsigned>(attribute)) != 0) {
            return kind;
        }
    }
    return TokenKind::undefined;
}

std::shared_ptr<llama_model> load_tokenizer(const FileIdentity & file) {
    file.require_unchanged();
    const GgufSummary checked = check_gguf(file.path); // llama.cpp aborts on what this refuses
    put_next_heap_on_huge_pages(tokenizer_bytes(checked.n_vocab));
    const BusErrorWatch watch(file);
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    const ErrorLines errors;
    llama_model_ptr model(llama_model_load_from_file(file.path.c_str(), params));
    if (!model) {
        throw ModelFileError(file.path, "llama.cpp cannot read its tokenizer: " +
                                            errors.text("it gave no reason"));
    }
    file.require_unchanged();
    return model;
}

} // namespace

Vocabulary::Vocabulary(std::shared_ptr<llama_model> model, FileIdentity file,
                       std::string pre_tokenizer)
    : file_(std::move(file)), size_(llama_vocab_n_tokens(llama_model_get_vocab(model.get()))),
      kind_(kind_name(llama_vocab_type(llama_model_get_vocab(model.get())))),
      pre_tokenizer_(std::move(pre_tokenizer)), model_(std::move(model)) {}

Vocabulary::Vocabulary(FileIdentity file, int size, std::string kind, std::string pre_tokenizer)
    : file_(std::move(file)), size_(size), kind_(std::move(kind)),
      pre_tokenizer_(std::move(pre_tokenizer)) {}

const llama_vocab * Vocabulary::get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!model_) {
        model_ = load_tokenizer(file_);
    }
    return llama_model_get_vocab(model_.get());
}

bool Vocabulary::is_loaded() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return model_ != nullptr;
}

std::optional<llama_token> Vocabulary::bos() const {
    if (!is_loaded()) {
        const auto declared = GgufFile(file_).uint32("tokenizer.ggml.bos_token_id");
        if (declared && *declared < static_cast<std::uint32_t>(size_)) {
            return static_cast<llama_token>(*declared);
        }
    }
    return declared_or_special(llama_vocab_bos(get()), "tokenizer.ggml.bos_token_id");
}

std::optional<llama_token> Vocabulary::eos() const {
    return declared_or_special(llama_vocab_eos(get()), "tokenizer.ggml.eos_token_id");
}

std::optional<llama_token> Vocabulary::declared_or_special(llama_token id,
                                                           std::string_view key) const {
    if (id < 0 || id >= size_) {
        return std::nullopt;
    }
    // Where a file declares none, llama.cpp takes GPT-2's id, which here may be any word.
    const bool is_text = token_kind(id) == TokenKind::normal;
    if (is_text && GgufFile(file_).uint32(key) != static_cast<std::uint32_t>(id)) {
        return std::nullopt;
    }
    return id;
}

void Vocabulary::check(llama_token id) const {
    if (kind_ == "none") {
        throw TokenizerError("this model was opened without a vocabulary");
    }
    if (id < 0 || id >= size_) {
        throw TokenizerError("token id " + std::to_string(id) + " is outside the vocabulary of " +
                             std::to_string(size_) + " tokens");
    }
}

const PieceTable & Vocabulary::pieces() const {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!pieces_ && (kind_ == "bpe" || kind_ == "spm")) {
            pieces_ = read_pieces(GgufFile(file_));
        }
        if (pieces_) {
            return *pieces_;
        }
    }
    PieceTable table = pieces_from_llama();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!pieces_) {
        pieces_ = std::move(table);
    }
    return *pieces_;
}

PieceTable Vocabulary::pieces_from_llama() const {
    PieceTable table;
    if (kind_ == "none") {
        return table;
    }
    const llama_vocab * vocab = get();
    const std::vector<TokenKind> & all_kinds = kinds();
    std::string buffer(256, '\0');
    table.reserve(static_cast<std::size_t>(size_));
    for (llama_token id = 0; id < size_; ++id) {
        const auto capacity = static_cast<std::int32_t>(buffer.size());
        std::int32_t n = llama_token_to_piece(vocab, id, buffer.data(), capacity, 0, true);
        if (n < 0) {
            buffer.resize(static_cast<std::size_t>(-n));
            n = llama_token_to_piece(vocab, id, buffer.data(), -n, 0, true);
        }
        table.append(std::string_view(buffer.data(), static_cast<std::size_t>(n)),
                     all_kinds[static_cast<std::size_t>(id)]);
    }
    table.build_index();
    return table;
}

std::string_view Vocabulary::piece(llama_token id) const {
    check(id);
    return pieces().piece(static_cast<std::size_t>(id));
}

std::string Vocabulary::text(llama_token id) const {
    check(id);
    return llama_vocab_get_text(get(), id);
}

const std::vector<TokenKind> & Vocabulary::kinds() const {
    if (size_ > 0) {
        check(0);
    }
    const llama_vocab * vocab = get();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (kinds_.empty()) {
        kinds_.reserve(static_cast<std::size_t>(size_));
        for (llama_token id = 0; id < size_; ++id) {
            kinds_.push_back(kind_of(llama_vocab_get_attr(vocab, id)));
        }
    }
    return kinds_;
}

TokenKind Vocabulary::token_kind(llama_token id) const {
    check(id);
    return kinds()[static_cast<std::size_t>(id)];
}

float Vocabulary::score(llama_token id) const {
    check(id);
    return llama_vocab_get_score(get(), id);
}

bool Vocabulary::is_end_of_generation(llama_token id) const {
    check(id);
    return llama_vocab_is_eog(get(), id);
}

} // namespace pyengine
