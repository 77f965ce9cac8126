#include <algorithm>
#include <cmath>
#include <numeric>

#include "rows/rank_scan.hpp"
#include "rows/row_order.hpp"
#include "rows/row_statistics.hpp"

namespace pyengine {

namespace {

constexpr std::size_t word = 64; // entries for each word of Histogram::wanted

// Sets the buckets between the lowest and the highest finite wanted logit.
void set_range(Histogram & histogram, const std::vector<float> & wanted) {
    float low = INFINITY, high = -INFINITY;
    for (const float value : wanted) {
        if (std::isfinite(value)) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    }
    histogram.low = low;
    histogram.scale = low < high ? static_cast<float>(n_buckets - 3) / (high - low) : 0.0F;
}

} // namespace

RankScan::RankScan(const float * row, std::size_t n, const std::vector<std::int32_t> & ids,
                   const Kernels & kernels)
    : row_(row), kernels_(kernels), keys_(ids.size()), buckets_(ids.size()), ahead_(ids.size()),
      wanted_((n + word - 1) / word) {
    std::vector<float> values(ids.size());
    for (std::size_t j = 0; j < ids.size(); ++j) {
        values[j] = row[ids[j]];
        keys_[j] = order_key(values[j], static_cast<std::uint32_t>(ids[j]));
    }
    histogram_.wanted = wanted_.data();
    set_range(histogram_, values);
    kernels.buckets(values.data(), values.size(), histogram_, buckets_.data());
    for (std::uint32_t j = 0; j < buckets_.size(); ++j) {
        std::uint8_t & is_wanted = histogram_.is_wanted[buckets_[j]];
        if (is_wanted == 0) {
            is_wanted = 1;
            first_[buckets_[j]] = j;
        }
        last_[buckets_[j]] = j + 1;
    }
}

void RankScan::add(std::size_t first, std::size_t last) {
    kernels_.add_to_histogram(row_ + first, last - first, histogram_);
    compare_wanted(first, last);
}

void RankScan::compare_wanted(std::size_t first, std::size_t last) {
    std::array<std::uint32_t, 16 * word> places;
    std::size_t n = 0;
    for (std::size_t from = first; from < last; from += word) {
        if (n + word > places.size()) {
            compare(first, places.data(), n);
            n = 0;
        }
        for (std::uint64_t bits = wanted_[(from - first) / word]; bits != 0; bits &= bits - 1) {
            places[n++] = static_cast<std::uint32_t>(from - first) +
                          static_cast<std::uint32_t>(__builtin_ctzll(bits));
        }
    }
    compare(first, places.data(), n);
}

void RankScan::compare(std::size_t first, const std::uint32_t * places, std::size_t n) {
    std::array<float, 16 * word> values{};
    std::array<std::uint16_t, 16 * word> buckets{};
    for (std::size_t i = 0; i < n; ++i) {
        values[i] = row_[first + places[i]];
    }
    kernels_.buckets(values.data(), n, histogram_, buckets.data());
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t key =
            order_key(values[i], static_cast<std::uint32_t>(first) + places[i]);
        for (std::uint32_t j = first_[buckets[i]]; j < last_[buckets[i]]; ++j) {
            ahead_[j] += key < keys_[j] ? 1 : 0;
        }
    }
}

std::vector<std::int32_t> RankScan::ranks() const {
    std::vector<std::int32_t> result(keys_.size());
    std::uint32_t above = 0; // entries in higher buckets
    std::size_t bucket = n_buckets - 1;
    for (std::size_t j = 0; j < keys_.size(); ++j) {
        for (; bucket > buckets_[j]; --bucket) {
            above += histogram_.count[bucket];
        }
        result[j] = static_cast<std::int32_t>(above) + ahead_[j] + 1;
    }
    return result;
}

std::vector<std::int32_t> ranks(const float * row, std::size_t n,
                                const std::vector<std::int32_t> & ids, const Kernels & kernels) {
    std::vector<std::uint64_t> keys;
    keys.reserve(ids.size());
    for (const std::int32_t id : ids) {
        keys.push_back(order_key(row[id], static_cast<std::uint32_t>(id)));
    }
    std::vector<std::size_t> order(ids.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
    std::vector<std::int32_t> sorted;
    sorted.reserve(ids.size());
    for (const std::size_t i : order) {
        sorted.push_back(ids[i]);
    }
    RankScan scan(row, n, sorted, kernels);
    scan.add(0, n);
    const std::vector<std::int32_t> found = scan.ranks();
    std::vector<std::int32_t> result(ids.size());
    for (std::size_t j = 0; j < order.size(); ++j) {
        result[order[j]] = found[j];
    }
    return result;
}

} // namespace pyengine
