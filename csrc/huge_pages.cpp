#include "huge_pages.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#if defined(__GLIBC__)
#include <sys/mman.h>
#endif

namespace pyengine {

#if defined(__GLIBC__)

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20U;

struct Free {
    void operator()(void * memory) const { std::free(memory); }
};
using Block = std::unique_ptr<void, Free>;

Block allocate(std::size_t bytes) {
    Block block(std::malloc(bytes));
    if (block && bytes > 0) {
        // Unused, it would be optimized away.
        *static_cast<volatile char *>(block.get()) = 0;
    }
    return block;
}

// Advises the whole huge pages inside a block, which nothing has touched yet but its first one.
void advise(const Block & block, std::size_t bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(block.get());
    const std::uintptr_t begin = (address + huge_page - 1) / huge_page * huge_page;
    const std::uintptr_t end = (address + bytes) / huge_page * huge_page;
    if (block && begin < end) {
        // Where the system refuses, pages stay small.
        (void)madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
    }
}

} // namespace

void put_next_heap_on_huge_pages(std::size_t bytes) {
    // glibc maps large blocks one by one, and takes them from the heap only up to the size of the
    // largest mapped block that was freed. Twice that size may lie free at the heap's end before
    // it is given back to the system.
    constexpr std::size_t largest = std::size_t{31} << 20U, half = std::size_t{28} << 20U;
    allocate(largest).reset();
    const std::size_t first = std::min(bytes, half), second = std::min(bytes - first, half);
    const Block lower = allocate(first), upper = allocate(second);
    advise(lower, first);
    advise(upper, second);
}

#else

void put_next_heap_on_huge_pages(std::size_t) {}

#endif

} // namespace pyengine
