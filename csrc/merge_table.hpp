// Pairs of symbols to byte-pair merges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text_index.hpp"

namespace pyengine {

struct Merge {
    std::uint64_t pair;
    std::int32_t rank;
    Symbol result; // no_symbol where the joined text is no token and part of no merge
};

// Open addressing, at most half full.
class MergeTable {
public:
    explicit MergeTable(std::size_t n_merges) {
        std::size_t capacity = 16;
        while (capacity < 2 * n_merges) {
            capacity *= 2;
        }
        slots_.assign(capacity, Merge{empty, 0, no_symbol});
    }

    // Keeps the first of equal pairs, as llama.cpp does; false for a later one.
    bool add(Symbol left, Symbol right, std::int32_t rank, Symbol result) {
        const std::uint64_t key = pair(left, right);
        Merge & slot = slots_[place(key)];
        const bool is_new = slot.pair == empty;
        if (is_new) {
            slot = Merge{key, rank, result};
        }
        return is_new;
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

    static std::uint64_t pair(Symbol left, Symbol right) {
        return static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
    }

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

} // namespace pyengine
