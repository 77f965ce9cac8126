#include "token_sets.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <thread>

#include "errors.hpp"

namespace pyengine {
namespace {

// Orders as top_k does: larger logits first, then lower places. Flipping a float's bits so makes
// them compare as integers.
std::uint64_t order_key(float logit, std::uint32_t place) {
    std::uint32_t bits = 0;
    const float value = logit == 0.0F ? 0.0F : logit; // -0 equals +0
    std::memcpy(&bits, &value, sizeof bits);
    const std::uint32_t ascending = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
    return (static_cast<std::uint64_t>(~ascending) << 32U) | place;
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

void TokenSets::index_distinct() {
    distinct_ = members_;
    std::sort(distinct_.begin(), distinct_.end());
    distinct_.erase(std::unique(distinct_.begin(), distinct_.end()), distinct_.end());
    for (const std::int32_t id : members_) {
        const auto found = std::lower_bound(distinct_.begin(), distinct_.end(), id);
        distinct_of_.push_back(static_cast<std::uint32_t>(found - distinct_.begin()));
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

std::vector<TokenSets::Deciders> TokenSets::deciders(const float * row) const {
    std::vector<std::uint64_t> order(distinct_.size());
    for (std::uint32_t d = 0; d < distinct_.size(); ++d) {
        order[d] = order_key(row[distinct_[d]], d);
    }
    std::sort(order.begin(), order.end());
    std::vector<Deciders> result(n_sets());
    std::vector<std::size_t> seen(n_sets(), 0);
    for (const std::uint64_t key : order) {
        const auto d = static_cast<std::size_t>(key & 0xFFFFFFFFU);
        for (std::size_t i = sets_of_offsets_[d]; i < sets_of_offsets_[d + 1]; ++i) {
            const std::size_t s = sets_of_[i];
            const std::size_t size = offsets_[s + 1] - offsets_[s];
            if (seen[s] == 0) {
                result[s].best = distinct_[d];
            }
            if (seen[s] == (size - 1) / 2) {
                result[s].lower = distinct_[d];
            }
            if (seen[s] == size / 2) {
                result[s].upper = distinct_[d];
            }
            ++seen[s];
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

    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t r = next++; r < n_rows; r = next++) {
            summarize_row(rows + r * n_vocab_, r, summary);
        }
    };
    std::vector<std::thread> helpers;
    for (std::size_t t = 1; t < std::min(threads, n_rows); ++t) {
        helpers.emplace_back(work);
    }
    work();
    for (std::thread & helper : helpers) {
        helper.join();
    }
    return summary;
}

void TokenSets::summarize_row(const float * row, std::size_t r, TokenSetSummary & summary) const {
    const RowStatistics whole = row_statistics(row, n_vocab_, padding_);
    summary.log_sum_exp[r] = whole.log_sum_exp;
    summary.entropy[r] = whole.entropy;
    summary.padding_mass[r] = whole.padding_mass;

    std::vector<float> scratch;
    const CleanRow clean = without_padding(row, n_vocab_, padding_, scratch);
    const auto top = top_k(clean.data, clean.n, summary.n_top);
    std::copy(top.begin(), top.end(),
              summary.top.begin() + static_cast<std::ptrdiff_t>(r * summary.n_top));

    const std::vector<std::int32_t> & padding = padding_.ids();
    constexpr double nothing = -std::numeric_limits<double>::infinity();
    std::vector<double> log_probability(distinct_.size()), probability(distinct_.size());
    for (std::size_t d = 0; d < distinct_.size(); ++d) {
        const bool left_out = std::binary_search(padding.begin(), padding.end(), distinct_[d]);
        const double logit = left_out ? nothing : static_cast<double>(row[distinct_[d]]);
        log_probability[d] = logit - whole.log_sum_exp;
        probability[d] = std::exp(log_probability[d]);
    }
    std::vector<std::int32_t> deciding;
    for (const Deciders & ids : deciders(row)) {
        deciding.insert(deciding.end(), {ids.best, ids.lower, ids.upper});
    }
    // One scan of the row ranks the few members that decide. Empty sets name token 0; unused.
    const auto found = ranks(row, n_vocab_, deciding);
    for (std::size_t s = 0; s < summary.n_sets; ++s) {
        const std::size_t at = r * summary.n_sets + s;
        double mass = 0.0;
        for (std::size_t m = offsets_[s]; m < offsets_[s + 1]; ++m) {
            mass += probability[distinct_of_[m]];
            summary.log_probability[r * summary.n_members + m] = log_probability[distinct_of_[m]];
        }
        summary.mass[at] = mass;
        if (offsets_[s] < offsets_[s + 1]) {
            summary.best_rank[at] = found[3 * s];
            summary.median_rank[at] = (found[3 * s + 1] + found[3 * s + 2]) / 2.0;
        }
    }
}

} // namespace pyengine
