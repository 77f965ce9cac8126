#include "rows/pair_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pyengine {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

PairStatistics undefined() {
    PairStatistics s{};
    s.kl = s.kl_reverse = s.jensen_shannon = s.total_variation = s.hellinger = nan;
    s.log_sum_exp_p = s.log_sum_exp_q = nan;
    s.entropy_p = s.entropy_q = s.log_p_target = s.log_q_target = s.top_p = nan;
    s.rank_correlation = s.padding_mass_p = s.padding_mass_q = nan;
    std::fill(std::begin(s.overlap), std::end(s.overlap), nan);
    s.argmax_p = s.argmax_q = -1;
    return s;
}

// Rounding may leave a sum that is never negative just below zero.
double not_negative(double sum) {
    return std::isnan(sum) ? sum : std::max(sum, 0.0);
}

void set_divergences(PairStatistics & s, const PairSums & sums) {
    s.kl = sums.p_outside_q ? infinity : not_negative(sums.kl);
    s.kl_reverse = sums.q_outside_p ? infinity : not_negative(sums.kl_reverse);
    // Terms near 1 cancel, which leaves up to a few 1e-16 between equal rows.
    s.jensen_shannon = sums.jensen_shannon < 1e-15 ? 0.0 : 0.5 * sums.jensen_shannon;
    s.total_variation = 0.5 * sums.variation;
    s.hellinger = std::sqrt(0.5 * sums.hellinger);
}

void set_target(PairStatistics & s, CleanRow p, CleanRow q, std::int32_t target, double lse_p,
                double lse_q, const Kernels & kernels) {
    s.log_p_target = s.log_q_target = nan;
    if (target < 0)
        return;
    if (static_cast<std::size_t>(target) >= p.n) { // it is padding, which was cut off
        s.log_p_target = s.log_q_target = -infinity;
        return;
    }
    s.log_p_target = static_cast<double>(p.data[target]) - lse_p;
    s.log_q_target = static_cast<double>(q.data[target]) - lse_q;
    s.rank_p_target = static_cast<std::int32_t>(rank(p.data, p.n, target, kernels));
    s.rank_q_target = static_cast<std::int32_t>(rank(q.data, q.n, target, kernels));
}

void set_orders(PairStatistics & s, CleanRow p, CleanRow q, const std::vector<float> & maxima_p,
                const std::vector<float> & maxima_q) {
    const std::vector<std::int32_t> top_p = top_k(p, maxima_p, overlap_sizes.back());
    const std::vector<std::int32_t> top_q = top_k(q, maxima_q, overlap_sizes.back());
    for (std::size_t i = 0; i < overlap_sizes.size(); ++i) {
        const std::size_t k = std::min(overlap_sizes[i], top_p.size());
        const auto end_p = top_p.begin() + static_cast<std::ptrdiff_t>(k);
        const auto end_q = top_q.begin() + static_cast<std::ptrdiff_t>(k);
        const auto shared = std::count_if(top_p.begin(), end_p, [&](std::int32_t id) {
            return std::find(top_q.begin(), end_q, id) != end_q;
        });
        s.overlap[i] = static_cast<double>(shared) / static_cast<double>(k);
    }
    const float chosen = p.data[s.argmax_q];
    s.above_choice = static_cast<std::int32_t>(std::count_if(
        top_p.begin(), top_p.end(), [&](std::int32_t id) { return p.data[id] > chosen; }));
    std::vector<float> x, y;
    for (std::size_t i = 0; i < std::min(correlation_size, top_p.size()); ++i) {
        x.push_back(p.data[top_p[i]]);
        y.push_back(q.data[top_p[i]]);
    }
    s.rank_correlation = kendall_tau(x, y);
}

} // namespace

double kendall_tau(const std::vector<float> & x, const std::vector<float> & y) {
    double agreement = 0.0, distinct_x = 0.0, distinct_y = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const int in_x = (x[i] > x[j]) - (x[i] < x[j]);
            const int in_y = (y[i] > y[j]) - (y[i] < y[j]);
            agreement += in_x * in_y;
            distinct_x += in_x != 0;
            distinct_y += in_y != 0;
        }
    }
    return agreement / std::sqrt(distinct_x * distinct_y); // 0 / 0 is NaN, as it should be
}

PairStatistics pair_statistics(const float * row_p, const float * row_q, std::size_t n,
                               std::int32_t target, const Padding & padding,
                               const Kernels & kernels) {
    // Kept between rows: fresh memory for each would cost as much as some of the sums.
    thread_local std::vector<float> scratch_p, scratch_q;
    const CleanRow p = without_padding(row_p, n, padding, scratch_p);
    const CleanRow q = without_padding(row_q, n, padding, scratch_q);
    const std::vector<float> maxima_p = maxima_of_blocks(p, kernels);
    const std::vector<float> maxima_q = maxima_of_blocks(q, kernels);
    const RowStatistics of_p = clean_statistics(p, maxima_p, kernels);
    const RowStatistics of_q = clean_statistics(q, maxima_q, kernels);
    if (std::isnan(of_p.log_sum_exp) || std::isnan(of_q.log_sum_exp))
        return undefined();

    PairStatistics s{};
    s.argmax_p = of_p.argmax;
    s.argmax_q = of_q.argmax;
    s.log_sum_exp_p = of_p.log_sum_exp;
    s.log_sum_exp_q = of_q.log_sum_exp;
    s.entropy_p = of_p.entropy;
    s.entropy_q = of_q.entropy;
    s.padding_mass_p = padding_mass(row_p, padding, of_p.log_sum_exp);
    s.padding_mass_q = padding_mass(row_q, padding, of_q.log_sum_exp);
    s.top_p = std::exp(static_cast<double>(of_p.max) - of_p.log_sum_exp);
    const bool ordinary = std::min(of_p.lowest, of_q.lowest) > -700.0;
    set_divergences(
        s, kernels.pair_sums(p.data, q.data, p.n, of_p.log_sum_exp, of_q.log_sum_exp, ordinary));
    set_target(s, p, q, target, of_p.log_sum_exp, of_q.log_sum_exp, kernels);
    set_orders(s, p, q, maxima_p, maxima_q);
    return s;
}

} // namespace pyengine
