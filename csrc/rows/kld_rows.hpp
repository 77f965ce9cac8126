// Rows of llama-perplexity's base files (.kld): its 16-bit coding of log-probabilities, and its
// statistics of a row against one, in its own arithmetic, so that its printed digits come out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyengine {

// 16-bit words of one coded row: two floats (scale, lowest log-probability), then one word for
// each entry, padded to an even number.
constexpr std::size_t kld_row_words(std::size_t n_vocab) {
    return 2 * ((n_vocab + 1) / 2) + 4;
}

struct KldRow {
    float nll;      // -ln Q(target)
    float nll_base; // -ln P(target) as the file has it: at most 16 + ln(sum e^(x - max))
    double kld;     // sum P ln(P / Q) over entries that the file puts above e^-16
    float p_diff;   // Q(target) - P(target)
    std::int32_t same_top;
};

// Codes a row of logits; returns -ln P(target) before coding.
float encode_kld_row(const float * logits, std::size_t n_vocab, std::int32_t target,
                     std::uint16_t * row);

KldRow compare_kld_row(const float * logits, std::size_t n_vocab, std::int32_t target,
                       const std::uint16_t * row);

} // namespace pyengine
