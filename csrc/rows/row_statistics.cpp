#include "rows/row_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace pyengine {

namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

struct Largest {
    float value;
    std::int32_t id;
};

// The block that holds the first maximum is known, so only that one is searched.
Largest first_maximum(CleanRow row, const std::vector<float> & maxima) {
    const auto best = std::max_element(maxima.begin(), maxima.end());
    if (best == maxima.end() || *best == minus_infinity)
        return {minus_infinity, -1};
    const auto from = static_cast<std::size_t>(best - maxima.begin()) * block_size;
    const float * const at = std::find(row.data + from, row.data + row.n, *best);
    return {*best, static_cast<std::int32_t>(at - row.data)};
}

// The order of tokens by logit: larger first, the lower id first among equals, NaN last.
struct ByLogit {
    const float * row;
    bool operator()(std::int32_t a, std::int32_t b) const {
        const float x = row[a], y = row[b];
        if (x != y && !(std::isnan(x) && std::isnan(y)))
            return std::isnan(y) || x > y;
        return a < b;
    }
};

} // namespace

Padding::Padding(std::vector<std::int32_t> ids, std::size_t n) : ids_(std::move(ids)) {
    std::sort(ids_.begin(), ids_.end());
    ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
    if (ids_.empty())
        return;
    if (ids_.front() < 0 || static_cast<std::size_t>(ids_.back()) >= n) {
        throw std::invalid_argument("a padding id lies outside the vocabulary of " +
                                    std::to_string(n) + " entries");
    }
    is_tail_ = static_cast<std::size_t>(ids_.front()) == n - ids_.size();
}

CleanRow without_padding(const float * row, std::size_t n, const Padding & padding,
                         std::vector<float> & scratch) {
    if (padding.is_tail())
        return {row, n - padding.ids().size()};
    scratch.assign(row, row + n);
    for (const std::int32_t id : padding.ids()) {
        scratch[static_cast<std::size_t>(id)] = minus_infinity;
    }
    return {scratch.data(), n};
}

double padding_mass(const float * row, const Padding & padding, double log_sum_exp) {
    double odds = 0.0; // of padding against everything else
    for (const std::int32_t id : padding.ids()) {
        odds += std::exp(static_cast<double>(row[id]) - log_sum_exp);
    }
    return std::isinf(odds) ? 1.0 : odds / (1.0 + odds);
}

std::vector<float> maxima_of_blocks(CleanRow row, const Kernels & kernels) {
    std::vector<float> maxima((row.n + block_size - 1) / block_size);
    kernels.block_maxima(row.data, row.n, maxima.data());
    return maxima;
}

RowStatistics clean_statistics(CleanRow row, const std::vector<float> & maxima,
                               const Kernels & kernels, Histogram * histogram) {
    RowStatistics result;
    const Largest largest = first_maximum(row, maxima);
    result.max = largest.value;
    result.argmax = largest.id;
    const ExpSums sums = kernels.exp_sums(row.data, row.n, largest.value, histogram);
    const double log_sum = std::log(sums.exp);
    result.lowest = sums.lowest;
    result.log_sum_exp = static_cast<double>(largest.value) + log_sum;
    result.entropy = std::max(log_sum - sums.weighted / sums.exp, 0.0);
    if (!std::isfinite(result.log_sum_exp)) {
        result.log_sum_exp = result.entropy = std::numeric_limits<double>::quiet_NaN();
    }
    return result;
}

RowStatistics row_statistics(const float * row, std::size_t n, const Padding & padding,
                             const Kernels & kernels) {
    thread_local std::vector<float> scratch; // kept between rows, as memory is not free
    const CleanRow clean = without_padding(row, n, padding, scratch);
    RowStatistics result = clean_statistics(clean, maxima_of_blocks(clean, kernels), kernels);
    result.padding_mass = padding_mass(row, padding, result.log_sum_exp);
    return result;
}

std::vector<std::int32_t> top_k(const float * row, std::size_t n, std::size_t k,
                                const Kernels & kernels) {
    const CleanRow clean{row, n};
    return top_k(clean, maxima_of_blocks(clean, kernels), k);
}

std::vector<std::int32_t> top_k(CleanRow clean, const std::vector<float> & maxima, std::size_t k) {
    const auto [row, n] = clean;
    k = std::min(k, n);
    std::vector<std::int32_t> found;
    if (k == 0)
        return found;
    // Each of the k largest block maxima is an entry, so nothing below the k-th can be in the
    // answer, and blocks that stay below it need no second look.
    float threshold = minus_infinity;
    if (k < maxima.size()) {
        std::vector<float> order = maxima;
        const auto kth = order.begin() + static_cast<std::ptrdiff_t>(k) - 1;
        std::nth_element(order.begin(), kth, order.end(), std::greater<float>());
        threshold = *kth;
    }
    for (std::size_t block = 0; block < maxima.size(); ++block) {
        if (maxima[block] < threshold)
            continue;
        const std::size_t end = std::min(n, (block + 1) * block_size);
        for (std::size_t i = block * block_size; i < end; ++i) {
            const bool keep = threshold == minus_infinity || row[i] >= threshold;
            if (keep)
                found.push_back(static_cast<std::int32_t>(i));
        }
    }
    const auto end = found.begin() + static_cast<std::ptrdiff_t>(k);
    std::partial_sort(found.begin(), end, found.end(), ByLogit{row});
    found.resize(k);
    return found;
}

std::size_t rank(const float * row, std::size_t n, std::int32_t id, const Kernels & kernels) {
    const float value = row[id];
    return 1 + kernels.count_above(row, n, value) +
           kernels.count_equal(row, static_cast<std::size_t>(id), value);
}

} // namespace pyengine
