// Brings memory into the cache ahead of its use.
#pragma once

namespace pyengine {

// Harmless for any address.
inline void prefetch([[maybe_unused]] const void * address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#endif
}

} // namespace pyengine
