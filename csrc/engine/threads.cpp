#include "engine/threads.hpp"

#include <future>
#include <string>

#include "engine/errors.hpp"

namespace pyengine {

void check_threads(int count) {
    if (count < 1 || static_cast<std::size_t>(count) > max_threads) {
        throw OptionError("threads must be from 1 to " + std::to_string(max_threads) + ", not " +
                          std::to_string(count));
    }
}

void require_threads(int count) {
    std::promise<void> release;
    const std::shared_future<void> released = release.get_future().share();
    const auto wait = [&released] { released.wait(); };
    int running = 1;
    {
        Threads others;
        while (running < count && others.start(wait)) {
            ++running;
        }
        release.set_value();
    }
    if (running < count) {
        throw EngineError("the system starts no more than " + std::to_string(running) + " of " +
                          std::to_string(count) +
                          " threads; use fewer threads, or raise its limit on processes");
    }
}

} // namespace pyengine
