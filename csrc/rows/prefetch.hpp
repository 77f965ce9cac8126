// Brings memory into the cache ahead of its use.
#pragma once

#include <cstddef>

namespace pyengine {

// How many items ahead of its use memory is asked for: enough to cover the wait for it.
inline constexpr std::size_t prefetch_distance = 16;

// Harmless for any address.
inline void prefetch([[maybe_unused]] const void * address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#endif
}

} // namespace pyengine
