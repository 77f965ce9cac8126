// How much of a text the regular expressions of a pre-tokenizer can match at once.
#pragma once

#include <cstddef>
#include <string_view>

namespace pyengine {

// Bytes in the longest stretch of the text that holds one word and the white space after it, or,
// with `lines`, one line and the white space after it. No match of a pre-tokenizer's expression is
// longer than this and the character before it.
std::size_t longest_run(std::string_view text, bool lines);

// Bytes in the longest stretch of ASCII digits.
std::size_t longest_digits(std::string_view text);

} // namespace pyengine
