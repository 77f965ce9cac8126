// Texts to their numbers: an open-addressing table, and the hash that all such tables here use.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "rows/prefetch.hpp"

namespace pyengine {

// Eight bytes at a time: the texts of a vocabulary are short, and there are many of them.
inline std::uint64_t text_hash(std::string_view text) {
    constexpr std::uint64_t factor = 0x9E3779B97F4A7C15ULL;
    const auto mix = [](std::uint64_t value) {
        value *= factor;
        return value ^ value >> 32U;
    };
    const auto byte = [&text](std::size_t i) {
        return std::uint64_t{static_cast<unsigned char>(text[i])};
    };
    const auto four = [&text](std::size_t i) {
        std::uint32_t value = 0;
        std::memcpy(&value, text.data() + i, sizeof(value));
        return std::uint64_t{value};
    };
    std::uint64_t hash = text.size();
    while (text.size() > 8) {
        hash = mix(hash ^ (four(0) | four(4) << 32U));
        text.remove_prefix(8);
    }
    const std::size_t n = text.size(); // what is left is read in overlapping halves
    if (n >= 4) {
        hash = mix(hash ^ (four(0) | four(n - 4) << 32U));
    } else if (n > 0) {
        hash = mix(hash ^ (byte(0) | byte(n / 2) << 8U | byte(n - 1) << 16U));
    }
    return mix(hash);
}

using Symbol = std::int32_t;
inline constexpr Symbol no_symbol = -1;

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

    Symbol find(std::string_view text) const { return slots_[place(text, text_hash(text))]; }

    // Looks up many texts. Each look-up follows one pointer after another into memory that is
    // not in the cache; a group of them takes every step together, so that the waits overlap.
    void find_all(const std::string_view * texts, std::size_t n, Symbol * found) const {
        constexpr std::size_t group = 32;
        std::uint64_t hashes[group];
        for (std::size_t begin = 0; begin < n; begin += group) {
            const std::size_t count = std::min(group, n - begin);
            for (std::size_t i = 0; i < count; ++i) {
                hashes[i] = text_hash(texts[begin + i]);
                prefetch(&slots_[hashes[i] & mask()]);
            }
            for (std::size_t i = 0; i < count; ++i) {
                prefetch(owner(hashes[i]));
            }
            for (std::size_t i = 0; i < count; ++i) {
                const std::string_view * text = owner(hashes[i]);
                prefetch(text == nullptr ? nullptr : text->data());
            }
            for (std::size_t i = 0; i < count; ++i) {
                found[begin + i] = slots_[place(texts[begin + i], hashes[i])];
            }
        }
    }

    // Call some additions ahead: brings the text's place into the cache.
    void expect(std::string_view text) const { prefetch(&slots_[text_hash(text) & mask()]); }

    // Returns what the text stands for already, or else makes it stand for this symbol.
    Symbol add(std::string_view text, Symbol symbol) {
        if (2 * (n_ + 1) > slots_.size()) {
            grow();
        }
        Symbol & slot = slots_[place(text, text_hash(text))];
        if (slot == no_symbol) {
            slot = symbol;
            ++n_;
        }
        return slot;
    }

private:
    std::size_t mask() const { return slots_.size() - 1; }

    // The text at which a search begins; null where the slot is free.
    const std::string_view * owner(std::uint64_t hash) const {
        const Symbol symbol = slots_[hash & mask()];
        return symbol == no_symbol ? nullptr : &texts_[static_cast<std::size_t>(symbol)];
    }

    std::size_t place(std::string_view text, std::uint64_t hash) const {
        std::size_t i = hash & mask();
        while (slots_[i] != no_symbol && texts_[static_cast<std::size_t>(slots_[i])] != text) {
            i = (i + 1) & mask();
        }
        return i;
    }

    void grow() {
        const std::vector<Symbol> old = std::exchange(slots_, {});
        slots_.assign(2 * old.size(), no_symbol);
        for (const Symbol symbol : old) {
            if (symbol != no_symbol) {
                const std::string_view text = texts_[static_cast<std::size_t>(symbol)];
                slots_[place(text, text_hash(text))] = symbol;
            }
        }
    }

    const std::vector<std::string_view> & texts_;
    std::vector<Symbol> slots_;
    std::size_t n_ = 0;
};

} // namespace pyengine
