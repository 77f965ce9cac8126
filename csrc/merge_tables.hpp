// Hash tables for byte-pair merges: texts to symbols, and pairs of symbols to merges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace pyengine {

using Symbol = std::int32_t;
inline constexpr Symbol no_symbol = -1;

struct Merge {
    std::uint64_t pair;
    std::uint32_t rank;
    Symbol result; // no_symbol where the joined text is no token and part of no merge
};

// Pairs of symbols to merges: open addressing, at most half full.
class MergeTable {
public:
    explicit MergeTable(std::size_t n_merges) {
        std::size_t capacity = 16;
        while (capacity < 2 * n_merges) {
            capacity *= 2;
        }
        slots_.assign(capacity, Merge{empty, 0, no_symbol});
    }

    static std::uint64_t pair(Symbol left, Symbol right) {
        return static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
    }

    // Keeps the first of equal pairs, as llama.cpp does.
    void add(const Merge & merge) {
        Merge & slot = slots_[place(merge.pair)];
        if (slot.pair == empty) {
            slot = merge;
        }
    }

    const Merge * find(Symbol left, Symbol right) const {
        if (left == no_symbol || right == no_symbol) {
            return nullptr;
        }
        const Merge & slot = slots_[place(pair(left, right))];
        return slot.pair == empty ? nullptr : &slot;
    }

private:
    static constexpr std::uint64_t empty = ~0ULL;

    std::size_t place(std::uint64_t key) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = (key * 0x9E3779B97F4A7C15ULL >> 20U) & mask;
        while (slots_[i].pair != empty && slots_[i].pair != key) {
            i = (i + 1) & mask;
        }
        return i;
    }

    std::vector<Merge> slots_;
};

// Texts to symbols: open addressing over a list of distinct texts that the owner keeps.
class TextIndex {
public:
    TextIndex(const std::vector<std::string_view> & texts, std::size_t expected) : texts_(texts) {
        std::size_t capacity = 1024;
        while (capacity < 2 * expected) {
            capacity *= 2;
        }
        slots_.assign(capacity, no_symbol);
    }

    Symbol find(std::string_view text) const { return slots_[place(text)]; }

    // Returns what the text stands for already, or else makes it stand for this symbol.
    Symbol add(std::string_view text, Symbol symbol) {
        if (2 * (n_ + 1) > slots_.size()) {
            grow();
        }
        Symbol & slot = slots_[place(text)];
        if (slot == no_symbol) {
            slot = symbol;
            ++n_;
        }
        return slot;
    }

private:
    std::size_t place(std::string_view text) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = std::hash<std::string_view>()(text) & mask;
        while (slots_[i] != no_symbol && texts_[static_cast<std::size_t>(slots_[i])] != text) {
            i = (i + 1) & mask;
        }
        return i;
    }

    void grow() {
        const std::vector<Symbol> old = std::exchange(slots_, {});
        slots_.assign(2 * old.size(), no_symbol);
        for (const Symbol symbol : old) {
            if (symbol != no_symbol) {
                slots_[place(texts_[static_cast<std::size_t>(symbol)])] = symbol;
            }
        }
    }

    const std::vector<std::string_view> & texts_;
    std::vector<Symbol> slots_;
    std::size_t n_ = 0;
};

} // namespace pyengine
