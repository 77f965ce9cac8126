// exp and log over a few doubles at once, written once for every instruction set.
//
// A file that includes this defines PYENGINE_ISA (a namespace) and PYENGINE_LANES (doubles in one
// register) and is compiled with the flags of that instruction set. The compiler's generic vectors
// become its registers, so that every variant is the same algorithm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(PYENGINE_NEON)
#include <arm_neon.h>
#endif

namespace pyengine {
namespace PYENGINE_ISA {

constexpr std::size_t lanes = PYENGINE_LANES;

#if defined(__GNUC__)
typedef double Doubles __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef std::int64_t Longs __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef std::uint64_t UnsignedLongs __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef float HalfFloats __attribute__((vector_size(PYENGINE_LANES * 4)));
typedef float Floats __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef std::int32_t Ints __attribute__((vector_size(PYENGINE_LANES * 8)));
typedef std::uint16_t Shorts __attribute__((vector_size(PYENGINE_LANES * 4)));
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

inline Doubles absolute(Doubles x) {
    return bits<Doubles>(bits<Longs>(x) & std::numeric_limits<std::int64_t>::max());
}

inline Doubles load(const float * at) {
#if defined(PYENGINE_NEON)
    return vcvt_f64_f32(vld1_f32(at)); // GCC itself would convert one by one
#else
    HalfFloats x;
    std::memcpy(&x, at, sizeof x);
    return __builtin_convertvector(x, Doubles);
#endif
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

// e^x for -708 <= x <= 709, within 3 units in the last place; NaN stays NaN. Below that it is some
// number.
// x = k ln 2 + r with |r| <= ln(2) / 2; e^r from its Chebyshev approximation of degree 10, whose
// error is 2.2e-16; 2^k by adding k to the exponent's bits.
inline Doubles exp_bounded(Doubles x) {
    const Doubles shifted = x * 1.4426950408889634074 + 6755399441055744.0; // 1.5 * 2^52
    const Doubles k = shifted - 6755399441055744.0;
    const Doubles r = x - k * 0.69314718055994530942;
    Doubles series = spread(2.76263572414472229e-7);
    series = series * r + 2.76401807962098511e-6;
    series = series * r + 2.48015043469976873e-5;
    series = series * r + 1.98411702704400684e-4;
    series = series * r + 1.38888889324885982e-3;
    series = series * r + 8.33333338566778247e-3;
    series = series * r + 4.16666666665731426e-2;
    series = series * r + 1.66666666665544045e-1;
    series = series * r + 5.00000000000000562e-1;
    series = series * r + 1.00000000000000674;
    series = series * r + 1.0;
    return bits<Doubles>(bits<UnsignedLongs>(series) + (bits<UnsignedLongs>(shifted) << 52));
}

// The same for any x <= 709; 0 below -708.
inline Doubles exp(Doubles x) {
    const Doubles lowest = spread(-708.0);
    const Longs underflow = x < lowest;
    return underflow ? Doubles{} : exp_bounded(underflow ? lowest : x);
}

// ln x for positive normal x, within 4 units in the last place (absolute near x = 1).
// x = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s) with s = (m - 1) / (m + 1), from the
// Chebyshev approximation of artanh(s) / s in s^2, whose error is 1.8e-16.
inline Doubles log(Doubles x) {
    const Longs half_root = bits<Longs>(spread(0.70710678118654752440));
    const Longs exponent = (bits<Longs>(x) - half_root) >> 52;
    const Doubles m = bits<Doubles>(bits<UnsignedLongs>(x) - (bits<UnsignedLongs>(exponent) << 52));
    const Longs magic = bits<Longs>(spread(6755399441055744.0));
    const Doubles k = bits<Doubles>(exponent + magic) - 6755399441055744.0;
    const Doubles s = (m - 1.0) / (m + 1.0);
    const Doubles s2 = s * s;
    Doubles series = spread(0.0841882998534024415);
    series = series * s2 + 0.0906096721560760721;
    series = series * s2 + 0.111117172737589533;
    series = series * s2 + 0.142857080105538358;
    series = series * s2 + 0.200000000308708076;
    series = series * s2 + 0.33333333333276459;
    series = series * s2 + 1.0;
    return k * 0.69314718055994530942 + (s + s) * series;
}

} // namespace PYENGINE_ISA
} // namespace pyengine
