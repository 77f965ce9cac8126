// ARM's registers of 16 bytes, which the portable kernels use too: the same numbers to the bit.
#include "rows/kernels.hpp"

#if defined(PYENGINE_ARM_KERNELS)
#define PYENGINE_ISA neon
#define PYENGINE_LANES 2
#define PYENGINE_NEON
#include "rows/kernel_loops.hpp"

namespace pyengine {

const Kernels neon_kernels{
    "neon",        neon::block_maxima, neon::exp_sums,    neon::add_to_histogram,
    neon::buckets, neon::count_above,  neon::count_equal, neon::pair_sums};

} // namespace pyengine

#endif
