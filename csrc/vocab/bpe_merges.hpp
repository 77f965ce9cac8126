// Byte-pair merges applied to the tokens themselves: which of them their own characters make again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pyengine {

enum class MergeResult : std::uint8_t {
    other = 0,   // several tokens, or another one
    itself = 1,  // the token
    unknown = 2, // not decided: a long text, or one that two tokens share
};

// Merges the text of every token of a GGUF as llama.cpp does a word that its pre-tokenizer left
// whole: always the pair of lowest rank, the leftmost of equals. Empty where the file has no
// tokens or no merges. Throws ModelFileError for a file that cannot be read.
std::vector<MergeResult> merge_own_texts(const std::string & path);

} // namespace pyengine
