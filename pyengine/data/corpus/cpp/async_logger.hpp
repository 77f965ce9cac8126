#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

namespace telemetry {

enum class Severity : unsigned char { trace, info, warning, error };

/**
 * @brief Writes log lines in a thread of its own, so that callers never wait for the disk.
 *
 * If the disk is slower than the callers, lines are dropped and counted; a control loop that misses
 * its deadline is worse than a hole in the log.
 */
class AsyncLogger final {
public:
    explicit AsyncLogger(const std::string& path, std::size_t capacity = 8192)
        : out_(path, std::ios::app), capacity_(capacity), writer_([this] { run(); }) {}

    AsyncLogger(const AsyncLogger&) = delete;
    AsyncLogger& operator=(const AsyncLogger&) = delete;

    ~AsyncLogger() {
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        writer_.join();
    }

    void set_level(Severity level) noexcept { level_.store(level, std::memory_order_relaxed); }

    [[nodiscard]] bool wants(Severity s) const noexcept {
        return s >= level_.load(std::memory_order_relaxed);
    }

    template <class... Parts>
    void write(Severity severity, const Parts&... parts) {
        if (!wants(severity)) return;
        std::ostringstream text;
        (text << ... << parts);
        Line line{Clock::now(), severity, text.str()};
        {
            std::lock_guard lock(mutex_);
            if (queue_.size() >= capacity_) {
                ++dropped_;
                return;
            }
            queue_.push_back(std::move(line));
        }
        wake_.notify_one();
    }

private:
    using Clock = std::chrono::system_clock;

    struct Line {
        Clock::time_point when;
        Severity severity;
        std::string text;
    };

    void run() {
        std::deque<Line> batch;
        for (bool last = false; !last;) {
            std::size_t lost;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
                batch.swap(queue_);
                lost = std::exchange(dropped_, 0);
                last = stopping_;
            }
            for (const Line& line : batch) print(line);
            if (lost != 0) out_ << "-- " << lost << " lines dropped --\n";
            batch.clear();
            out_.flush();
        }
    }

    void print(const Line& line) {
        static constexpr char letters[] = {'T', 'I', 'W', 'E'};
        const std::time_t seconds = Clock::to_time_t(line.when);
        std::tm utc{};
        gmtime_r(&seconds, &utc);
        char stamp[32];
        std::strftime(stamp, sizeof stamp, "%FT%TZ", &utc);
        out_ << stamp << ' ' << letters[static_cast<unsigned>(line.severity)] << ' ' << line.text << '\n';
    }

    std::ofstream out_;
    const std::size_t capacity_;
    std::atomic<Severity> level_{Severity::info};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Line> queue_;
    std::size_t dropped_ = 0;
    bool stopping_ = false;
    std::thread writer_; // last: it uses all of the above
};

} // namespace telemetry
