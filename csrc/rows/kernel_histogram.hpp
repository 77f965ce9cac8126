// Counting entries by bucket, the part of kernel_loops.hpp that ranks need. The same rules hold.
#pragma once

#include "rows/kernels.hpp"
#include "rows/vector_math.hpp"

namespace pyengine {
namespace PYENGINE_ISA {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

// The last, incomplete vector of a row, filled up with impossible tokens.
struct Tail {
    float values[2 * lanes];

    Tail(const float * row, std::size_t from, std::size_t n) {
        for (std::size_t i = 0; i < 2 * lanes; ++i) {
            values[i] = from + i < n ? row[from + i] : minus_infinity;
        }
    }
};

// The difference and the product cannot be contracted, so that every entry is rounded alike.
Shorts buckets_of(Floats x, const Histogram & histogram) {
    const Floats above = (x - histogram.low) * histogram.scale;
    const Floats last = static_cast<float>(n_buckets - 2) - Floats{};
    const Ints bucket = __builtin_convertvector(above < last ? above : last, Ints) + 1;
    return __builtin_convertvector(x >= histogram.low ? bucket : Ints{}, Shorts);
}

// The same for as many entries as fill whole vectors; returns how many.
inline std::size_t whole_buckets(const float * row, std::size_t n, const Histogram & histogram,
                                 std::uint16_t * found) {
    std::size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const Shorts here = buckets_of(load_floats(row + i), histogram);
        std::memcpy(found + i, &here, sizeof here);
    }
    return i;
}

void buckets(const float * row, std::size_t n, const Histogram & histogram, std::uint16_t * found) {
    const std::size_t i = whole_buckets(row, n, histogram, found);
    const Tail tail(row, i, n);
    const Shorts here = buckets_of(load_floats(tail.values), histogram);
    for (std::size_t lane = 0; i + lane < n; ++lane)
        found[i + lane] = here[lane];
}

constexpr std::size_t group = 64; // entries for each word of Histogram::wanted

// Counts a group of entries, in steps between which something else can be computed.
class GroupCounter {
public:
    GroupCounter(Histogram & histogram, const float * row) : histogram_(histogram) {
        whole_buckets(row, group, histogram, buckets_);
    }
    // A group of fewer entries.
    GroupCounter(Histogram & histogram, const float * row, std::size_t n) : histogram_(histogram) {
        buckets(row, n, histogram, buckets_);
    }

    template <std::size_t n> void count(std::size_t from) {
        std::uint64_t wanted = 0; // bits in place of branches, which nothing could predict
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t bucket = buckets_[from + i];
            ++histogram_.count[bucket];
            wanted |= std::uint64_t{histogram_.is_wanted[bucket]} << i;
        }
        wanted_ |= wanted << from;
    }

    std::uint64_t wanted() const { return wanted_; }

private:
    Histogram & histogram_;
    std::uint16_t buckets_[group];
    std::uint64_t wanted_ = 0;
};

void count_groups(const float * row, std::size_t n, Histogram & histogram, std::uint64_t * wanted) {
    std::size_t i = 0;
    for (; i + group <= n; i += group) {
        GroupCounter counter(histogram, row + i);
        for (std::size_t step = 0; step < group; step += 8)
            counter.count<8>(step);
        *wanted++ = counter.wanted();
    }
    if (i == n)
        return;
    GroupCounter rest(histogram, row + i, n - i);
    for (std::size_t last = 0; last < n - i; ++last)
        rest.count<1>(last);
    *wanted = rest.wanted();
}

void add_to_histogram(const float * row, std::size_t n, Histogram & histogram) {
    count_groups(row, n, histogram, histogram.wanted);
}

} // namespace
} // namespace PYENGINE_ISA
} // namespace pyengine
