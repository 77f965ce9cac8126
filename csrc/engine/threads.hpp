// Threads that end before their owner does, where the system may refuse to start one.
#pragma once

#include <cstddef>
#include <functional>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace pyengine {

inline constexpr std::size_t max_threads = 512;

// Joins its threads when it ends.
class Threads {
public:
    Threads() = default;
    ~Threads() {
        for (std::thread & thread : threads_) {
            thread.join();
        }
    }
    Threads(const Threads &) = delete;
    Threads & operator=(const Threads &) = delete;

    // Runs work() in one more thread; false where the system starts none. The work must outlive
    // this object.
    template <class Work> bool start(const Work & work) {
        try {
            threads_.emplace_back(std::cref(work));
            return true;
        } catch (const std::system_error &) { // a limit on processes
            return false;
        } catch (const std::bad_alloc &) {
            return false;
        }
    }

private:
    std::vector<std::thread> threads_;
};

// Throws OptionError where `count` is no number of threads.
void check_threads(int count);

// Throws EngineError where `count` threads, the calling one included, cannot run at once. ggml and
// llama.cpp's quantizer end the process then.
void require_threads(int count);

} // namespace pyengine
