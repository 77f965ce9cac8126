#include "token_sets.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <thread>

#include "errors.hpp"

namespace pyengine {
namespace {

// The members that decide a set's ranks: the best one, and the one or two in the middle.
struct Deciders {
    std::int32_t best, lower, upper;
};

Deciders deciders(const float * row, std::vector<std::int32_t> members) {
    const auto before = [row](std::int32_t a, std::int32_t b) {
        return row[a] != row[b] ? row[a] > row[b] : a < b;
    };
    const auto middle = members.begin() + static_cast<std::ptrdiff_t>(members.size() / 2);
    std::nth_element(members.begin(), middle, members.end(), before);
    const std::int32_t lower = *middle;
    const bool odd = members.size() % 2 == 1;
    const std::int32_t upper = odd ? lower : *std::max_element(members.begin(), middle, before);
    return {*std::min_element(members.begin(), middle + 1, before), lower, upper};
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

    std::vector<std::int32_t> deciding;
    for (std::size_t s = 0; s < summary.n_sets; ++s) {
        double mass = 0.0;
        for (std::size_t m = offsets_[s]; m < offsets_[s + 1]; ++m) {
            const double log_probability =
                static_cast<double>(row[members_[m]]) - whole.log_sum_exp;
            mass += std::exp(log_probability);
            summary.log_probability[r * summary.n_members + m] = log_probability;
        }
        summary.mass[r * summary.n_sets + s] = mass;
        if (offsets_[s] < offsets_[s + 1]) {
            const auto at = [&](std::size_t m) {
                return members_.begin() + static_cast<std::ptrdiff_t>(m);
            };
            const Deciders ids = deciders(row, {at(offsets_[s]), at(offsets_[s + 1])});
            deciding.insert(deciding.end(), {ids.best, ids.lower, ids.upper});
        }
    }
    // One scan of the row ranks the few members that decide.
    const auto found = ranks(row, n_vocab_, deciding);
    std::size_t next = 0;
    for (std::size_t s = 0; s < summary.n_sets; ++s) {
        if (offsets_[s] < offsets_[s + 1]) {
            const std::size_t at = r * summary.n_sets + s;
            summary.best_rank[at] = found[next];
            summary.median_rank[at] = (found[next + 1] + found[next + 2]) / 2.0;
            next += 3;
        }
    }
}

} // namespace pyengine
