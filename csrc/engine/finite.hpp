// Whether floats are all numbers.
#pragma once

#include <array>
#include <cstddef>
#include <numeric>

namespace pyengine {

// A sum with a factor of zero is NaN if one number is infinite or NaN; it needs no branches.
inline bool all_finite(const float * values, std::size_t n) {
    std::array<float, 16> sums{};
    std::size_t i = 0;
    for (; i + sums.size() <= n; i += sums.size()) {
        for (std::size_t k = 0; k < sums.size(); ++k) {
            sums[k] += values[i + k] * 0.0F;
        }
    }
    float sum = std::accumulate(sums.begin(), sums.end(), 0.0F);
    for (; i < n; ++i) {
        sum += values[i] * 0.0F;
    }
    return sum == 0.0F;
}

} // namespace pyengine
