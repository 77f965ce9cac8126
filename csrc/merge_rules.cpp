#include "merge_rules.hpp"

namespace pyengine {
namespace {

// Characters of one and two bytes, which are all that byte-level tokenizers have.
constexpr std::size_t short_characters = 0x800;

std::size_t short_character(std::string_view text) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (text.size() == 1 && byte(0) < 0x80) {
        return byte(0);
    }
    const bool two =
        text.size() == 2 && byte(0) >= 0xC2 && byte(0) < 0xE0 && (byte(1) & 0xC0U) == 0x80;
    return two ? (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU) : short_characters;
}

Symbol symbol_of(std::size_t i) {
    return static_cast<Symbol>(i);
}

} // namespace

std::size_t character_length(char first) {
    static constexpr std::size_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    return lengths[static_cast<unsigned char>(first) >> 4U];
}

MergeRules::MergeRules(const GgufValue & tokens, const GgufValue & merges)
    : repeated_(tokens.count, false), index_(texts_, tokens.count), table_(merges_, merges.count),
      characters_(short_characters, no_symbol) {
    read_tokens(tokens);
    read_merges(merges);
    for (std::size_t i = 0; i < texts_.size(); ++i) {
        if (const std::size_t place = short_character(texts_[i]); place < short_characters) {
            characters_[place] = index_.find(texts_[i]);
        }
    }
}

void MergeRules::read_tokens(const GgufValue & tokens) {
    texts_.reserve(tokens.count);
    GgufFile::for_each_string(tokens, [this](std::size_t i, std::string_view text) {
        texts_.push_back(text);
        const auto first = static_cast<std::size_t>(index_.add(text, symbol_of(i)));
        if (first != i) {
            repeated_[i] = repeated_[first] = true;
        }
    });
    n_tokens_ = texts_.size();
}

void MergeRules::read_merges(const GgufValue & merges) {
    merges_.reserve(merges.count);
    GgufFile::for_each_string(merges, [this](std::size_t, std::string_view line) {
        const std::size_t space = line.find(' ', 1);
        const bool split = space != std::string_view::npos;
        merges_.push_back({split ? intern(line.substr(0, space)) : no_symbol,
                           split ? intern(line.substr(space + 1)) : no_symbol, no_symbol});
    });
    for (std::size_t rank = 0; rank < merges_.size(); ++rank) { // all symbols are known by now
        Merge & merge = merges_[rank];
        if (merge.left == no_symbol) {
            continue;
        }
        if (table_.add(static_cast<std::int32_t>(rank))) {
            merge.result = joined(merge.left, merge.right);
        } else {
            merge.left = merge.right = no_symbol;
        }
    }
}

Symbol MergeRules::intern(std::string_view text) {
    const Symbol next = symbol_of(texts_.size());
    texts_.push_back(text);
    const Symbol symbol = index_.add(text, next);
    if (symbol != next) {
        texts_.pop_back();
    }
    return symbol;
}

Symbol MergeRules::joined(Symbol left, Symbol right) {
    buffer_.assign(texts_[static_cast<std::size_t>(left)]);
    buffer_.append(texts_[static_cast<std::size_t>(right)]);
    // Merges are mostly listed in the order of the tokens that they make.
    const std::size_t guess = last_joined_ + 1;
    const bool hit = guess < n_tokens_ && !repeated_[guess] && texts_[guess] == buffer_;
    const Symbol found = hit ? symbol_of(guess) : index_.find(buffer_);
    last_joined_ = found == no_symbol ? last_joined_ : static_cast<std::size_t>(found);
    return found;
}

Symbol MergeRules::character(std::string_view text) const {
    const std::size_t place = short_character(text);
    return place < short_characters ? characters_[place] : index_.find(text);
}

} // namespace pyengine
