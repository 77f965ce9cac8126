// The loops behind kernels.hpp. Included once by each kernels_*.cpp, which defines PYENGINE_ISA,
// PYENGINE_LANES and compiles it for its instruction set. Nothing of the standard library's
// templates may be instantiated here: the linker could hand such code to a lesser processor.
#pragma once

#include "rows/kernel_histogram.hpp"
#include "rows/kernels.hpp"
#include "rows/vector_math.hpp"

namespace pyengine {
namespace PYENGINE_ISA {
namespace {

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
    Doubles lowest{};

    // z = x - max, at least -708 or NaN; the caller keeps the lowest.
    void add_bounded(Doubles z) {
        const Doubles e = exp_bounded(z);
        exp_sum += e;
        weighted += e * z;
    }

    void add(Doubles z) {
        const Doubles limit = spread(-800.0); // keeps 0 * -infinity out of the weighted sum
        z = z < limit ? limit : z;
        lowest = z < lowest ? z : lowest;
        const Doubles e = exp(z);
        exp_sum += e;
        weighted += e * z;
    }

    double minimum() const {
        double result = 0.0;
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            result = lowest[lane] < result ? lowest[lane] : result;
        }
        return result;
    }
};

// Entries that are summed before a look at whether one of them was too low for exp_bounded.
constexpr std::size_t stretch = 16 * lanes;

// Two chains, so that one need not wait for the other.
struct ExpPair {
    ExpAccumulator even, odd;

    // Calls beside(i) between the sums, with the first of the 2 * lanes entries summed last.
    template <std::size_t n, class Beside>
    void add_stretch(const float * row, Doubles max, Beside beside) {
        ExpAccumulator next_even = even, next_odd = odd;
        Doubles lowest{};
        for (std::size_t i = 0; i < n; i += 2 * lanes) {
            const Doubles a = load(row + i) - max, b = load(row + i + lanes) - max;
            next_even.add_bounded(a);
            next_odd.add_bounded(b);
            lowest = a < lowest ? a : lowest;
            lowest = b < lowest ? b : lowest;
            beside(i);
        }
        if (!any(lowest < spread(-700.0))) {
            even = next_even;
            odd = next_odd;
            even.lowest = lowest < even.lowest ? lowest : even.lowest;
            return;
        }
        for (std::size_t i = 0; i < n; i += 2 * lanes) {
            even.add(load(row + i) - max);
            odd.add(load(row + i + lanes) - max);
        }
    }
};

ExpSums exp_sums(const float * row, std::size_t n, float max, Histogram * histogram) {
    ExpPair sums;
    const Doubles top = spread(static_cast<double>(max));
    std::size_t i = 0;
    if (histogram != nullptr) {
        for (; i + group <= n; i += group) {
            GroupCounter counter(*histogram, row + i);
            sums.add_stretch<group>(row + i, top,
                                    [&](std::size_t at) { counter.count<2 * lanes>(at); });
            histogram->wanted[i / group] = counter.wanted();
        }
        count_groups(row + i, n - i, *histogram, histogram->wanted + i / group);
    }
    for (; i + stretch <= n; i += stretch)
        sums.add_stretch<stretch>(row + i, top, [](std::size_t) {});
    ExpAccumulator &even = sums.even, &odd = sums.odd;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        even.add(load(row + i) - top);
        odd.add(load(row + i + lanes) - top);
    }
    const double whole = even.minimum() < odd.minimum() ? even.minimum() : odd.minimum();
    double lowest = whole;
    for (std::size_t rest = i; rest < n; ++rest) {
        const double z = static_cast<double>(row[rest]) - static_cast<double>(max);
        lowest = z < lowest ? z : lowest;
    }
    const Tail tail(row, i, n);
    even.add(load(tail.values) - top);
    odd.add(load(tail.values + lanes) - top);
    return {sum(even.exp_sum + odd.exp_sum), sum(even.weighted + odd.weighted), lowest};
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

    // a and b are log-probabilities, all of them above -1400.
    void add(Doubles a, Doubles b) {
        const Doubles root_p = exp_bounded(0.5 * a), root_q = exp_bounded(0.5 * b);
        const Doubles p = root_p * root_p, q = root_q * root_q;
        const Doubles difference = a - b;
        kl += p * difference;
        kl_reverse -= q * difference;
        const Doubles gap = p - q, root_gap = root_p - root_q;
        variation += absolute(gap);
        hellinger += root_gap * root_gap;
        const Doubles both = p + q, smallest = spread(1e-300);
        const Doubles log_mixture = log(both < smallest ? smallest : both) - 0.69314718055994530942;
        jensen_shannon += p * a + q * b - both * log_mixture;
    }

    // The same where some may be -infinity, that is, probability 0.
    void add_with_zeros(Doubles a, Doubles b) {
        const Doubles impossible = spread(static_cast<double>(minus_infinity)), zero{};
        const Longs has_p = a != impossible, has_q = b != impossible;
        p_outside_q |= has_p & ~has_q;
        q_outside_p |= has_q & ~has_p;
        const Doubles root_p = exp(0.5 * a), root_q = exp(0.5 * b);
        const Doubles p = root_p * root_p, q = root_q * root_q;
        const Doubles difference = (has_p & has_q) ? a - b : zero;
        kl += p * difference;
        kl_reverse -= q * difference;
        const Doubles gap = p - q, root_gap = root_p - root_q;
        variation += absolute(gap);
        hellinger += root_gap * root_gap;
        const Doubles both = p + q, smallest = spread(1e-300);
        const Doubles log_mixture = log(both < smallest ? smallest : both) - 0.69314718055994530942;
        jensen_shannon += p * (has_p ? a : zero) + q * (has_q ? b : zero) - both * log_mixture;
    }
};

PairSums pair_sums(const float * row_p, const float * row_q, std::size_t n, double lse_p,
                   double lse_q, bool ordinary) {
    PairAccumulator sums;
    const Doubles p_scale = spread(lse_p), q_scale = spread(lse_q);
    std::size_t i = 0;
    if (ordinary) {
        for (; i + lanes <= n; i += lanes) {
            sums.add(load(row_p + i) - p_scale, load(row_q + i) - q_scale);
        }
    }
    for (; i + lanes <= n; i += lanes) {
        sums.add_with_zeros(load(row_p + i) - p_scale, load(row_q + i) - q_scale);
    }
    const Tail tail_p(row_p, i, n), tail_q(row_q, i, n);
    sums.add_with_zeros(load(tail_p.values) - p_scale, load(tail_q.values) - q_scale);
    return {sum(sums.kl),         sum(sums.kl_reverse), sum(sums.jensen_shannon),
            sum(sums.variation),  sum(sums.hellinger),  any(sums.p_outside_q),
            any(sums.q_outside_p)};
}

} // namespace
} // namespace PYENGINE_ISA
} // namespace pyengine
