#include "vocab/token_sets.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "engine/errors.hpp"
#include "rows/parallel_rows.hpp"
#include "rows/rank_scan.hpp"
#include "rows/row_order.hpp"

namespace pyengine {
namespace {

// Sorts order keys by their upper halves, the logits, 11 bits at a time from the lowest, keeping
// the order of equal ones; keys come in with rising lower halves.
void sort_by_logit(std::vector<std::uint64_t> & keys) {
    constexpr unsigned width = 11;
    constexpr std::size_t n_digits = std::size_t{1} << width;
    std::vector<std::uint64_t> sorted(keys.size());
    for (unsigned shift = 32; shift < 64; shift += width) {
        const auto digit = [shift](std::uint64_t key) { return (key >> shift) % n_digits; };
        std::array<std::uint32_t, n_digits> next{};
        for (const std::uint64_t key : keys) {
            ++next[digit(key)];
        }
        std::uint32_t start = 0;
        for (std::uint32_t & place : next) {
            start += std::exchange(place, start);
        }
        for (const std::uint64_t key : keys) {
            sorted[next[digit(key)]++] = key;
        }
        keys.swap(sorted);
    }
}

void check_ids(std::vector<std::int32_t> ids, std::size_t n_vocab, const char * what) {
    std::sort(ids.begin(), ids.end());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] < 0 || static_cast<std::size_t>(ids[i]) >= n_vocab) {
            throw OptionError(std::string(what) + ": token id " + std::to_string(ids[i]) +
                              " is outside the vocabulary of " + std::to_string(n_vocab));
        }
        if (i > 0 && ids[i] == ids[i - 1]) {
            throw OptionError(std::string(what) + ": token id " + std::to_string(ids[i]) +
                              " stands twice");
        }
    }
}

std::vector<std::int32_t> checked_padding(std::vector<std::int32_t> ids, std::size_t n_vocab) {
    check_ids(ids, n_vocab, "padding");
    return ids;
}

} // namespace

TokenSets::TokenSets(std::size_t n_vocab, const std::vector<std::vector<std::int32_t>> & sets,
                     std::vector<std::int32_t> padding)
    : n_vocab_(n_vocab), padding_(checked_padding(std::move(padding), n_vocab), n_vocab),
      offsets_{0} {
    for (const auto & set : sets) {
        check_ids(set, n_vocab, "token set");
        members_.insert(members_.end(), set.begin(), set.end());
        offsets_.push_back(members_.size());
    }
    index_distinct();
}

std::uint32_t TokenSets::Deciders::note(std::uint32_t seen, std::uint32_t size,
                                        std::uint32_t place) {
    const std::uint32_t middle = (size - 1) / 2;
    best = seen == 0 ? place : best;
    lower = seen == middle ? place : lower;
    upper = seen == size / 2 ? place : upper;
    return seen < middle ? middle : size / 2;
}

void TokenSets::index_distinct() {
    distinct_ = members_;
    std::sort(distinct_.begin(), distinct_.end());
    distinct_.erase(std::unique(distinct_.begin(), distinct_.end()), distinct_.end());
    for (const std::int32_t id : members_) {
        const auto found = std::lower_bound(distinct_.begin(), distinct_.end(), id);
        distinct_of_.push_back(static_cast<std::uint32_t>(found - distinct_.begin()));
    }
    const std::vector<std::int32_t> & padding = padding_.ids();
    for (const std::int32_t id : distinct_) {
        is_padding_.push_back(std::binary_search(padding.begin(), padding.end(), id) ? 1 : 0);
    }
    std::vector<std::vector<std::uint32_t>> sets(distinct_.size());
    for (std::uint32_t s = 0; s < n_sets(); ++s) {
        for (std::size_t m = offsets_[s]; m < offsets_[s + 1]; ++m) {
            sets[distinct_of_[m]].push_back(s);
        }
    }
    sets_of_offsets_.push_back(0);
    for (const auto & of_one : sets) {
        sets_of_.insert(sets_of_.end(), of_one.begin(), of_one.end());
        sets_of_offsets_.push_back(sets_of_.size());
    }
}

