// Text to tokens and back, by llama.cpp's tokenizer.
#include "vocabulary.hpp"

#include <limits>
#include <stdexcept>

#include "errors.hpp"

namespace pyengine {
namespace {

std::int32_t checked_length(std::size_t length) {
    if (length > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw TokenizerError("a text of " + std::to_string(length) +
                             " bytes is too long to tokenize at once; split it");
    }
    return static_cast<std::int32_t>(length);
}

} // namespace

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
    } catch (const std::out_of_range &) { // what llama.cpp's table of byte tokens throws
        throw TokenizerError("the tokenizer has no token for a character of the text");
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
