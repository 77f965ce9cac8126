// The tokenizer of a model: every token's exact bytes, kind and score, and bytes back to ids.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <llama.h>

namespace pyengine {

// The numbers are those of GGUF's tokenizer.ggml.token_type.
enum class TokenKind : std::uint8_t {
    undefined = 0,
    normal = 1,
    unknown = 2,
    control = 3,
    user_defined = 4,
    unused = 5,
    byte = 6,
};

class Vocabulary {
public:
    Vocabulary(std::shared_ptr<llama_model> model, std::string pre_tokenizer);

    int size() const { return size_; }
    std::string kind() const;
    const std::string & pre_tokenizer() const { return pre_tokenizer_; }
    const llama_vocab * get() const { return vocab_; }

    // Piece bytes of all tokens, one after another; token i is [offsets[i], offsets[i + 1]).
    const std::string & piece_bytes() const;
    const std::vector<std::int64_t> & piece_offsets() const;
    std::string_view piece(llama_token id) const;
    std::string text(llama_token id) const; // the string as the file spells it
    TokenKind token_kind(llama_token id) const;
    float score(llama_token id) const;
    bool is_end_of_generation(llama_token id) const;

    // The token whose piece is exactly these bytes: a normal or user-defined one before any other
    // kind, the lowest id among equals; empty where there is none.
    std::optional<llama_token> token(std::string_view piece) const;

    std::vector<llama_token> tokenize(std::string_view text, bool add_special,
                                      bool parse_special) const;
    std::string detokenize(const std::vector<llama_token> & ids, bool remove_special,
                           bool unparse_special) const;

    // For each id, whether the token's own bytes, tokenized after those of `before`, become the
    // token and nothing else.
    std::vector<bool> encode_to_themselves(const std::vector<llama_token> & ids,
                                           std::string_view before) const;

    // Throws TokenizerError for an id outside the vocabulary.
    void check(llama_token id) const;

private:
    struct Pieces;
    const Pieces & pieces() const;

    std::shared_ptr<llama_model> model_;
    const llama_vocab * vocab_;
    int size_;
    std::string pre_tokenizer_;
    mutable std::once_flag once_;
    mutable std::unique_ptr<Pieces, void (*)(Pieces *)> pieces_;
};

} // namespace pyengine
