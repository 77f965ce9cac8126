// For any processor: registers of 16 bytes, which every compiler can supply or imitate.
#define PYENGINE_ISA portable
#define PYENGINE_LANES 2
#include "rows/kernel_loops.hpp"

namespace pyengine {

const Kernels portable_kernels{
    "portable",        portable::block_maxima, portable::exp_sums,    portable::add_to_histogram,
    portable::buckets, portable::count_above,  portable::count_equal, portable::pair_sums};

} // namespace pyengine
