// How a long call learns that its caller wants it to stop.
#pragma once

#include <chrono>
#include <functional>

namespace pyengine {

// Returns true when the work should stop. The binding layer supplies one that looks for Ctrl-C.
using Interrupt = std::function<bool()>;

// Asks the interrupt function at most every 50 ms: llama.cpp polls once per graph node.
class InterruptPoll {
public:
    explicit InterruptPoll(Interrupt interrupt)
        : interrupt_(std::move(interrupt)), last_(std::chrono::steady_clock::now()) {}

    bool stop() {
        const auto now = std::chrono::steady_clock::now();
        if (!stopped_ && interrupt_ && now - last_ >= std::chrono::milliseconds(50)) {
            last_ = now;
            stopped_ = interrupt_();
        }
        return stopped_;
    }

    bool stopped() const { return stopped_; }

private:
    Interrupt interrupt_;
    std::chrono::steady_clock::time_point last_;
    bool stopped_ = false;
};

} // namespace pyengine
