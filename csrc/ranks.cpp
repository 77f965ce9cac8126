// Ranks of some entries of a row in one scan. A histogram between the lowest and the highest
// wanted logit counts what lies clearly above; only entries in the bucket of a wanted one are
// compared with it.
#include <algorithm>
#include <array>
#include <cmath>

#include "row_statistics.hpp"

namespace pyengine {

namespace {

constexpr std::size_t n_buckets = 4096; // their counts fit into the first-level cache
constexpr std::size_t block = 1024;

struct Wanted {
    float value;
    std::int32_t id;
    std::size_t index; // in the list that was asked for
};

// The order of top_k: larger logits first, then lower ids; NaN after everything.
bool before(float a, std::int32_t id_a, float b, std::int32_t id_b) {
    if (std::isnan(a) || std::isnan(b)) {
        return std::isnan(a) == std::isnan(b) ? id_a < id_b : std::isnan(b);
    }
    return a != b ? a > b : id_a < id_b;
}

// Monotone: a larger logit never falls into a lower bucket. Bucket 0 holds what lies below every
// finite wanted logit, NaN and -infinity.
class Buckets {
public:
    explicit Buckets(const std::vector<Wanted> & wanted) {
        float low = INFINITY, high = -INFINITY;
        for (const Wanted & w : wanted) {
            if (std::isfinite(w.value)) {
                low = std::min(low, w.value);
                high = std::max(high, w.value);
            }
        }
        low_ = low;
        if (low < high) {
            scale_ = static_cast<float>(n_buckets - 3) / (high - low);
        }
    }

    // Branch-free, so that the compiler makes vectors of it.
    std::int32_t of(float x) const {
        const float place = 1.0F + (x - low_) * scale_;
        const float inside = x >= low_ ? place : 0.0F;
        constexpr auto last = static_cast<float>(n_buckets - 1);
        return static_cast<std::int32_t>(inside < last ? inside : last);
    }

private:
    float low_ = 0.0F;
    float scale_ = 0.0F;
};

// Wanted entries sorted, with the range of them that each bucket holds.
struct Thresholds {
    std::vector<Wanted> sorted;
    std::array<std::uint32_t, n_buckets> first{};
    std::array<std::uint32_t, n_buckets> last{};
};

Thresholds thresholds(std::vector<Wanted> wanted, const Buckets & buckets) {
    Thresholds result;
    std::sort(wanted.begin(), wanted.end(), [](const Wanted & a, const Wanted & b) {
        return before(a.value, a.id, b.value, b.id);
    });
    result.sorted = std::move(wanted);
    for (std::uint32_t j = 0; j < result.sorted.size(); ++j) {
        const auto bucket = static_cast<std::size_t>(buckets.of(result.sorted[j].value));
        if (result.first[bucket] == result.last[bucket]) {
            result.first[bucket] = j;
        }
        result.last[bucket] = j + 1;
    }
    return result;
}

} // namespace

std::vector<std::int32_t> ranks(const float * row, std::size_t n,
                                const std::vector<std::int32_t> & ids) {
    std::vector<Wanted> wanted;
    wanted.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        wanted.push_back({row[ids[i]], ids[i], i});
    }
    const Buckets buckets(wanted);
    const Thresholds limits = thresholds(std::move(wanted), buckets);

    std::vector<std::int32_t> count(n_buckets, 0);
    // ahead[j]: entries in the bucket of threshold j that come before it and after j - 1.
    std::vector<std::int32_t> ahead(limits.sorted.size() + 1, 0);
    std::array<std::int32_t, block> places;
    for (std::size_t start = 0; start < n; start += block) {
        const std::size_t size = std::min(block, n - start);
        for (std::size_t i = 0; i < size; ++i) {
            places[i] = buckets.of(row[start + i]);
        }
        for (std::size_t i = 0; i < size; ++i) {
            const auto bucket = static_cast<std::size_t>(places[i]);
            ++count[bucket];
            std::uint32_t j = limits.first[bucket];
            const std::uint32_t end = limits.last[bucket];
            if (j < end) {
                const float value = row[start + i];
                const auto id = static_cast<std::int32_t>(start + i);
                while (j < end && !before(value, id, limits.sorted[j].value, limits.sorted[j].id)) {
                    ++j;
                }
                ahead[j] += j < end ? 1 : 0;
            }
        }
    }

    std::vector<std::int32_t> above(n_buckets + 1, 0); // entries in this bucket and higher ones
    for (std::size_t bucket = n_buckets; bucket-- > 0;) {
        above[bucket] = above[bucket + 1] + count[bucket];
    }
    std::vector<std::int32_t> result(ids.size());
    for (std::size_t bucket = 0; bucket < n_buckets; ++bucket) {
        std::int32_t inside = 0;
        for (std::uint32_t j = limits.first[bucket]; j < limits.last[bucket]; ++j) {
            inside += ahead[j];
            result[limits.sorted[j].index] = above[bucket + 1] + inside + 1;
        }
    }
    return result;
}

} // namespace pyengine
