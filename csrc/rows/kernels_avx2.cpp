// Compiled with the flags of this instruction set (CMakeLists.txt); run only where it is supported.
#include "rows/kernels.hpp"

#if defined(PYENGINE_X86_KERNELS)
#define PYENGINE_ISA avx2
#define PYENGINE_LANES 4
#include "rows/kernel_loops.hpp"

namespace pyengine {

const Kernels avx2_kernels{
    "avx2",        avx2::block_maxima, avx2::exp_sums,    avx2::add_to_histogram,
    avx2::buckets, avx2::count_above,  avx2::count_equal, avx2::pair_sums};

} // namespace pyengine

#endif
