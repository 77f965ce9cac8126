#include "bpe_merges.hpp"

#include <limits>
#include <string_view>

#include "gguf_file.hpp"
#include "merge_tables.hpp"

namespace pyengine {
namespace {

constexpr std::size_t longest = 512; // symbols; merging below is quadratic in their number

std::size_t character_length(char first) {
    static constexpr std::size_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    return lengths[static_cast<unsigned char>(first) >> 4U]; // as llama.cpp: unicode_len_utf8
}

// A text while it is merged: its symbols, and the merge that each makes with the next.
struct Word {
    std::vector<Symbol> symbols;
    std::vector<const Merge *> merges;
};

class Tokens {
public:
    Tokens(const GgufValue & tokens, const GgufValue & merges)
        : repeated_(tokens.count, false), index_(texts_, tokens.count), table_(merges.count),
          characters_(short_characters, no_symbol) {
        texts_.reserve(tokens.count);
        GgufFile::for_each_string(tokens, [this](std::size_t i, std::string_view text) {
            texts_.push_back(text);
            const auto first = static_cast<std::size_t>(index_.add(text, symbol_of(i)));
            if (first != i) {
                repeated_[i] = repeated_[first] = true;
            }
        });
        n_tokens_ = texts_.size();
        std::vector<std::pair<Symbol, Symbol>> pairs;
        pairs.reserve(merges.count);
        GgufFile::for_each_string(merges, [&](std::size_t, std::string_view line) {
            const std::size_t space = line.find(' ', 1);
            const bool split = space != std::string_view::npos;
            pairs.emplace_back(split ? intern(line.substr(0, space)) : no_symbol,
                               split ? intern(line.substr(space + 1)) : no_symbol);
        });
        for (std::size_t rank = 0; rank < pairs.size(); ++rank) {
            const auto [left, right] = pairs[rank];
            if (left != no_symbol && right != no_symbol) {
                table_.add({MergeTable::pair(left, right), static_cast<std::uint32_t>(rank),
                            joined(left, right)});
            }
        }
        for (std::size_t i = 0; i < texts_.size(); ++i) {
            if (const std::size_t place = short_character(texts_[i]); place < short_characters) {
                characters_[place] = index_.find(texts_[i]);
            }
        }
    }

    std::vector<MergeResult> merge_all() const {
        std::vector<MergeResult> results(n_tokens_);
        Word word;
        for (std::size_t i = 0; i < n_tokens_; ++i) {
            results[i] = merge(i, word);
        }
        return results;
    }

private:
    // Characters of one and two bytes, which are all that byte-level tokenizers have.
    static constexpr std::size_t short_characters = 0x800;

    static Symbol symbol_of(std::size_t i) { return static_cast<Symbol>(i); }

    static std::size_t short_character(std::string_view text) {
        const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
        if (text.size() == 1 && byte(0) < 0x80) {
            return byte(0);
        }
        const bool two =
            text.size() == 2 && byte(0) >= 0xC2 && byte(0) < 0xE0 && (byte(1) & 0xC0U) == 0x80;
        return two ? (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU) : short_characters;
    }

    Symbol character(std::string_view text) const {
        const std::size_t place = short_character(text);
        return place < short_characters ? characters_[place] : index_.find(text);
    }

    Symbol intern(std::string_view text) {
        texts_.push_back(text);
        const Symbol symbol = index_.add(text, symbol_of(texts_.size() - 1));
        if (symbol != symbol_of(texts_.size() - 1)) {
            texts_.pop_back();
        }
        return symbol;
    }

    Symbol joined(Symbol left, Symbol right) {
        buffer_.assign(texts_[static_cast<std::size_t>(left)]);
        buffer_.append(texts_[static_cast<std::size_t>(right)]);
        // Merges are mostly listed in the order of the tokens that they make.
        const std::size_t guess = last_ + 1;
        const bool hit = guess < n_tokens_ && !repeated_[guess] && texts_[guess] == buffer_;
        const Symbol found = hit ? symbol_of(guess) : index_.find(buffer_);
        last_ = found == no_symbol ? last_ : static_cast<std::size_t>(found);
        return found;
    }

    void split(std::string_view text, Word & word) const {
        word.symbols.clear();
        for (std::size_t i = 0; i < text.size();) {
            const std::string_view next = text.substr(i, character_length(text[i]));
            word.symbols.push_back(character(next));
            i += next.size();
        }
        word.merges.clear();
        for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
            word.merges.push_back(table_.find(word.symbols[i], word.symbols[i + 1]));
        }
    }

    MergeResult merge(std::size_t token, Word & word) const {
        if (repeated_[token] || texts_[token].size() > longest) {
            return MergeResult::unknown;
        }
        split(texts_[token], word);
        while (!word.merges.empty()) {
            std::size_t best = word.merges.size();
            std::uint32_t rank = std::numeric_limits<std::uint32_t>::max();
            for (std::size_t i = 0; i < word.merges.size(); ++i) {
                if (word.merges[i] != nullptr && word.merges[i]->rank < rank) {
                    rank = word.merges[i]->rank;
                    best = i;
                }
            }
            if (best == word.merges.size()) {
                return MergeResult::other;
            }
            join(word, best);
        }
        const bool same = word.symbols.size() == 1 && word.symbols[0] == symbol_of(token);
        return same ? MergeResult::itself : MergeResult::other;
    }

    void join(Word & word, std::size_t place) const {
        auto & [symbols, merges] = word;
        const auto next = static_cast<std::ptrdiff_t>(place) + 1;
        symbols[place] = merges[place]->result;
        symbols.erase(symbols.begin() + next);
        merges.erase(merges.begin() + next - 1);
        if (place > 0) {
            merges[place - 1] = table_.find(symbols[place - 1], symbols[place]);
        }
        if (place < merges.size()) {
            merges[place] = table_.find(symbols[place], symbols[place + 1]);
        }
    }

    std::size_t n_tokens_ = 0;
    std::size_t last_ = 0;
    std::string buffer_;
    std::vector<std::string_view> texts_; // of tokens, then of what occurs in merges alone
    std::vector<bool> repeated_;          // whether another token has the same text
    TextIndex index_;
    MergeTable table_;
    std::vector<Symbol> characters_;
};

bool is_text_array(const GgufValue * value) {
    return value != nullptr && value->is_array && value->type == GGUF_TYPE_STRING;
}

} // namespace

std::vector<MergeResult> merge_own_texts(const std::string & path) {
    const GgufFile file(path);
    const GgufValue * tokens = file.find("tokenizer.ggml.tokens");
    const GgufValue * merges = file.find("tokenizer.ggml.merges");
    if (!is_text_array(tokens) || !is_text_array(merges)) {
        return {};
    }
    return Tokens(*tokens, *merges).merge_all();
}

} // namespace pyengine
