// Token spellings in a GGUF file to exact bytes. Checked against llama.cpp on real vocabularies.
#include <array>
#include <cstring>

#include "vocab/piece_table.hpp"

namespace pyengine {
namespace {

// Byte-level BPE spells every byte as one character: printable ones as themselves, the others
// as U+0100 and up, in the order of the bytes. Every character is below U+0144.
class ByteAlphabet {
public:
    ByteAlphabet() {
        bytes_.fill(-1);
        int next = 0x100;
        for (int byte = 0; byte < 256; ++byte) {
            const bool printable =
                (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
            const int character = printable ? byte : next++;
            bytes_[static_cast<std::size_t>(character)] = static_cast<std::int16_t>(byte);
        }
    }

    // The byte that a character of one or two UTF-8 units stands for; -1: none.
    int byte_of(unsigned character) const {
        return character < bytes_.size() ? bytes_[character] : -1;
    }

private:
    std::array<std::int16_t, 0x200> bytes_{};
};

// False where a character stands for no byte.
bool decode_byte_level(std::string_view text, std::string & piece) {
    static const ByteAlphabet alphabet;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned character = static_cast<unsigned char>(text[i]);
        if (character >= 0x80) {
            const bool two_units = (character & 0xE0U) == 0xC0 && i + 1 < text.size();
            if (!two_units) {
                return false;
            }
            character =
                ((character & 0x1FU) << 6U) | (static_cast<unsigned char>(text[++i]) & 0x3FU);
        }
        const int byte = alphabet.byte_of(character);
        if (byte < 0) {
            return false;
        }
        piece.push_back(static_cast<char>(byte));
    }
    return true;
}

// SentencePiece spells a space as U+2581.
void decode_sentence_piece(std::string_view text, std::string & piece) {
    constexpr std::string_view space = "\xE2\x96\x81";
    std::size_t from = 0;
    for (std::size_t at = text.find(space); at != std::string_view::npos;
         at = text.find(space, from)) {
        piece.append(text.substr(from, at - from)).push_back(' ');
        from = at + space.size();
    }
    piece.append(text.substr(from));
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// <0xNN>; false for another spelling.
bool decode_byte_token(std::string_view text, std::string & piece) {
    if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') {
        return false;
    }
    const int high = hex_digit(text[3]), low = hex_digit(text[4]);
    if (high < 0 || low < 0) {
        return false;
    }
    piece.push_back(static_cast<char>(16 * high + low));
    return true;
}

bool decode(std::string_view text, TokenKind kind, bool byte_level, std::string & piece) {
    switch (kind) {
    case TokenKind::normal:
        if (byte_level) {
            return decode_byte_level(text, piece);
        }
        decode_sentence_piece(text, piece);
        return true;
    case TokenKind::byte:
        return !byte_level && decode_byte_token(text, piece);
    case TokenKind::control:
    case TokenKind::unknown:
    case TokenKind::user_defined:
        piece.append(text);
        return true;
    default: // llama.cpp gives unused and undefined tokens no bytes
        return true;
    }
}

std::vector<TokenKind> token_kinds(const GgufFile & file, std::size_t n) {
    std::vector<TokenKind> kinds(n, TokenKind::normal);
    const GgufValue * types = file.find("tokenizer.ggml.token_type");
    if (types == nullptr || types->type != GGUF_TYPE_INT32 || types->count != n) {
        return kinds;
    }
    for (std::size_t i = 0; i < n; ++i) {
        std::int32_t type = 0;
        std::memcpy(&type, types->bytes.data() + 4 * i, sizeof type);
        kinds[i] = type >= 0 && type <= 6 ? static_cast<TokenKind>(type) : TokenKind::undefined;
    }
    return kinds;
}

} // namespace

bool can_read_pieces(const GgufFile & file) {
    const auto model = file.string("tokenizer.ggml.model");
    const GgufValue * tokens = file.find("tokenizer.ggml.tokens");
    return (model == "gpt2" || model == "llama") && tokens != nullptr && tokens->is_array &&
           tokens->type == GGUF_TYPE_STRING && tokens->count > 0;
}

std::optional<PieceTable> read_pieces(const GgufFile & file) {
    if (!can_read_pieces(file)) {
        return std::nullopt;
    }
    const GgufValue & tokens = *file.find("tokenizer.ggml.tokens");
    const bool byte_level = file.string("tokenizer.ggml.model") == "gpt2";
    const std::vector<TokenKind> kinds = token_kinds(file, tokens.count);
    PieceTable table;
    table.reserve(tokens.count);
    bool known = true;
    std::string piece;
    GgufFile::for_each_string(tokens, [&](std::size_t i, std::string_view text) {
        piece.clear();
        known = known && decode(text, kinds[i], byte_level, piece);
        table.append(piece, kinds[i]);
    });
    if (!known) {
        return std::nullopt;
    }
    table.build_index();
    return table;
}

} // namespace pyengine
