#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <optional>
#include <utility>

namespace audio {

// A queue of fixed capacity that never allocates; the oldest element is overwritten when full.
template <typename T, std::size_t Capacity>
class RingBuffer {
    static_assert(Capacity > 0, "a ring buffer needs room for one element");

public:
    using value_type = T;

    constexpr RingBuffer() = default;

    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr bool full() const noexcept { return size_ == Capacity; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }

    template <typename... Args>
    void emplace(Args &&... args) {
        items_[(head_ + size_) % Capacity] = T(std::forward<Args>(args)...);
        if (full()) {
            head_ = (head_ + 1) % Capacity;
        } else {
            ++size_;
        }
    }

    std::optional<T> pop() {
        if (empty()) {
            return std::nullopt;
        }
        T item = std::move(items_[head_]);
        head_ = (head_ + 1) % Capacity;
        --size_;
        return item;
    }

    // Copies out at most `count` of the oldest elements and keeps them; for meters and scopes.
    template <typename Output>
    std::size_t peek(Output out, std::size_t count) const {
        const std::size_t n = count < size_ ? count : size_;
        for (std::size_t i = 0; i < n; ++i) {
            *out++ = (*this)[i];
        }
        return n;
    }

    constexpr void clear() noexcept {
        head_ = 0;
        size_ = 0;
    }

    const T & operator[](std::size_t index) const {
        assert(index < size_);
        return items_[(head_ + index) % Capacity];
    }

private:
    std::array<T, Capacity> items_{};
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

} // namespace audio
