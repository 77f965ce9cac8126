// Ranks of many entries of one row in one scan: a histogram over the range of the row tells how
// many entries lie clearly above; only those in the same bucket as a wanted entry are compared.
#include <algorithm>
#include <cmath>
#include <limits>

#include "row_statistics.hpp"

namespace pyengine {

namespace {

constexpr std::size_t n_buckets = 1 << 15;

// Monotone: a larger logit never falls into a lower bucket. NaN and -infinity go to the lowest.
class Buckets {
public:
    Buckets(const float * row, std::size_t n) {
        float low = std::numeric_limits<float>::infinity(), high = -low;
        for (std::size_t i = 0; i < n; ++i) {
            if (!std::isfinite(row[i]))
                continue;
            low = std::min(low, row[i]);
            high = std::max(high, row[i]);
        }
        low_ = low;
        if (low < high)
            scale_ = static_cast<float>(n_buckets - 2) / (high - low);
    }

    std::size_t of(float x) const {
        if (!(x >= low_))
            return 0;
        const float place = 1.0F + (x - low_) * scale_;
        const auto last = static_cast<float>(n_buckets - 1);
        return static_cast<std::size_t>(place < last ? place : last);
    }

private:
    float low_ = 0.0F;
    float scale_ = 0.0F;
};

struct Entry {
    std::uint16_t bucket;
    float value;
    std::int32_t id;
};

// The bucket first, then the order of top_k.
bool before(const Entry & a, const Entry & b) {
    if (a.bucket != b.bucket)
        return a.bucket > b.bucket;
    if (a.value != b.value && !(std::isnan(a.value) && std::isnan(b.value))) {
        return std::isnan(b.value) || a.value > b.value;
    }
    return a.id < b.id;
}

} // namespace

std::vector<std::int32_t> ranks(const float * row, std::size_t n,
                                const std::vector<std::int32_t> & ids) {
    const Buckets buckets(row, n);
    std::vector<bool> wanted(n_buckets, false);
    for (const std::int32_t id : ids)
        wanted[buckets.of(row[id])] = true;

    std::vector<std::int32_t> above(n_buckets + 1, 0); // entries in this bucket and higher ones
    std::vector<Entry> near;
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t bucket = buckets.of(row[i]);
        ++above[bucket];
        if (wanted[bucket]) {
            near.push_back(
                {static_cast<std::uint16_t>(bucket), row[i], static_cast<std::int32_t>(i)});
        }
    }
    for (std::size_t bucket = n_buckets; bucket-- > 0;)
        above[bucket] += above[bucket + 1];

    std::sort(near.begin(), near.end(), before);
    std::vector<std::int32_t> result;
    result.reserve(ids.size());
    for (const std::int32_t id : ids) {
        const Entry entry{static_cast<std::uint16_t>(buckets.of(row[id])), row[id], id};
        const Entry first{entry.bucket, std::numeric_limits<float>::infinity(), -1};
        const auto begin = std::lower_bound(near.begin(), near.end(), first, before);
        const auto at = std::lower_bound(begin, near.end(), entry, before);
        result.push_back(above[static_cast<std::size_t>(entry.bucket) + 1] +
                         static_cast<std::int32_t>(at - begin) + 1);
    }
    return result;
}

} // namespace pyengine
