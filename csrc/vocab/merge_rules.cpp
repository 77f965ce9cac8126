#include "vocab/merge_rules.hpp"

#include <algorithm>
#include <array>

namespace pyengine {
namespace {

// Characters of one and two bytes, which are all that byte-level tokenizers have.
constexpr std::size_t short_characters = 0x800;

constexpr std::size_t at_once = 128; // merges whose parts are looked up together

std::size_t short_character(std::string_view text) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (text.size() == 1 && byte(0) < 0x80) {
        return byte(0);
    }
    const bool two =
        text.size() == 2 && byte(0) >= 0xC2 && byte(0) < 0xE0 && (byte(1) & 0xC0U) == 0x80;
    return two ? (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU) : short_characters;
}

bool is_joined(std::string_view text, std::string_view left, std::string_view right) {
    return text.size() == left.size() + right.size() && text.substr(0, left.size()) == left &&
           text.substr(left.size()) == right;
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
    texts_.reserve(tokens.count + tokens.count / 8); // and what occurs in merges alone
    GgufFile::for_each_string(
        tokens, [this](std::size_t, std::string_view text) { texts_.push_back(text); });
    n_tokens_ = texts_.size();
    for (std::size_t i = 0; i < n_tokens_; ++i) {
        index_.expect(texts_[std::min<std::size_t>(i + prefetch_distance, n_tokens_ - 1)]);
        const auto first = static_cast<std::size_t>(index_.add(texts_[i], symbol_of(i)));
        if (first != i) {
            repeated_[i] = repeated_[first] = true;
        }
    }
}

void MergeRules::read_merges(const GgufValue & merges) {
    merges_.reserve(merges.count);
    std::vector<std::string_view> parts; // left and right of some merges
    parts.reserve(2 * at_once);
    GgufFile::for_each_string(merges, [&](std::size_t rank, std::string_view line) {
        const std::size_t space = line.find(' ', 1);
        const bool split = space != std::string_view::npos;
        parts.push_back(split ? line.substr(0, space) : std::string_view());
        parts.push_back(split ? line.substr(space + 1) : std::string_view());
        if (parts.size() == 2 * at_once || rank + 1 == merges.count) {
            add_merges(parts);
            parts.clear();
        }
    });
    const auto n_merges = static_cast<std::int32_t>(merges_.size());
    for (std::int32_t rank = 0; rank < n_merges; ++rank) { // all symbols are known by now
        table_.expect(std::min(rank + std::int32_t{prefetch_distance}, n_merges - 1));
        Merge & merge = merges_[static_cast<std::size_t>(rank)];
        if (merge.left == no_symbol) {
            continue;
        }
        if (!table_.add(rank)) {
            merge = {no_symbol, no_symbol, no_symbol};
        } else if (merge.result == no_symbol) {
            merge.result = joined(text_of(merge.left), text_of(merge.right));
        }
    }
}

void MergeRules::add_merges(const std::vector<std::string_view> & parts) {
    std::array<Symbol, 2 * at_once> symbols{};
    index_.find_all(parts.data(), parts.size(), symbols.data());
    for (std::size_t i = 0; i < parts.size(); i += 2) {
        const std::string_view left = parts[i], right = parts[i + 1];
        if (left.empty()) { // the line has no space between two parts
            merges_.push_back({no_symbol, no_symbol, no_symbol});
            continue;
        }
        for (const std::size_t part : {i, i + 1}) {
            symbols[part] = symbols[part] == no_symbol ? intern(parts[part]) : symbols[part];
        }
        merges_.push_back({symbols[i], symbols[i + 1], joined(left, right)});
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

Symbol MergeRules::joined(std::string_view left, std::string_view right) {
    // Merges are mostly listed in the order of the tokens that they make.
    const std::size_t guess = last_joined_ + 1;
    if (guess < n_tokens_ && !repeated_[guess] && is_joined(texts_[guess], left, right)) {
        last_joined_ = guess;
        return symbol_of(guess);
    }
    buffer_.assign(left).append(right);
    const Symbol found = index_.find(buffer_);
    last_joined_ = found == no_symbol ? last_joined_ : static_cast<std::size_t>(found);
    return found;
}

Symbol MergeRules::character(std::string_view text) const {
    const std::size_t place = short_character(text);
    return place < short_characters ? characters_[place] : index_.find(text);
}

} // namespace pyengine
