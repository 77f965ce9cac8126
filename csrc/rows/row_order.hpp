// The order of a row's entries as one integer for each: larger logits first, then lower ids, NaN
// after everything.
#pragma once

#include <cstdint>
#include <cstring>

namespace pyengine {

// Smaller keys come first; equal logits have equal keys, 0 and -0 among them.
inline std::uint32_t logit_key(float logit) {
    if (logit != logit) {
        return 0xFFFFFFFFU;
    }
    const float value = logit + 0.0F; // -0 becomes 0
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    // A positive float's bits rise with it, a negative one's fall; -infinity's are 0xFF800000.
    return (bits & 0x80000000U) != 0 ? bits : ~bits & 0x7FFFFFFFU;
}

// Ties broken by the place, an id or whatever rises with it.
inline std::uint64_t order_key(float logit, std::uint32_t place) {
    return (std::uint64_t{logit_key(logit)} << 32U) | place;
}

} // namespace pyengine
