// Work that recurses deeply, on a stack that is made for it.
#pragma once

#include <cstddef>
#include <functional>

namespace pyengine {

// Runs the work to its end in a thread with a stack of so many bytes, of which only what is used
// takes memory. Throws what the work throws; EngineError where there is no such stack or thread.
void run_on_deep_stack(std::size_t bytes, const std::function<void()> & work);

} // namespace pyengine
