// The tokenizer of a model: every token's exact bytes, kind and score, and bytes back to ids.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <llama.h>

#include "gguf/file_identity.hpp"
#include "vocab/piece_table.hpp"

namespace pyengine {

// Two sources stand behind it. The pieces of the usual tokenizers are read from the file, which
// takes a tenth of the time; everything else asks llama.cpp, whose tokenizer is loaded when it is
// first asked for, unless the model was opened with it.
class Vocabulary {
public:
    // The tokenizer of a model that llama.cpp opened together with it, or the lack of one.
    Vocabulary(std::shared_ptr<llama_model> model, FileIdentity file, std::string pre_tokenizer);
    // The tokenizer in a file, not loaded yet. `kind` is "bpe" or "spm".
    Vocabulary(FileIdentity file, int size, std::string kind, std::string pre_tokenizer);

    int size() const { return size_; }
    const std::string & kind() const { return kind_; } // "none" where there is no tokenizer
    const std::string & pre_tokenizer() const { return pre_tokenizer_; }
    // llama.cpp's tokenizer; loads it. Throws ModelFileError.
    const llama_vocab * get() const;
    // Whether get() costs nothing.
    bool is_loaded() const;
    // The BOS token that the file declares; asks llama.cpp only where it declares none.
    std::optional<llama_token> bos() const;
    std::optional<llama_token> eos() const;

    const PieceTable & pieces() const;
    std::string_view piece(llama_token id) const;
    std::string text(llama_token id) const; // the string as the file spells it
    // Of all tokens, as llama.cpp has them: it makes some normal ones control tokens. Throws
    // TokenizerError for tokens without a tokenizer.
    const std::vector<TokenKind> & kinds() const;
    TokenKind token_kind(llama_token id) const;
    float score(llama_token id) const;
    bool is_end_of_generation(llama_token id) const;

    // The token whose piece is exactly these bytes; see PieceTable::token.
    std::optional<llama_token> token(std::string_view piece) const { return pieces().token(piece); }

    // Throws TokenizerError for a text that it cannot tokenize in bounded time and memory.
    std::vector<llama_token> tokenize(std::string_view text, bool add_special,
                                      bool parse_special) const;
    std::string detokenize(const std::vector<llama_token> & ids, bool remove_special,
                           bool unparse_special) const;

    // For each id, whether the token's own bytes, tokenized after those of `before`, become the
    // token and nothing else.
    std::vector<bool> encode_to_themselves(const std::vector<llama_token> & ids,
                                           std::string_view before) const;

    // Throws TokenizerError for an id outside the vocabulary, or where there is none.
    void check(llama_token id) const;

private:
    // tokenization.cpp
    void check_special(bool add_special) const;
    void check_bytes_spelled(std::string_view text) const;
    std::vector<llama_token> tokenize_here(std::string_view text, bool add_special,
                                           bool parse_special) const;
    PieceTable pieces_from_llama() const;
    std::optional<llama_token> declared_or_special(llama_token id, std::string_view key) const;

    FileIdentity file_;
    int size_;
    std::string kind_;
    std::string pre_tokenizer_;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<llama_model> model_;
    mutable std::optional<PieceTable> pieces_;
    mutable std::vector<TokenKind> kinds_;
};

} // namespace pyengine
