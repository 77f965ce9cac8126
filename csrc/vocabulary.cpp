#include "vocabulary.hpp"

#include <limits>
#include <utility>

#include <llama-cpp.h>

#include "errors.hpp"
#include "gguf_check.hpp"
#include "log_sink.hpp"

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

std::shared_ptr<llama_model> load_tokenizer(const std::string & path) {
    check_gguf(path); // llama.cpp aborts on what this refuses
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    const ErrorLines errors;
    llama_model_ptr model(llama_model_load_from_file(path.c_str(), params));
    if (!model) {
        throw ModelFileError(path, "llama.cpp cannot read its tokenizer: " +
                                       errors.text("it gave no reason"));
    }
    return model;
}

std::int32_t checked_length(std::size_t length) {
    if (length > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw TokenizerError("a text of " + std::to_string(length) +
                             " bytes is too long to tokenize at once; split it");
    }
    return static_cast<std::int32_t>(length);
}

} // namespace

Vocabulary::Vocabulary(std::shared_ptr<llama_model> model, std::string path,
                       std::string pre_tokenizer)
    : path_(std::move(path)), size_(llama_vocab_n_tokens(llama_model_get_vocab(model.get()))),
      kind_(kind_name(llama_vocab_type(llama_model_get_vocab(model.get())))),
      pre_tokenizer_(std::move(pre_tokenizer)), model_(std::move(model)) {}

Vocabulary::Vocabulary(std::string path, int size, std::string kind, std::string pre_tokenizer)
    : path_(std::move(path)), size_(size), kind_(std::move(kind)),
      pre_tokenizer_(std::move(pre_tokenizer)) {}

const llama_vocab * Vocabulary::get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!model_) {
        model_ = load_tokenizer(path_);
    }
    return llama_model_get_vocab(model_.get());
}

std::optional<llama_token> Vocabulary::bos() const {
    if (!is_loaded()) {
        const auto declared = GgufFile(path_).uint32("tokenizer.ggml.bos_token_id");
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
    if (is_text && GgufFile(path_).uint32(key) != static_cast<std::uint32_t>(id)) {
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
            pieces_ = read_pieces(GgufFile(path_));
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
    std::string buffer(256, '\0');
    table.reserve(static_cast<std::size_t>(size_));
    for (llama_token id = 0; id < size_; ++id) {
        const auto capacity = static_cast<std::int32_t>(buffer.size());
        std::int32_t n = llama_token_to_piece(vocab, id, buffer.data(), capacity, 0, true);
        if (n < 0) {
            buffer.resize(static_cast<std::size_t>(-n));
            n = llama_token_to_piece(vocab, id, buffer.data(), -n, 0, true);
        }
        table.append(std::string_view(buffer.data(), static_cast<std::size_t>(n)), token_kind(id));
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

TokenKind Vocabulary::token_kind(llama_token id) const {
    check(id);
    const auto attributes = static_cast<unsigned>(llama_vocab_get_attr(get(), id));
    const std::pair<llama_token_attr, TokenKind> kinds[] = {
        {LLAMA_TOKEN_ATTR_CONTROL, TokenKind::control},
        {LLAMA_TOKEN_ATTR_UNKNOWN, TokenKind::unknown},
        {LLAMA_TOKEN_ATTR_UNUSED, TokenKind::unused},
        {LLAMA_TOKEN_ATTR_USER_DEFINED, TokenKind::user_defined},
        {LLAMA_TOKEN_ATTR_BYTE, TokenKind::byte},
        {LLAMA_TOKEN_ATTR_NORMAL, TokenKind::normal},
    };
    for (const auto & [attribute, kind] : kinds) {
        if ((attributes & static_cast<unsigned>(attribute)) != 0) {
            return kind;
        }
    }
    return TokenKind::undefined;
}

float Vocabulary::score(llama_token id) const {
    check(id);
    return llama_vocab_get_score(get(), id);
}

bool Vocabulary::is_end_of_generation(llama_token id) const {
    check(id);
    return llama_vocab_is_eog(get(), id);
}

std::vector<llama_token> Vocabulary::tokenize(std::string_view text, bool add_special,
                                              bool parse_special) const {
    check(0);
    const llama_vocab * vocab = get();
    const auto type = llama_vocab_type(vocab);
    const bool needs_bos = llama_vocab_get_add_bos(vocab) || type == LLAMA_VOCAB_TYPE_WPM;
    // llama.cpp aborts the process on these.
    if (add_special && needs_bos && llama_vocab_bos(vocab) == LLAMA_TOKEN_NULL) {
        throw TokenizerError("the tokenizer asks for a BOS token and declares none");
    }
    if (add_special && llama_vocab_get_add_eos(vocab) &&
        llama_vocab_eos(vocab) == LLAMA_TOKEN_NULL) {
        throw TokenizerError("the tokenizer asks for an EOS token and declares none");
    }
    if (add_special && type == LLAMA_VOCAB_TYPE_WPM && llama_vocab_sep(vocab) == LLAMA_TOKEN_NULL) {
        throw TokenizerError("the tokenizer needs a separator token and declares none");
    }
    const std::int32_t length = checked_length(text.size());
    std::vector<llama_token> ids(text.size() / 2 + 16);
    try {
        for (int attempt = 0; attempt < 2; ++attempt) {
            const std::int32_t n =
                llama_tokenize(vocab, text.data(), length, ids.data(), checked_length(ids.size()),
                               add_special, parse_special);
            if (n == std::numeric_limits<std::int32_t>::min()) {
                break;
            }
            ids.resize(static_cast<std::size_t>(n < 0 ? -n : n));
            if (n >= 0) {
                return ids;
            }
        }
    } catch (const std::exception & error) {
        throw TokenizerError(std::string("the tokenizer failed: ") + error.what());
    }
    throw TokenizerError("the text has more tokens than fit in one call; split it");
}

std::vector<bool> Vocabulary::encode_to_themselves(const std::vector<llama_token> & ids,
                                                   std::string_view before) const {
    std::vector<llama_token> expected = tokenize(before, false, false);
    expected.push_back(0);
    std::vector<bool> result;
    std::string text(before);
    for (const llama_token id : ids) {
        text.resize(before.size());
        text += piece(id);
        expected.back() = id;
        try {
            result.push_back(tokenize(text, false, false) == expected);
        } catch (const TokenizerError &) { // it has no token for a byte of its own
            result.push_back(false);
        }
    }
    return result;
}

std::string Vocabulary::detokenize(const std::vector<llama_token> & ids, bool remove_special,
                                   bool unparse_special) const {
    check(0);
    const llama_vocab * vocab = get();
    for (const llama_token id : ids) {
        check(id);
    }
    if (ids.empty()) {
        return {};
    }
    std::string text(ids.size() * 8 + 16, '\0');
    const std::int32_t n_ids = checked_length(ids.size());
    for (int attempt = 0; attempt < 2; ++attempt) {
        const std::int32_t n =
            llama_detokenize(vocab, ids.data(), n_ids, text.data(), checked_length(text.size()),
                             remove_special, unparse_special);
        text.resize(static_cast<std::size_t>(n < 0 ? -n : n));
        if (n >= 0) {
            return text;
        }
    }
    throw TokenizerError("llama.cpp could not turn the tokens back into text");
}

} // namespace pyengine
