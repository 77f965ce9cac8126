// What llama-vocab.cpp asserts about a tokenizer, or loops on.
#include "gguf/gguf_check.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "vocab/text_index.hpp"

namespace pyengine {
namespace {

constexpr std::string_view prefix = "tokenizer.ggml.";
constexpr std::uint32_t max_dummy_tokens = 1U << 24;
constexpr std::int32_t byte_type = 6;
constexpr std::size_t max_token_bytes = 16'384;          // llama.cpp recurses for each
constexpr std::uint64_t max_spelled_bytes = 1ULL << 28U; // of its table of pieces

std::string key(std::string_view name) {
    return std::string(prefix).append(name);
}

// llama.cpp reads a token as a C string: a zero byte ends it.
std::string_view as_c_string(std::string_view text) {
    return text.substr(0, text.find('\0'));
}

// What llama.cpp calls an empty token.
std::string name_of_empty(std::size_t id) {
    return "[EMPTY_" + std::to_string(id) + "]";
}

void check_tokens(const GgufFile & file, const GgufValue & tokens) {
    if (tokens.count == 0) {
        file.fail("its tokenizer has no tokens");
    }
    std::vector<std::string_view> texts;
    texts.reserve(tokens.count);
    TextIndex index(texts, tokens.count);
    std::vector<std::string> renamed;
    bool distinct = true;
    GgufFile::for_each_string(tokens, [&](std::size_t id, std::string_view text) {
        texts.push_back(as_c_string(text));
        if (texts.back().size() > max_token_bytes) {
            file.fail("token " + std::to_string(id) + " of its tokenizer has " +
                      std::to_string(texts.back().size()) + " bytes, more than " +
                      std::to_string(max_token_bytes));
        }
    });
    for (std::size_t id = 0; id < texts.size(); ++id) {
        index.expect(texts[std::min(id + prefetch_distance, texts.size() - 1)]);
        const auto symbol = static_cast<Symbol>(id);
        if (texts[id].empty()) {
            renamed.push_back(name_of_empty(id));
        } else {
            distinct = index.add(texts[id], symbol) == symbol && distinct;
        }
    }
    if (renamed.size() == tokens.count) {
        file.fail("all tokens of its tokenizer are empty");
    }
    for (const std::string & name : renamed) {
        distinct = distinct && index.find(name) == no_symbol;
    }
    if (!distinct) {
        file.fail("two tokens of its tokenizer have the same text");
    }
}

// In byte-level BPE, llama.cpp spells a character that stands for no byte out, with the whole token
// again for each such character.
void check_spelling(const GgufFile & file, const GgufValue & tokens) {
    std::uint64_t bytes = 0;
    GgufFile::for_each_string(tokens, [&](std::size_t, std::string_view text) {
        const auto unknown = std::count_if(text.begin(), text.end(), [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return byte < 0x21 || byte == 0x7F || byte > 0xC5;
        });
        bytes += static_cast<std::uint64_t>(unknown) * (text.size() + 24);
    });
    if (bytes > max_spelled_bytes) {
        file.fail("its tokens hold characters that stand for no byte, too many to spell out");
    }
}

void check_array(const GgufFile & file, std::string_view name, std::uint64_t n_tokens,
                 std::initializer_list<gguf_type> types) {
    const GgufValue * array = file.find(key(name));
    if (array == nullptr) {
        return;
    }
    const bool known = std::find(types.begin(), types.end(), array->type) != types.end();
    if (!array->is_array || !known || array->count < n_tokens) {
        file.fail(key(name) + " is not an array with a number for each of " +
                  std::to_string(n_tokens) + " tokens");
    }
}

void refuse_byte_tokens(const GgufFile & file) {
    for (const std::uint32_t type : file.uint32_list(key("token_type"))) {
        if (type == byte_type) {
            file.fail("its WordPiece tokenizer has byte tokens, which it cannot use");
        }
    }
}

// The bytes that a token of RWKV's tokenizer stands for begin with this one.
std::optional<unsigned char> first_byte(std::string_view token, bool & single) {
    std::string bytes;
    for (std::size_t i = 0; i < token.size() && bytes.size() < 2; ++i) {
        if (token[i] != '\\') {
            bytes += token[i];
            continue;
        }
        const char escape = ++i < token.size() ? token[i] : '\0';
        if (escape == 'x') {
            const std::string_view digits = token.substr(i + 1, 2);
            unsigned value = 0;
            for (const char c : digits) {
                value = value * 16 + static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c - '0');
            }
            i += 2;
            if (digits.size() == 2) {
                bytes += static_cast<char>(static_cast<unsigned char>(value & 0xffU));
            }
        } else if (escape != '\0') {
            bytes += escape == 't' ? '\t' : escape == 'n' ? '\n' : escape == 'r' ? '\r' : escape;
        }
    }
    single = bytes.size() == 1;
    return bytes.empty() ? std::nullopt : std::optional(static_cast<unsigned char>(bytes.front()));
}

// RWKV's tokenizer never advances past a byte that begins a token and is none itself.
void check_rwkv_bytes(const GgufFile & file, const GgufValue & tokens) {
    std::array<bool, 256> begins{};
    std::array<bool, 256> whole{};
    GgufFile::for_each_string(tokens, [&](std::size_t id, std::string_view text) {
        bool single = false;
        const std::string_view token = as_c_string(text);
        if (const auto byte = first_byte(token.empty() ? name_of_empty(id) : token, single)) {
            begins[*byte] = true;
            whole[*byte] = whole[*byte] || single;
        }
    });
    for (std::size_t byte = 0; byte < begins.size(); ++byte) {
        if (begins[byte] && !whole[byte]) {
            file.fail("its RWKV tokenizer has no token for the single byte " +
                      std::to_string(byte) + " and would never end");
        }
    }
}

void check_no_vocabulary(const GgufFile & file) {
    const auto architecture = file.string("general.architecture").value_or("");
    const auto size = file.uint32(std::string(architecture) + ".vocab_size");
    if (size && *size > max_dummy_tokens) {
        file.fail("claims a vocabulary of " + std::to_string(*size) + " nameless tokens");
    }
}

} // namespace

bool is_reviewed_tokenizer(const GgufFile & file) {
    const auto model = file.string(key("model")).value_or("");
    return model == "no_vocab" || model == "none" || model == "llama" || model == "gpt2" ||
           model == "rwkv";
}

void check_gguf_vocabulary(const GgufFile & file) {
    const auto model = file.string(key("model"));
    if (!model) {
        return; // llama.cpp says so itself
    }
    if (*model == "no_vocab" || *model == "none") {
        check_no_vocabulary(file);
        return;
    }
    const GgufValue * tokens = file.find(key("tokens"));
    if (tokens == nullptr || !tokens->is_array || tokens->type != GGUF_TYPE_STRING) {
        file.fail("tokenizer.ggml.tokens is not an array of strings");
    }
    check_tokens(file, *tokens);
    check_array(file, "scores", tokens->count, {GGUF_TYPE_FLOAT32, GGUF_TYPE_INT32});
    check_array(file, "token_type", tokens->count, {GGUF_TYPE_INT32});
    if (*model == "gpt2") {
        check_spelling(file, *tokens);
    }
    if (*model == "bert") {
        refuse_byte_tokens(file);
    }
    if (*model == "rwkv") {
        check_rwkv_bytes(file, *tokens);
    }
}

} // namespace pyengine
