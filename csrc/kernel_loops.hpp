// The loops behind kernels.hpp. Included once by each kernels_*.cpp, which defines PYENGINE_ISA,
// PYENGINE_LANES and compiles it for its instruction set. Nothing of the standard library's
// templates may be instantiated here: the linker could hand such code to a lesser processor.
#pragma once

#include "kernels.hpp"
#include "vector_math.hpp"

namespace pyengine {
namespace PYENGINE_ISA {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

// The last, incomplete vector of a row, filled up with impossible tokens.
struct Tail {
    float values[2 * lanes];

    Tail(const float * row, std::size_t from, std::size_t n) {
        for (std::size_t i = 0; i < 2 * lanes; ++i) {
            values[i] = from + i < n ? row[from + i] : minus_infinity;
        }
    }
};

float maximum(const float * row, std::size_t n) {
    Floats running = minus_infinity - Floats{};
    std::size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const Floats x = load_floats(row + i);
        running = x > running ? x : running;
    }
    float max = minus_infinity;
    for (std::size_t lane = 0; lane < 2 * lanes; ++lane) {
        max = running[lane] > max ? running[lane] : max;
    }
    for (; i < n; ++i)
        max = row[i] > max ? row[i] : max;
    return max;
}

void block_maxima(const float * row, std::size_t n, float * maxima) {
    for (std::size_t from = 0; from < n; from += block_size) {
        *maxima++ = maximum(row + from, n - from < block_size ? n - from : block_size);
    }
}

struct ExpAccumulator {
    Doubles exp_sum{};
    Doubles weighted{};

    void add(Doubles x, Doubles max) {
        const Doubles lowest = spread(-800.0); // keeps 0 * -infinity out of the weighted sum
        Doubles z = x - max;
        z = z < lowest ? lowest : z;
        const Doubles e = exp(z);
        exp_sum += e;
        weighted += e * z;
    }
};

ExpSums exp_sums(const float * row, std::size_t n, float max) {
    ExpAccumulator even, odd; // two chains, so that one need not wait for the other
    const Doubles top = spread(static_cast<double>(max));
    std::size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        even.add(load(row + i), top);
        odd.add(load(row + i + lanes), top);
    }
    const Tail tail(row, i, n);
    even.add(load(tail.values), top);
    odd.add(load(tail.values + lanes), top);
    return {sum(even.exp_sum + odd.exp_sum), sum(even.weighted + odd.weighted)};
}

template <class Compare> std::size_t count(const float * row, std::size_t n, Compare compare) {
    Ints found{};
    std::size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes)
        found -= compare(load_floats(row + i));
    std::size_t total = 0;
    for (std::size_t lane = 0; lane < 2 * lanes; ++lane) {
        total += static_cast<std::size_t>(found[lane]);
    }
    for (; i < n; ++i)
        total += compare(Floats{row[i]})[0] != 0;
    return total;
}

std::size_t count_above(const float * row, std::size_t n, float value) {
    return count(row, n, [value](Floats x) -> Ints { return x > value; });
}

std::size_t count_equal(const float * row, std::size_t n, float value) {
    return count(row, n, [value](Floats x) -> Ints { return x == value; });
}

struct PairAccumulator {
    Doubles kl{}, kl_reverse{}, jensen_shannon{}, variation{}, hellinger{};
    Longs p_outside_q{}, q_outside_p{};

    // a and b are log-probabilities; -infinity is probability 0.
    void add(Doubles a, Doubles b) {
        const Doubles impossible = spread(static_cast<double>(minus_infinity));
        const Doubles root_p = exp(0.5 * a), root_q = exp(0.5 * b);
        const Doubles p = root_p * root_p, q = root_q * root_q;
        const Longs has_p = a != impossible, has_q = b != impossible;
        const Doubles zero{};
        const Doubles difference = (has_p & has_q) ? a - b : zero;
        kl += p * difference;
        kl_reverse -= q * difference;
        p_outside_q |= has_p & ~has_q;
        q_outside_p |= has_q & ~has_p;
        const Doubles gap = p - q;
        variation += gap < zero ? -gap : gap;
        hellinger += (root_p - root_q) * (root_p - root_q);
        const Doubles smallest = spread(1e-300);
        const Doubles both = p + q;
        const Doubles log_mixture = log(both < smallest ? smallest : both) - 0.69314718055994530942;
        jensen_shannon += p * (has_p ? a : zero) + q * (has_q ? b : zero) - both * log_mixture;
    }
};

PairSums pair_sums(const float * row_p, const float * row_q, std::size_t n, double lse_p,
                   double lse_q) {
    PairAccumulator sums;
    const Doubles p_scale = spread(lse_p), q_scale = spread(lse_q);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        sums.add(load(row_p + i) - p_scale, load(row_q + i) - q_scale);
    }
    const Tail tail_p(row_p, i, n), tail_q(row_q, i, n);
    sums.add(load(tail_p.values) - p_scale, load(tail_q.values) - q_scale);
    return {sum(sums.kl),         sum(sums.kl_reverse), sum(sums.jensen_shannon),
            sum(sums.variation),  sum(sums.hellinger),  any(sums.p_outside_q),
            any(sums.q_outside_p)};
}

} // namespace
} // namespace PYENGINE_ISA
} // namespace pyengine
