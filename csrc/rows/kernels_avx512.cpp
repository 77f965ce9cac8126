// Compiled with the flags of this instruction set (CMakeLists.txt); run only where it is supported.
#include "rows/kernels.hpp"

#if defined(PYENGINE_X86_KERNELS)
#define PYENGINE_ISA avx512
#define PYENGINE_LANES 8
#include "rows/kernel_loops.hpp"

namespace pyengine {

const Kernels avx512_kernels{
    "avx512",        avx512::block_maxima, avx512::exp_sums,    avx512::add_to_histogram,
    avx512::buckets, avx512::count_above,  avx512::count_equal, avx512::pair_sums};

} // namespace pyengine

#endif
