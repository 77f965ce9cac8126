#include "vocabulary.hpp"

#include <limits>
#include <utility>

#include "errors.hpp"

namespace pyengine {

// All pieces, read once: the look-ups that follow never call into llama.cpp again.
struct Vocabulary::Pieces {
    std::string bytes;
    std::vector<std::int64_t> offsets;
    std::unordered_map<std::string_view, llama_token> by_bytes;
};

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

// A token that text can become goes before one that only a special-token parser can produce.
bool is_textual(TokenKind kind) {
    return kind == TokenKind::normal || kind == TokenKind::user_defined || kind == TokenKind::byte;
}

std::int32_t checked_length(std::size_t length) {
    if (length > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw TokenizerError("a text of " + std::to_string(length) +
                             " bytes is too long to tokenize at once; split it");
    }
    return static_cast<std::int32_t>(length);
}

} // namespace

Vocabulary::Vocabulary(std::shared_ptr<llama_model> model, std::string pre_tokenizer)
    : model_(std::move(model)), vocab_(llama_model_get_vocab(model_.get())),
      size_(llama_vocab_n_tokens(vocab_)), pre_tokenizer_(std::move(pre_tokenizer)),
      pieces_(nullptr, [](Pieces * pieces) { std::default_delete<Pieces>()(pieces); }) {}

std::string Vocabulary::kind() const {
    return kind_name(llama_vocab_type(vocab_));
}

void Vocabulary::check(llama_token id) const {
    if (llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_NONE) {
        throw TokenizerError("this model was opened without a vocabulary");
    }
    if (id < 0 || id >= size_) {
        throw TokenizerError("token id " + std::to_string(id) + " is outside the vocabulary of " +
                             std::to_string(size_) + " tokens");
    }
}

const Vocabulary::Pieces & Vocabulary::pieces() const {
    std::call_once(once_, [this] {
        auto pieces = std::make_unique<Pieces>();
        const bool readable = llama_vocab_type(vocab_) != LLAMA_VOCAB_TYPE_NONE;
        std::string buffer(256, '\0');
        pieces->offsets.reserve(static_cast<std::size_t>(size_) + 1);
        pieces->offsets.push_back(0);
        for (llama_token id = 0; id < size_ && readable; ++id) {
            const auto capacity = static_cast<std::int32_t>(buffer.size());
            std::int32_t n = llama_token_to_piece(vocab_, id, buffer.data(), capacity, 0, true);
            if (n < 0) {
                buffer.resize(static_cast<std::size_t>(-n));
                n = llama_token_to_piece(vocab_, id, buffer.data(), -n, 0, true);
            }
            pieces->bytes.append(buffer.data(), static_cast<std::size_t>(n));
            pieces->offsets.push_back(static_cast<std::int64_t>(pieces->bytes.size()));
        }
        const std::string_view all = pieces->bytes;
        pieces->by_bytes.reserve(static_cast<std::size_t>(size_));
        for (const bool textual : {true, false}) {
            for (std::size_t i = 0; i + 1 < pieces->offsets.size(); ++i) {
                const auto begin = static_cast<std::size_t>(pieces->offsets[i]);
                const auto end = static_cast<std::size_t>(pieces->offsets[i + 1]);
                const auto id = static_cast<llama_token>(i);
                if (end > begin && is_textual(token_kind(id)) == textual) {
                    pieces->by_bytes.emplace(all.substr(begin, end - begin), id);
                }
            }
        }
        pieces_.reset(pieces.release());
    });
    return *pieces_;
}

const std::string & Vocabulary::piece_bytes() const {
    return pieces().bytes;
}

const std::vector<std::int64_t> & Vocabulary::piece_offsets() const {
    return pieces().offsets;
}

std::string_view Vocabulary::piece(llama_token id) const {
    check(id);
    const Pieces & all = pieces();
    const auto i = static_cast<std::size_t>(id);
    const auto begin = static_cast<std::size_t>(all.offsets[i]);
    return std::string_view(all.bytes).substr(begin,
                                              static_cast<std::size_t>(all.offsets[i + 1]) - begin);
}

std::string Vocabulary::text(llama_token id) const {
    check(id);
    return llama_vocab_get_text(vocab_, id);
}

TokenKind Vocabulary::token_kind(llama_token id) const {
    check(id);
    const auto attributes = static_cast<unsigned>(llama_vocab_get_attr(vocab_, id));
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
    return llama_vocab_get_score(vocab_, id);
}

bool Vocabulary::is_end_of_generation(llama_token id) const {
    check(id);
    return llama_vocab_is_eog(vocab_, id);
}

std::optional<llama_token> Vocabulary::token(std::string_view piece) const {
    const auto & by_bytes = pieces().by_bytes;
    const auto found = by_bytes.find(piece);
    return found == by_bytes.end() ? std::nullopt : std::optional(found->second);
}

std::vector<llama_token> Vocabulary::tokenize(std::string_view text, bool add_special,
                                              bool parse_special) const {
    check(0);
    const auto type = llama_vocab_type(vocab_);
    const bool needs_bos = llama_vocab_get_add_bos(vocab_) || type == LLAMA_VOCAB_TYPE_WPM;
    // llama.cpp aborts the process on these.
    if (add_special && needs_bos && llama_vocab_bos(vocab_) == LLAMA_TOKEN_NULL) {
        throw TokenizerError("the tokenizer asks for a BOS token and declares none");
    }
    if (add_special && llama_vocab_get_add_eos(vocab_) &&
        llama_vocab_eos(vocab_) == LLAMA_TOKEN_NULL) {
        throw TokenizerError("the tokenizer asks for an EOS token and declares none");
    }
    if (add_special && type == LLAMA_VOCAB_TYPE_WPM &&
        llama_vocab_sep(vocab_) == LLAMA_TOKEN_NULL) {
        throw TokenizerError("the tokenizer needs a separator token and declares none");
    }
    const std::int32_t length = checked_length(text.size());
    std::vector<llama_token> ids(text.size() / 2 + 16);
    try {
        for (int attempt = 0; attempt < 2; ++attempt) {
            const std::int32_t n =
                llama_tokenize(vocab_, text.data(), length, ids.data(), checked_length(ids.size()),
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
        result.push_back(tokenize(text, false, false) == expected);
    }
    return result;
}

std::string Vocabulary::detokenize(const std::vector<llama_token> & ids, bool remove_special,
                                   bool unparse_special) const {
    check(0);
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
            llama_detokenize(vocab_, ids.data(), n_ids, text.data(), checked_length(text.size()),
                             remove_special, unparse_special);
        text.resize(static_cast<std::size_t>(n < 0 ? -n : n));
        if (n >= 0) {
            return text;
        }
    }
    throw TokenizerError("llama.cpp could not turn the tokens back into text");
}

} // namespace pyengine