TokenSets::Deciding TokenSets::deciding(const float * row) const {
    std::vector<std::uint64_t> order(distinct_.size());
    for (std::uint32_t d = 0; d < distinct_.size(); ++d) {
        order[d] = order_key(row[distinct_[d]], d);
    }
    sort_by_logit(order);
    Deciding result;
    result.of_sets.resize(n_sets());
    std::vector<std::uint32_t> seen(n_sets(), 0), next(n_sets(), 0);
    for (const std::uint64_t key : order) {
        const auto d = static_cast<std::size_t>(key & 0xFFFFFFFFU);
        bool decides = false;
        for (std::size_t i = sets_of_offsets_[d]; i < sets_of_offsets_[d + 1]; ++i) {
            const std::uint32_t s = sets_of_[i];
            if (seen[s] == next[s]) {
                const auto size = static_cast<std::uint32_t>(offsets_[s + 1] - offsets_[s]);
                const auto place = static_cast<std::uint32_t>(result.ids.size());
                next[s] = result.of_sets[s].note(seen[s], size, place);
                decides = true;
            }
            ++seen[s];
        }
        if (decides) {
            result.ids.push_back(distinct_[d]);
        }
    }
    return result;
}

TokenSetSummary TokenSets::summarize(const float * rows, std::size_t n_rows, std::size_t n_top,
                                     std::size_t threads) const {
    TokenSetSummary summary;
    summary.n_rows = n_rows;
    summary.n_sets = n_sets();
    summary.n_members = members_.size();
    summary.n_top = std::min(n_top, n_vocab_ - padding_.ids().size());
    summary.log_sum_exp.resize(n_rows);
    summary.entropy.resize(n_rows);
    summary.padding_mass.resize(n_rows);
    summary.top.resize(n_rows * summary.n_top);
    summary.mass.resize(n_rows * summary.n_sets);
    summary.best_rank.resize(n_rows * summary.n_sets);
    summary.median_rank.resize(n_rows * summary.n_sets);
    summary.log_probability.resize(n_rows * summary.n_members);

    parallel_rows(n_rows, threads,
                  [&](std::size_t r) { summarize_row(rows + r * n_vocab_, r, summary); });
    return summary;
}

void TokenSets::summarize_row(const float * row, std::size_t r, TokenSetSummary & summary) const {
    const Kernels & kernels = best_kernels();
    const Deciding members = deciding(row);
    RankScan scan(row, n_vocab_, members.ids, kernels);

    thread_local std::vector<float> scratch; // kept between rows, as memory is not free
    const CleanRow clean = without_padding(row, n_vocab_, padding_, scratch);
    const std::vector<float> maxima = maxima_of_blocks(clean, kernels);
    const bool beside = clean.data == row; // one scan sums the row and ranks in it
    const RowStatistics whole =
        clean_statistics(clean, maxima, kernels, beside ? &scan.histogram() : nullptr);
    const std::size_t counted = beside ? clean.n : 0;
    scan.compare_wanted(0, counted);
    scan.add(counted, n_vocab_);

    summary.log_sum_exp[r] = whole.log_sum_exp;
    summary.entropy[r] = whole.entropy;
    summary.padding_mass[r] = padding_mass(row, padding_, whole.log_sum_exp);
    const auto top = top_k(clean, maxima, summary.n_top);
    std::copy(top.begin(), top.end(),
              summary.top.begin() + static_cast<std::ptrdiff_t>(r * summary.n_top));
    sum_masses(row, r, summary);
    set_ranks(members.of_sets, scan.ranks(), r, summary);
}

void TokenSets::sum_masses(const float * row, std::size_t r, TokenSetSummary & summary) const {
    constexpr double nothing = -std::numeric_limits<double>::infinity();
    std::vector<double> log_probability(distinct_.size()), probability(distinct_.size());
    for (std::size_t d = 0; d < distinct_.size(); ++d) {
        const double logit = is_padding_[d] ? nothing : static_cast<double>(row[distinct_[d]]);
        log_probability[d] = logit - summary.log_sum_exp[r];
        probability[d] = std::exp(log_probability[d]);
    }
    double * const of_members = summary.log_probability.data() + r * summary.n_members;
    for (std::size_t s = 0; s < summary.n_sets; ++s) {
        double mass = 0.0;
        for (std::size_t m = offsets_[s]; m < offsets_[s + 1]; ++m) {
            mass += probability[distinct_of_[m]];
            of_members[m] = log_probability[distinct_of_[m]];
        }
        summary.mass[r * summary.n_sets + s] = mass;
    }
}

void TokenSets::set_ranks(const std::vector<Deciders> & of_sets,
                          const std::vector<std::int32_t> & ranks, std::size_t r,
                          TokenSetSummary & summary) const {
    for (std::size_t s = 0; s < summary.n_sets; ++s) {
        if (offsets_[s] == offsets_[s + 1]) {
            continue;
        }
        const Deciders & of_set = of_sets[s];
        summary.best_rank[r * summary.n_sets + s] = ranks[of_set.best];
        summary.median_rank[r * summary.n_sets + s] =
            (ranks[of_set.lower] + ranks[of_set.upper]) / 2.0;
    }
}

} // namespace pyengine
