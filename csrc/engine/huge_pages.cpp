#include "engine/huge_pages.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#if defined(__GLIBC__)
#include <sys/mman.h>
#endif

namespace pyengine {

#if defined(__GLIBC__)

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20U;

// Memory that is reserved and not touched.
std::vector<char> reserve(std::size_t bytes) {
    std::vector<char> block;
    block.reserve(bytes);
    // Without a look at its address, the compiler may leave out an allocation.
    [[maybe_unused]] const char * volatile address = block.data();
    return block;
}

// Advises the whole huge pages inside a block.
void advise(const std::vector<char> & block) {
    const auto address = reinterpret_cast<std::uintptr_t>(block.data());
    const std::uintptr_t begin = (address + huge_page - 1) / huge_page * huge_page;
    const std::uintptr_t end = (address + block.capacity()) / huge_page * huge_page;
    if (begin < end) {
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
    reserve(largest); // and freed
    const std::size_t first = std::min(bytes, half), second = std::min(bytes - first, half);
    const std::vector<char> lower = reserve(first), upper = reserve(second);
    advise(lower);
    advise(upper);
}

#else

void put_next_heap_on_huge_pages(std::size_t) {}

#endif

} // namespace pyengine
