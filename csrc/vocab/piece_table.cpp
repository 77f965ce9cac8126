#include "vocab/piece_table.hpp"

#include <algorithm>

#include "vocab/text_index.hpp"

namespace pyengine {
namespace {

constexpr std::int32_t no_token = -1;

// Of tokens with the same bytes, one of the lowest number is found: what a tokenizer makes of text
// before bytes, which it falls back to where no other token fits, and those before what only a
// special-token parser produces.
int precedence(TokenKind kind) {
    if (kind == TokenKind::normal || kind == TokenKind::user_defined) {
        return 0;
    }
    return kind == TokenKind::byte ? 1 : 2;
}

} // namespace

void PieceTable::reserve(std::size_t n_tokens) {
    offsets_.reserve(n_tokens + 1);
    kinds_.reserve(n_tokens);
    bytes_.reserve(8 * n_tokens);
}

void PieceTable::append(std::string_view piece, TokenKind kind) {
    bytes_.append(piece);
    offsets_.push_back(static_cast<std::int64_t>(bytes_.size()));
    kinds_.push_back(kind);
}

std::string_view PieceTable::piece(std::size_t id) const {
    const auto begin = static_cast<std::size_t>(offsets_[id]);
    return std::string_view(bytes_).substr(begin,
                                           static_cast<std::size_t>(offsets_[id + 1]) - begin);
}

std::size_t PieceTable::first_slot(std::string_view wanted) const {
    return static_cast<std::size_t>(text_hash(wanted)) & (slots_.size() - 1);
}

std::size_t PieceTable::slot_of(std::string_view wanted) const {
    std::size_t slot = first_slot(wanted);
    while (slots_[slot] != no_token && piece(static_cast<std::size_t>(slots_[slot])) != wanted) {
        slot = (slot + 1) & (slots_.size() - 1);
    }
    return slot;
}

void PieceTable::insert(std::size_t id) {
    std::int32_t & slot = slots_[slot_of(piece(id))];
    if (slot == no_token) {
        slot = static_cast<std::int32_t>(id);
        return;
    }
    const auto other = static_cast<std::size_t>(slot);
    repeated_.insert(repeated_.end(), {static_cast<std::int32_t>(id), slot});
    if (precedence(kinds_[id]) < precedence(kinds_[other])) {
        slot = static_cast<std::int32_t>(id);
    }
}

void PieceTable::build_index() {
    std::size_t n_slots = 16;
    while (n_slots < 2 * size()) {
        n_slots *= 2;
    }
    slots_.assign(n_slots, no_token);
    for (std::size_t id = 0; id < size(); ++id) {
        prefetch(&slots_[first_slot(piece(std::min(id + prefetch_distance, size() - 1)))]);
        if (!piece(id).empty()) {
            insert(id);
        }
    }
    std::sort(repeated_.begin(), repeated_.end());
    repeated_.erase(std::unique(repeated_.begin(), repeated_.end()), repeated_.end());
}

std::optional<std::int32_t> PieceTable::token(std::string_view wanted) const {
    if (slots_.empty() || wanted.empty()) {
        return std::nullopt;
    }
    const std::int32_t id = slots_[slot_of(wanted)];
    return id == no_token ? std::nullopt : std::optional(id);
}

} // namespace pyengine
