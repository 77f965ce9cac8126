// Where a context's memory lies, by llama.cpp's own accounting.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/context.hpp"

namespace pyengine {

// What one device holds, in bytes.
struct MemoryShare {
    std::string device;
    bool on_host; // in the CPU's memory
    std::uint64_t weights;
    std::uint64_t cache;   // keys and values of attention, and recurrent states
    std::uint64_t compute; // intermediate results of the largest batch
};

// One share for each device, the CPU's first. Of a model that was opened with `no_alloc` it is what
// it would take: weights and attention cache exist as sizes only then, and so do the buffers.
std::vector<MemoryShare> memory_shares(const Context & context);

} // namespace pyengine
