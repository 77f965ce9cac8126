// The tokens and merges of a byte-pair tokenizer, their texts as numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/gguf_file.hpp"
#include "vocab/merge_table.hpp"

namespace pyengine {

// How many bytes llama.cpp takes for a character (its unicode_len_utf8).
std::size_t character_length(char first);

class MergeRules {
public:
    // Both values are arrays of strings; the file stays open longer than this object.
    MergeRules(const GgufValue & tokens, const GgufValue & merges);

    std::size_t n_tokens() const { return n_tokens_; }
    // Tokens, then what occurs in merges alone. Tokens of equal text are the first of them.
    std::size_t n_symbols() const { return texts_.size(); }
    std::string_view text(std::size_t symbol) const { return texts_[symbol]; }
    // Whether another token has the same text.
    bool is_repeated(std::size_t token) const { return repeated_[token]; }
    const std::vector<Merge> & merges() const { return merges_; }
    const Merge & merge(std::int32_t rank) const { return merges_[static_cast<std::size_t>(rank)]; }

    // The rank of the merge of two symbols, or no_rank.
    std::int32_t rank(Symbol left, Symbol right) const { return table_.find(left, right); }
    // The symbol of one character, or no_symbol.
    Symbol character(std::string_view text) const;

private:
    void read_tokens(const GgufValue & tokens);
    void read_merges(const GgufValue & merges);
    void add_merges(const std::vector<std::string_view> & parts);
    Symbol intern(std::string_view text);
    Symbol joined(std::string_view left, std::string_view right);
    std::string_view text_of(Symbol symbol) const {
        return texts_[static_cast<std::size_t>(symbol)];
    }

    std::size_t n_tokens_ = 0;
    std::size_t last_joined_ = 0;
    std::string buffer_;
    std::vector<std::string_view> texts_;
    std::vector<bool> repeated_;
    std::vector<Merge> merges_;
    TextIndex index_;
    MergeTable table_;
    std::vector<Symbol> characters_;
};

} // namespace pyengine
