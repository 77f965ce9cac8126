// How far apart two models' next-token distributions are: a row of logits of the reference (P) and
// the row of a variant (Q) at the same position of the same text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rows/row_statistics.hpp"

namespace pyengine {

constexpr std::array<std::size_t, 4> overlap_sizes{1, 5, 10, 50};
constexpr std::size_t correlation_size = 50;

struct PairStatistics {
    double kl;              // sum P ln(P / Q), nats; infinite where P > 0 and Q = 0
    double kl_reverse;      // sum Q ln(Q / P)
    double jensen_shannon;  // (KL(P, M) + KL(Q, M)) / 2 with M = (P + Q) / 2; at most ln 2
    double total_variation; // sum |P - Q| / 2
    double hellinger;       // sqrt(sum (sqrt P - sqrt Q)^2 / 2)
    double log_sum_exp_p;   // over the entries that are not padding
    double log_sum_exp_q;
    double entropy_p;
    double entropy_q;
    double log_p_target; // log-probability of the target; NaN without one
    double log_q_target;
    double top_p;            // probability that the reference gives its own first choice
    double overlap[4];       // share of the k most probable of P among those of Q: k = 1, 5, 10, 50
    double rank_correlation; // Kendall's tau-b of both rows over the 50 most probable of P
    double padding_mass_p;
    double padding_mass_q;
    std::int32_t argmax_p; // the first of equal maxima
    std::int32_t argmax_q;
    std::int32_t rank_p_target; // from 1, the lower id first among equals; 0 without a target
    std::int32_t rank_q_target;
    std::int32_t above_choice; // tokens more probable in P than Q's first choice; 50 at most
};

// Statistics of one pair of rows of length n. `target` is the token that followed, or -1.
// Every field is NaN where either row holds NaN or +infinity or nothing above -infinity.
PairStatistics pair_statistics(const float * row_p, const float * row_q, std::size_t n,
                               std::int32_t target, const Padding & padding = {},
                               const Kernels & kernels = best_kernels());

// Kendall's tau-b of two short lists; NaN where either is constant.
double kendall_tau(const std::vector<float> & x, const std::vector<float> & y);

} // namespace pyengine
