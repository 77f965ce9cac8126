// Text to tokens and back, by llama.cpp's tokenizer.
#include "vocab/vocabulary.hpp"

#include <limits>
#include <stdexcept>
#include <unordered_map>

#include "engine/deep_stack.hpp"
#include "engine/errors.hpp"
#include "vocab/merge_rules.hpp"
#include "vocab/text_runs.hpp"

namespace pyengine {
namespace {

// The expressions of most pre-tokenizers run in std::regex, which recurses for every character of a
// match: 320 bytes of stack each, measured over all of them with GCC 12. Three times that is given.
constexpr std::size_t stack_per_byte = 1024, stack_beside = std::size_t{1} << 20U;
constexpr std::size_t shallow = 512;             // bytes of a match that any stack holds
constexpr std::size_t longest_match = 4'000'000; // which takes 1.3 GB of stack
constexpr std::size_t longest_number = 8192;     // superbpe takes quadratic time: 8 s here

constexpr std::uint64_t copied_per_pair = 2;           // bytes: half of a token's id
constexpr std::uint64_t most_copied = 100'000'000'000; // 10 to 20 s

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
    check_special(add_special);
    if (kind_ == "spm") {
        check_bytes_spelled(text);
    }
    if (kind_ != "bpe") {
        return tokenize_here(text, add_special, parse_special);
    }
    if (pre_tokenizer_ == "superbpe" && longest_digits(text) > longest_number) {
        throw TokenizerError("the text has more than " + std::to_string(longest_number) +
                             " digits in a row, for which this tokenizer has no bounded time");
    }
    const std::size_t run = longest_run(text, pre_tokenizer_ == "exaone-moe");
    if (run <= shallow) {
        return tokenize_here(text, add_special, parse_special);
    }
    if (run > longest_match) {
        throw TokenizerError("the text has " + std::to_string(run) +
                             " bytes without white space between them, more than " +
                             std::to_string(longest_match) + "; split it");
    }
    std::vector<llama_token> ids;
    run_on_deep_stack(stack_beside + run * stack_per_byte,
                      [&] { ids = tokenize_here(text, add_special, parse_special); });
    return ids;
}

// For each character that is spelled in byte tokens, llama.cpp's SentencePiece copies all tokens
// before it.
void Vocabulary::check_bytes_spelled(std::string_view text) const {
    if (text.size() * text.size() * copied_per_pair <= most_copied) {
        return;
    }
    std::unordered_map<std::string_view, bool> known; // whether a character is spelled
    std::uint64_t spelled = 0;
    for (std::size_t i = 0; i < text.size();) {
        const std::string_view character = text.substr(i, character_length(text[i]));
        const auto [entry, is_new] = known.try_emplace(character, false);
        if (is_new) {
            const auto id = token(character);
            entry->second = !id || token_kind(*id) == TokenKind::byte;
        }
        spelled += entry->second ? 1 : 0;
        i += character.size();
    }
    if (spelled * text.size() * copied_per_pair > most_copied) {
        throw TokenizerError("the text has " + std::to_string(spelled) +
                             " characters that its tokenizer spells in bytes, which takes a time "
                             "that grows with their square; split it");
    }
}

void Vocabulary::check_special(bool add_special) const {
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
}

std::vector<llama_token> Vocabulary::tokenize_here(std::string_view text, bool add_special,
                                                   bool parse_special) const {
    const llama_vocab * vocab = get();
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
