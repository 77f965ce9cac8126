// Compares the kernels of this processor with the portable ones to the bit, and with plain loops.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "rows/kernels.hpp"

using namespace pyengine;
using Row = std::vector<float>;

namespace {

const float infinity = std::numeric_limits<float>::infinity();
const float nan_value = std::numeric_limits<float>::quiet_NaN();
int n_compared = 0, n_wrong = 0;

void expect(bool right, const char * kernels, const char * what, std::size_t n) {
    ++n_compared;
    if (!right && ++n_wrong <= 20)
        std::printf("%s: %s differs at length %zu\n", kernels, what, n);
}

// The same bits, or no number both times.
bool same(double a, double b) {
    return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

bool near(double a, double b) {
    return std::fabs(a - b) <= 1e-12 * (1.0 + std::fabs(b));
}

// Numbers between -scale and scale, the same on every machine.
Row random_row(std::size_t n, float scale, std::uint32_t seed) {
    std::mt19937 generator(seed);
    Row row(n);
    for (float & x : row)
        x = (static_cast<float>(generator() >> 8U) / 8388608.0F - 1.0F) * scale;
    return row;
}

Row with(Row row, float value, std::size_t step) {
    for (std::size_t i = step / 2; i < row.size(); i += step)
        row[i] = value;
    return row;
}

float maximum(const Row & row) {
    float max = -infinity;
    for (const float x : row)
        max = x > max ? x : max;
    return max;
}

// What the kernels say of one row and of a pair, as numbers in a fixed order.
struct Said {
    std::vector<double> maxima, sums, beside, pair, pair_with_zeros;
    std::vector<std::uint16_t> buckets;
    std::vector<std::uint32_t> counts;
    std::vector<std::uint64_t> wanted;
    std::size_t above, equal;
};

std::vector<double> numbers(const ExpSums & sums) {
    return {sums.exp, sums.weighted, sums.lowest};
}

std::vector<double> numbers(const PairSums & sums) {
    return {sums.kl,
            sums.kl_reverse,
            sums.variation,
            sums.hellinger,
            sums.jensen_shannon,
            static_cast<double>(sums.p_outside_q),
            static_cast<double>(sums.q_outside_p)};
}

Said ask(const Kernels & kernels, const Row & p, const Row & q, double lse_p, double lse_q) {
    Said said;
    const std::size_t n = p.size();
    Row maxima((n + block_size - 1) / block_size);
    kernels.block_maxima(p.data(), n, maxima.data());
    said.maxima.assign(maxima.begin(), maxima.end());
    const float max = maximum(p);
    said.sums = numbers(kernels.exp_sums(p.data(), n, max, nullptr));
    said.wanted.resize((n + 63) / 64);
    Histogram histogram{};
    histogram.low = -4.0F;
    histogram.scale = 500.0F;
    histogram.is_wanted[0] = histogram.is_wanted[100] = histogram.is_wanted[n_buckets - 1] = 1;
    histogram.wanted = said.wanted.data();
    said.buckets.resize(n);
    kernels.buckets(p.data(), n, histogram, said.buckets.data());
    said.beside = numbers(kernels.exp_sums(p.data(), n, max, &histogram));
    said.counts.assign(histogram.count, histogram.count + n_buckets);
    kernels.add_to_histogram(p.data(), n, histogram);
    bool doubled = true;
    for (std::size_t bucket = 0; bucket < n_buckets; ++bucket)
        doubled = doubled && histogram.count[bucket] == 2 * said.counts[bucket];
    expect(doubled, kernels.name, "histogram", n);
    said.above = kernels.count_above(p.data(), n, p[n / 2]);
    said.equal = kernels.count_equal(p.data(), n, p[n / 2]);
    said.pair = numbers(kernels.pair_sums(p.data(), q.data(), n, lse_p, lse_q, true));
    said.pair_with_zeros = numbers(kernels.pair_sums(p.data(), q.data(), n, lse_p, lse_q, false));
    return said;
}

bool same(const std::vector<double> & a, const std::vector<double> & b) {
    bool all = a.size() == b.size();
    for (std::size_t i = 0; all && i < a.size(); ++i)
        all = same(a[i], b[i]);
    return all;
}

void compare_bits(const Kernels & kernels, const Said & said, const Said & portable,
                  std::size_t n) {
    expect(same(said.maxima, portable.maxima), kernels.name, "block_maxima", n);
    expect(same(said.sums, portable.sums), kernels.name, "exp_sums", n);
    expect(same(said.beside, portable.beside), kernels.name, "exp_sums with a histogram", n);
    expect(said.buckets == portable.buckets, kernels.name, "buckets", n);
    expect(said.counts == portable.counts, kernels.name, "add_to_histogram", n);
    expect(said.wanted == portable.wanted, kernels.name, "the wanted entries", n);
    expect(said.above == portable.above, kernels.name, "count_above", n);
    expect(said.equal == portable.equal, kernels.name, "count_equal", n);
    expect(same(said.pair, portable.pair), kernels.name, "pair_sums", n);
    expect(same(said.pair_with_zeros, portable.pair_with_zeros), kernels.name,
           "pair_sums with zeros", n);
}

double log_sum_exp(const Row & row) {
    double sum = 0.0;
    for (const float x : row)
        sum += std::exp(static_cast<double>(x));
    return std::log(sum);
}

// Ordinary rows: the formulas of kernels.hpp, entry by entry.
void compare_with_loops(const Kernels & kernels, const Row & p, const Row & q) {
    const std::size_t n = p.size();
    const double lse_p = log_sum_exp(p), lse_q = log_sum_exp(q);
    const Said said = ask(kernels, p, q, lse_p, lse_q);
    const float max = maximum(p);
    double sum = 0.0, weighted = 0.0, kl = 0.0, variation = 0.0, hellinger = 0.0, mixed = 0.0;
    std::size_t above = 0, in_bucket = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double z = static_cast<double>(p[i]) - static_cast<double>(max);
        sum += std::exp(z);
        weighted += std::exp(z) * z;
        const double a = p[i] - lse_p, b = q[i] - lse_q, root = std::exp(a / 2) - std::exp(b / 2);
        kl += std::exp(a) * (a - b);
        variation += std::fabs(std::exp(a) - std::exp(b));
        hellinger += root * root;
        mixed += std::exp(a) * a + std::exp(b) * b -
                 (std::exp(a) + std::exp(b)) * std::log((std::exp(a) + std::exp(b)) / 2);
        above += p[i] > p[n / 2];
        in_bucket += p[i] < -4.0F;
    }
    expect(near(said.sums[0], sum) && near(said.beside[0], sum), kernels.name, "sum", n);
    expect(near(said.sums[1], weighted), kernels.name, "weighted sum", n);
    expect(near(said.pair[0], kl) && near(said.pair_with_zeros[0], kl), kernels.name, "kl", n);
    expect(near(said.pair[2], variation), kernels.name, "variation", n);
    expect(near(said.pair[3], hellinger), kernels.name, "hellinger", n);
    expect(near(said.pair[4], mixed), kernels.name, "jensen_shannon", n);
    expect(said.above == above, kernels.name, "number above", n);
    expect(said.counts[0] == in_bucket, kernels.name, "lowest bucket", n);
}

} // namespace

