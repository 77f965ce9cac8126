// Named sets of tokens, compiled once, looked up in rows of logits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/row_statistics.hpp"

namespace pyengine {

// What rows of logits say about the whole vocabulary and about every set. All probabilities are
// over the tokens that are not padding. Row r of a two-dimensional array starts at r * width.
struct TokenSetSummary {
    std::size_t n_rows = 0;
    std::size_t n_sets = 0;
    std::size_t n_members = 0; // over all sets
    std::size_t n_top = 0;

    std::vector<double> log_sum_exp;  // n_rows
    std::vector<double> entropy;      // n_rows, nats
    std::vector<double> padding_mass; // n_rows
    std::vector<std::int32_t> top;    // n_rows x n_top, most probable first

    std::vector<double> mass;            // n_rows x n_sets
    std::vector<std::int32_t> best_rank; // n_rows x n_sets, from 1; 0 for an empty set
    std::vector<double> median_rank;     // n_rows x n_sets; 0 for an empty set
    std::vector<double> log_probability; // n_rows x n_members, natural logarithm
};

class TokenSets {
public:
    // Throws OptionError for an id outside [0, n_vocab) or one that stands twice in a set.
    TokenSets(std::size_t n_vocab, const std::vector<std::vector<std::int32_t>> & sets,
              std::vector<std::int32_t> padding);

    std::size_t n_vocab() const { return n_vocab_; }
    std::size_t n_sets() const { return offsets_.size() - 1; }
    // The members of set s are those from offsets()[s] to offsets()[s + 1].
    const std::vector<std::int32_t> & members() const { return members_; }
    const std::vector<std::size_t> & offsets() const { return offsets_; }

    // `rows` holds n_rows * n_vocab() logits.
    TokenSetSummary summarize(const float * rows, std::size_t n_rows, std::size_t n_top,
                              std::size_t threads) const;

private:
    // The members that decide a set's ranks: the best one, and the one or two in the middle.
    struct Deciders {
        std::uint32_t best, lower, upper; // places in Deciding::ids

        // Takes the deciding member that has `seen` before it among `size`, and returns how many
        // the next one has before it.
        std::uint32_t note(std::uint32_t seen, std::uint32_t size, std::uint32_t place);
    };
    struct Deciding {
        std::vector<std::int32_t> ids; // by rank, each once
        std::vector<Deciders> of_sets; // those of an empty set mean nothing
    };

    void index_distinct();
    void summarize_row(const float * row, std::size_t r, TokenSetSummary & summary) const;
    void sum_masses(const float * row, std::size_t r, TokenSetSummary & summary) const;
    void set_ranks(const std::vector<Deciders> & of_sets, const std::vector<std::int32_t> & ranks,
                   std::size_t r, TokenSetSummary & summary) const;
    Deciding deciding(const float * row) const;

    std::size_t n_vocab_;
    Padding padding_;
    std::vector<std::int32_t> members_;
    std::vector<std::size_t> offsets_;
    // Sets overlap: every distinct token is exponentiated and sorted once.
    std::vector<std::int32_t> distinct_;       // ascending ids
    std::vector<std::uint8_t> is_padding_;     // of each distinct token
    std::vector<std::uint32_t> distinct_of_;   // for each member its place in distinct_
    std::vector<std::uint32_t> sets_of_;       // sets of distinct token d, one after another:
    std::vector<std::size_t> sets_of_offsets_; // from [d] to [d + 1]
};

} // namespace pyengine
