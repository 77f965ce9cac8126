// Pairs of symbols to byte-pair merges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vocab/text_index.hpp"

namespace pyengine {

// A merge's place in the list is its rank: of those that apply, the lowest goes first.
struct Merge {
    Symbol left; // both parts are no_symbol in one that can never apply
    Symbol right;
    Symbol result; // no_symbol where the joined text is no token and part of no merge
};

inline constexpr std::int32_t no_rank = -1;

// Open addressing over a list of merges that the owner keeps, at most half full. A slot is no more
// than a rank, so that looking for pairs that do not merge, which most do not, stays in the cache.
class MergeTable {
public:
    MergeTable(const std::vector<Merge> & merges, std::size_t expected) : merges_(merges) {
        std::size_t capacity = 16;
        while (capacity < 2 * expected) {
            capacity *= 2;
        }
        slots_.assign(capacity, no_rank);
    }

    // Call some additions ahead: brings the merge's place into the cache.
    void expect(std::int32_t rank) const {
        const Merge & merge = merges_[static_cast<std::size_t>(rank)];
        prefetch(&slots_[first_place(merge.left, merge.right)]);
    }

    // Keeps the first of equal pairs, as llama.cpp does; false for a later one.
    bool add(std::int32_t rank) {
        const Merge & merge = merges_[static_cast<std::size_t>(rank)];
        std::int32_t & slot = slots_[place(merge.left, merge.right)];
        const bool is_new = slot == no_rank;
        slot = is_new ? rank : slot;
        return is_new;
    }

    // The rank of the merge of two symbols, or no_rank.
    std::int32_t find(Symbol left, Symbol right) const {
        return left == no_symbol || right == no_symbol ? no_rank : slots_[place(left, right)];
    }

private:
    std::size_t first_place(Symbol left, Symbol right) const {
        const std::uint64_t key =
            static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
        return (key * 0x9E3779B97F4A7C15ULL >> 20U) & (slots_.size() - 1);
    }

    std::size_t place(Symbol left, Symbol right) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = first_place(left, right);
        while (slots_[i] != no_rank && !is_pair(slots_[i], left, right)) {
            i = (i + 1) & mask;
        }
        return i;
    }

    bool is_pair(std::int32_t rank, Symbol left, Symbol right) const {
        const Merge & merge = merges_[static_cast<std::size_t>(rank)];
        return merge.left == left && merge.right == right;
    }

    const std::vector<Merge> & merges_;
    std::vector<std::int32_t> slots_;
};

} // namespace pyengine
