#include "vocab/text_runs.hpp"

#include <algorithm>

namespace pyengine {
namespace {

bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_newline(char c) {
    return c == '\n' || c == '\r';
}

// A byte of a character that may be white space beyond ASCII, such as U+00A0 or U+3000.
bool may_be_space(char c) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    return continues || c == '\xC2' || c == '\xE1' || c == '\xE2' || c == '\xE3';
}

} // namespace

std::size_t longest_run(std::string_view text, bool lines) {
    std::size_t longest = 0, begin = 0;
    bool ended = false; // the word or line has, and white space is all that followed
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_space(c)) {
            ended = ended || !lines || is_newline(c);
        } else if (ended && !may_be_space(c)) {
            longest = std::max(longest, i - begin);
            begin = i;
            ended = false;
        }
    }
    return std::max(longest, text.size() - begin);
}

std::size_t longest_digits(std::string_view text) {
    std::size_t longest = 0, begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] < '0' || text[i] > '9') {
            longest = std::max(longest, i - begin);
            begin = i + 1;
        }
    }
    return std::max(longest, text.size() - begin);
}

} // namespace pyengine
