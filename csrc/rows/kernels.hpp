// The inner loops over rows of logits, one set for each instruction set, chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#define PYENGINE_X86_KERNELS
#elif defined(__aarch64__) && defined(__GNUC__)
#define PYENGINE_ARM_KERNELS
#endif

namespace pyengine {

// Rows are scanned in blocks of this many entries, whose maxima are kept.
constexpr std::size_t block_size = 128;

struct ExpSums {
    double exp;      // sum of e^(x - max)
    double weighted; // sum of e^(x - max) (x - max)
    double lowest;   // smallest x - max, or -800 where it is smaller
};

// Sums over the entries of two distributions p = e^a and q = e^b, a and b log-probabilities.
struct PairSums {
    double kl;             // p (a - b), where both are positive
    double kl_reverse;     // q (b - a), where both are positive
    double jensen_shannon; // p a + q b - (p + q) ln((p + q) / 2)
    double variation;      // |p - q|
    double hellinger;      // (sqrt p - sqrt q)^2
    bool p_outside_q;      // some entry has p > 0 and q = 0
    bool q_outside_p;
};

constexpr std::size_t n_buckets = 4096; // their counts fit into the first-level cache

// A histogram of entries in buckets of equal width above a lowest entry. Monotone: a larger entry
// never falls into a lower bucket. Bucket 0 holds what lies below `low`, NaN among it.
struct Histogram {
    float low;
    float scale; // buckets per unit
    std::uint32_t count[n_buckets];
    std::uint8_t is_wanted[n_buckets]; // 1 where a bucket's entries are asked for, 0 elsewhere
    // Bit i % 64 of word i / 64 is set where entry i falls into such a bucket.
    std::uint64_t * wanted;
};

struct Kernels {
    const char * name;
    // Maximum of each block of `block_size` entries; NaN is passed over.
    void (*block_maxima)(const float * row, std::size_t n, float * maxima);
    // With a histogram, the entries are counted too: one of both waits for arithmetic while the
    // other waits for memory.
    ExpSums (*exp_sums)(const float * row, std::size_t n, float max, Histogram * histogram);
    void (*add_to_histogram)(const float * row, std::size_t n, Histogram & histogram);
    // The bucket of each entry.
    void (*buckets)(const float * row, std::size_t n, const Histogram & histogram,
                    std::uint16_t * found);
    std::size_t (*count_above)(const float * row, std::size_t n, float value);
    std::size_t (*count_equal)(const float * row, std::size_t n, float value);
    // `ordinary`: no entry of either row lies more than 700 below the largest, so that no
    // probability vanishes or underflows.
    PairSums (*pair_sums)(const float * row_p, const float * row_q, std::size_t n,
                          double log_sum_exp_p, double log_sum_exp_q, bool ordinary);
};

extern const Kernels portable_kernels;
#if defined(PYENGINE_X86_KERNELS)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#elif defined(PYENGINE_ARM_KERNELS)
extern const Kernels neon_kernels;
#endif

// Those that this processor can run, slowest first.
std::vector<const Kernels *> available_kernels();
// The fastest of them.
const Kernels & best_kernels();

} // namespace pyengine
