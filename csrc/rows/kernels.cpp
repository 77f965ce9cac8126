#include "rows/kernels.hpp"

namespace pyengine {

std::vector<const Kernels *> available_kernels() {
    std::vector<const Kernels *> kernels{&portable_kernels};
#if defined(PYENGINE_X86_KERNELS)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2)
        kernels.push_back(&avx2_kernels);
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    if (avx2 && avx512)
        kernels.push_back(&avx512_kernels);
#elif defined(PYENGINE_ARM_KERNELS)
    kernels.push_back(&neon_kernels); // every processor of this architecture has it
#endif
    return kernels;
}

const Kernels & best_kernels() {
    static const Kernels * const best = available_kernels().back();
    return *best;
}

} // namespace pyengine
