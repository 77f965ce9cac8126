// exp and log over a few doubles at once, written once for every instruction set.
//
// A file that includes this defines PYENGINE_ISA (a namespace) and PYENGINE_LANES (doubles in one
// register) and is compiled with the flags of that instruction set. The compiler's generic vectors
// become its registers, so there are no intrinsics here and every variant is the same algorithm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace pyengine {
namespace PYENGINE_ISA {

constexpr std::size_t lanes = PYENGINE_LANES;

#if defined(__GNUC__)
typedef double Doubles __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef std::int64_t Longs __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef float HalfFloats __attribute__((vector_size(PYENGINE_LANES * 4)));
typedef float Floats __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef std::int32_t Ints __attribute__((vector_size(PYENGINE_LANES * 8)));

inline Doubles widen(HalfFloats x) {
    return __builtin_convertvector(x, Doubles);
}
#else
#error "vector_math.hpp needs the vector extensions of GCC or Clang"
#endif

// Reinterprets bits; a copy that compilers turn into nothing.
template <class To, class From> inline To bits(const From & from) {
    static_assert(sizeof(To) == sizeof(From), "same size");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

inline Doubles spread(double value) {
    return value - Doubles{};
}

inline Doubles load(const float * at) {
    HalfFloats x;
    std::memcpy(&x, at, sizeof x);
    return widen(x);
}

inline Floats load_floats(const float * at) {
    Floats x;
    std::memcpy(&x, at, sizeof x);
    return x;
}

inline double sum(Doubles x) {
    double total = 0.0;
    for (std::size_t lane = 0; lane < lanes; ++lane)
        total += x[lane];
    return total;
}

inline bool any(Longs mask) {
    std::int64_t found = 0;
    for (std::size_t lane = 0; lane < lanes; ++lane)
        found |= mask[lane];
    return found != 0;
}

// e^x for x <= 709, within 2 units in the last place; 0 below -708; NaN stays NaN.
// x = k ln 2 + r with |r| <= ln(2) / 2; e^r from its Taylor series to the 13th term, the first one
// left out being below 5e-18; 2^k by adding k to the exponent's bits.
inline Doubles exp(Doubles x) {
    const Doubles lowest = spread(-708.0);
    const Longs underflow = x < lowest;
    const Doubles clamped = underflow ? lowest : x;
    const Doubles shifted = clamped * 1.4426950408889634074 + 6755399441055744.0; // 1.5 * 2^52
    const Doubles k = shifted - 6755399441055744.0;
    const Doubles r = (clamped - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
    Doubles series = spread(1.0 / 6227020800.0);
    series = series * r + 1.0 / 479001600.0;
    series = series * r + 1.0 / 39916800.0;
    series = series * r + 1.0 / 3628800.0;
    series = series * r + 1.0 / 362880.0;
    series = series * r + 1.0 / 40320.0;
    series = series * r + 1.0 / 5040.0;
    series = series * r + 1.0 / 720.0;
    series = series * r + 1.0 / 120.0;
    series = series * r + 1.0 / 24.0;
    series = series * r + 1.0 / 6.0;
    series = series * r + 0.5;
    series = series * r + 1.0;
    series = series * r + 1.0;
    const Doubles scaled = bits<Doubles>(bits<Longs>(series) + (bits<Longs>(shifted) << 52));
    return underflow ? Doubles{} : scaled;
}

// ln x for positive normal x, within 3 units in the last place (absolute near x = 1).
// x = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| <
// 0.1716.
inline Doubles log(Doubles x) {
    const Longs half_root = bits<Longs>(spread(0.70710678118654752440));
    const Longs offset = bits<Longs>(x) - half_root;
    const Longs exponent = offset >> 52;
    const Doubles m = bits<Doubles>(bits<Longs>(x) - (exponent << 52));
    const Longs magic = bits<Longs>(spread(6755399441055744.0));
    const Doubles k = bits<Doubles>(exponent + magic) - 6755399441055744.0;
    const Doubles s = (m - 1.0) / (m + 1.0);
    const Doubles s2 = s * s;
    Doubles series = spread(1.0 / 21.0);
    series = series * s2 + 1.0 / 19.0;
    series = series * s2 + 1.0 / 17.0;
    series = series * s2 + 1.0 / 15.0;
    series = series * s2 + 1.0 / 13.0;
    series = series * s2 + 1.0 / 11.0;
    series = series * s2 + 1.0 / 9.0;
    series = series * s2 + 1.0 / 7.0;
    series = series * s2 + 1.0 / 5.0;
    series = series * s2 + 1.0 / 3.0;
    series = series * s2 + 1.0;
    return k * 1.90821492927058770002e-10 + 2.0 * s * series + k * 6.93147180369123816490e-01;
}

} // namespace PYENGINE_ISA
} // namespace pyengine
