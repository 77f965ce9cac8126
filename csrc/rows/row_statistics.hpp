// What one row of logits says about the next token. Plain arrays in, plain numbers out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/kernels.hpp"

namespace pyengine {

struct RowStatistics {
    float max = 0.0F;
    std::int32_t argmax = -1;  // the first of equal maxima, as llama.cpp breaks ties
    double log_sum_exp = 0.0;  // over the entries that are not padding
    double entropy = 0.0;      // nats, over the same entries
    double padding_mass = 0.0; // probability of the padding if it had been left in
    double lowest = 0.0;       // smallest entry minus the largest, cut off at -800
};

// Entries of a row that belong to no token of the tokenizer.
class Padding {
public:
    Padding() = default;
    // `ids` are those of the padding, `n` the length of the rows. Throws std::invalid_argument.
    Padding(std::vector<std::int32_t> ids, std::size_t n);

    const std::vector<std::int32_t> & ids() const { return ids_; }
    // True where the padding is the end of the row, so that a shorter row is enough.
    bool is_tail() const { return is_tail_; }

private:
    std::vector<std::int32_t> ids_; // ascending
    bool is_tail_ = true;
};

// A row without its padding: the same memory where that will do, otherwise a copy with -infinity.
struct CleanRow {
    const float * data;
    std::size_t n;
};
CleanRow without_padding(const float * row, std::size_t n, const Padding & padding,
                         std::vector<float> & scratch);

// Maximum, log-sum-exp and entropy in two scans; NaN where the row holds NaN or +infinity, or has
// nothing above -infinity. Sums in float64.
RowStatistics row_statistics(const float * row, std::size_t n, const Padding & padding = {},
                             const Kernels & kernels = best_kernels());

// The k largest entries, largest first, the lower id first among equals; the vocabulary is not
// sorted. Fewer than k where the row is shorter. NaN comes last.
std::vector<std::int32_t> top_k(const float * row, std::size_t n, std::size_t k,
                                const Kernels & kernels = best_kernels());

// Maximum of each block of `block_size` entries, for the two functions below: whoever needs both
// scans the row once.
std::vector<float> maxima_of_blocks(CleanRow row, const Kernels & kernels);
// Of a row without its padding; the mass of that is left at 0. The histogram, where there is one,
// takes in the row.
RowStatistics clean_statistics(CleanRow row, const std::vector<float> & maxima,
                               const Kernels & kernels, Histogram * histogram = nullptr);
std::vector<std::int32_t> top_k(CleanRow row, const std::vector<float> & maxima, std::size_t k);
// Probability of the padding if it had been left in the row, of which the rest has this sum.
double padding_mass(const float * row, const Padding & padding, double log_sum_exp);

// Place of an entry in the order that top_k uses, from 1.
std::size_t rank(const float * row, std::size_t n, std::int32_t id,
                 const Kernels & kernels = best_kernels());

// The same for many entries in one scan of the row.
std::vector<std::int32_t> ranks(const float * row, std::size_t n,
                                const std::vector<std::int32_t> & ids,
                                const Kernels & kernels = best_kernels());

} // namespace pyengine