int main() {
    std::vector<std::size_t> lengths{63, 64, 65, 127, 128, 129, 1000, 4096, 4097, 5003};
    for (std::size_t n = 1; n <= 40; ++n)
        lengths.push_back(n);
    for (const std::size_t n : lengths) {
        const auto seed = static_cast<std::uint32_t>(n);
        const Row p = random_row(n, 9.0F, seed), q = random_row(n, 9.0F, seed + 1000);
        const Row wide = random_row(n, 900.0F, seed + 2000);
        const std::vector<Row> rows{
            p,
            wide,
            with(p, -infinity, 3),
            with(p, nan_value, 7),
            with(p, infinity, 11),
            with(p, -0.0F, 2),
            with(p, 1e-42F, 2),
            with(wide, 3e38F, 5),
            Row(n, -infinity),
            Row(n, 2.5F),
        };
        for (const Kernels * kernels : available_kernels()) {
            compare_with_loops(*kernels, p, q);
            for (const Row & row : rows) {
                const Row & other = &row == &rows[0] ? q : rows[2];
                const Said portable = ask(portable_kernels, row, other, 9.25, 9.5);
                compare_bits(*kernels, ask(*kernels, row, other, 9.25, 9.5), portable, n);
            }
        }
    }
    std::string names;
    for (const Kernels * kernels : available_kernels())
        names += std::string(kernels->name) + " ";
    std::printf("%s%d compared, %d wrong\n", names.c_str(), n_compared, n_wrong);
    return n_wrong == 0 ? 0 : 1;
}
