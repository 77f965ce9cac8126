// Ranks of some entries of a row in one scan. A histogram between the lowest and the highest
// wanted logit counts what lies clearly above; only entries in the bucket of a wanted one are
// compared with it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/kernels.hpp"

namespace pyengine {

class RankScan {
public:
    // `ids` name the wanted entries in the order of their ranks.
    RankScan(const float * row, std::size_t n, const std::vector<std::int32_t> & ids,
             const Kernels & kernels);

    // Takes in the entries from `first` to `last`; each entry once, in any order.
    void add(std::size_t first, std::size_t last);
    // The same in two steps, for those whom a kernel adds to the histogram beside other work.
    Histogram & histogram() { return histogram_; }
    void compare_wanted(std::size_t first, std::size_t last);

    // From 1, one for each id.
    std::vector<std::int32_t> ranks() const;

private:
    void compare(std::size_t first, const std::uint32_t * places, std::size_t n);

    const float * row_;
    const Kernels & kernels_;
    std::vector<std::uint64_t> keys_;    // of the wanted entries, ascending
    std::vector<std::uint16_t> buckets_; // of the wanted entries, descending
    std::vector<std::int32_t> ahead_;    // how many of its bucket come before each
    Histogram histogram_{};
    std::vector<std::uint64_t> wanted_;                 // what histogram_.wanted points to
    std::array<std::uint32_t, n_buckets> first_, last_; // the wanted entries in a wanted bucket
};

} // namespace pyengine
