// The exact bytes of every token, and exact bytes back to the token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/gguf_file.hpp"

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

class PieceTable {
public:
    PieceTable() { offsets_.push_back(0); }

    void reserve(std::size_t n_tokens);
    void append(std::string_view piece, TokenKind kind);
    // Call once, after the last append: builds the index from bytes to ids.
    void build_index();

    std::size_t size() const { return kinds_.size(); }
    const std::string & bytes() const { return bytes_; }
    // Token i is [offsets()[i], offsets()[i + 1]).
    const std::vector<std::int64_t> & offsets() const { return offsets_; }
    std::string_view piece(std::size_t id) const;

    // The token with exactly these bytes: a normal or user-defined token before a byte token, and
    // that before any other; the lowest id among equals. A token without bytes is never found.
    std::optional<std::int32_t> token(std::string_view piece) const;

    // Tokens whose bytes another token has too, in order; tokens without bytes are left out.
    const std::vector<std::int32_t> & repeated() const { return repeated_; }

private:
    std::size_t first_slot(std::string_view piece) const;
    std::size_t slot_of(std::string_view piece) const;
    void insert(std::size_t id);

    std::string bytes_;
    std::vector<std::int64_t> offsets_;
    std::vector<TokenKind> kinds_;
    std::vector<std::int32_t> slots_; // open addressing; -1: free
    std::vector<std::int32_t> repeated_;
};

// Reads the pieces straight from a file, in a tenth of the time that llama.cpp needs for its
// tokenizer. Knows byte-level BPE ("gpt2") and SentencePiece ("llama"); empty for any other
// tokenizer, and where a token is spelled in a way that only llama.cpp knows to read.
std::optional<PieceTable> read_pieces(const GgufFile & file);

// Whether read_pieces knows this kind of tokenizer.
bool can_read_pieces(const GgufFile & file);

} // namespace pyengine
