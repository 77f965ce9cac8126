// Work shared out over threads, row by row.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>

#include "engine/threads.hpp"

namespace pyengine {

// Calls work(i) once for each i below n, from up to `threads` threads, the calling one included:
// fewer where the system starts no more. The first exception is thrown on when all have ended.
template <class Work> void parallel_rows(std::size_t n, std::size_t threads, const Work & work) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr error;
    std::mutex error_mutex;
    const auto run = [&] {
        try {
            for (std::size_t i = next++; i < n; i = next++)
                work(i);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(error_mutex);
            if (!error)
                error = std::current_exception();
            next = n;
        }
    };
    {
        Threads others;
        const std::size_t wanted = std::min({threads, n, max_threads});
        for (std::size_t i = 1; i < wanted && others.start(run); ++i) {
        }
        run();
    }
    if (error)
        std::rethrow_exception(error);
}

} // namespace pyengine
