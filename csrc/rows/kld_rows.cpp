#include "rows/kld_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pyengine {

namespace {

constexpr float clip = 16.0F;
constexpr float steps = 65535.0F;

// Everything that the base file's format fixes is float; only the sum of exponentials is double.
struct LogSoftmax {
    float max;
    std::size_t argmax;
    float log_sum; // ln(sum e^(x - max))
};

LogSoftmax log_softmax(const float * logits, std::size_t n_vocab) {
    const float * const top = std::max_element(logits, logits + n_vocab);
    double sum = 0.0;
    for (std::size_t i = 0; i < n_vocab; ++i)
        sum += static_cast<double>(std::exp(logits[i] - *top));
    return {*top, static_cast<std::size_t>(top - logits), static_cast<float>(std::log(sum))};
}

// Nearest integer by adding 1.5 * 2^23, for values below 2^22.
int nearest(float value) {
    const float shifted = value + 12582912.0F;
    std::int32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    return (bits & 0x007fffff) - 0x00400000;
}

} // namespace

float encode_kld_row(const float * logits, std::size_t n_vocab, std::int32_t target,
                     std::uint16_t * row) {
    const LogSoftmax soft = log_softmax(logits, n_vocab);
    const float lowest = std::max(*std::min_element(logits, logits + n_vocab), soft.max - clip);
    const float header[2] = {(soft.max - lowest) / steps, lowest - soft.max - soft.log_sum};
    std::memcpy(row, header, sizeof header);
    std::uint16_t * const words = row + 4;
    std::fill(words, row + kld_row_words(n_vocab), std::uint16_t{0});
    if (header[0] != 0.0F) {
        const float inverse = 1.0F / header[0];
        for (std::size_t i = 0; i < n_vocab; ++i) {
            if (logits[i] > lowest) {
                words[i] = static_cast<std::uint16_t>(nearest(inverse * (logits[i] - lowest)));
            }
        }
    }
    return soft.max + soft.log_sum - logits[target];
}

KldRow compare_kld_row(const float * logits, std::size_t n_vocab, std::int32_t target,
                       const std::uint16_t * row) {
    const LogSoftmax soft = log_softmax(logits, n_vocab);
    float header[2];
    std::memcpy(header, row, sizeof header);
    const float scale = header[0], lowest = header[1];
    const std::uint16_t * const words = row + 4;
    const float log_total = soft.max + soft.log_sum;

    KldRow result{};
    result.nll = soft.max + soft.log_sum - logits[target];
    result.nll_base = -(scale * static_cast<float>(words[target]) + lowest);
    std::size_t argmax_base = 0;
    float top_base = 0.0F;
    for (std::size_t i = 0; i < n_vocab; ++i) {
        const float log_p = scale * static_cast<float>(words[i]) + lowest;
        if (i == 0 || log_p > top_base) {
            top_base = log_p;
            argmax_base = i;
        }
        if (log_p > -clip) {
            result.kld += static_cast<double>(std::exp(log_p) * (log_p - logits[i] + log_total));
        }
    }
    result.p_diff = std::exp(-result.nll) - std::exp(-result.nll_base);
    result.same_top = soft.argmax == argmax_base ? 1 : 0;
    return result;
}

} // namespace pyengine
