#include "engine/log_sink.hpp"

#include <deque>
#include <mutex>

#include <llama.h>

namespace pyengine {
namespace {

constexpr std::size_t max_lines = 4096;
constexpr std::size_t max_error_lines = 3;

struct Buffer {
    std::mutex mutex;
    std::deque<LogLine> lines;
    std::size_t dropped = 0;
    int level = GGML_LOG_LEVEL_INFO; // of the line that a CONT message continues
};

Buffer & buffer() {
    static Buffer instance;
    return instance;
}

// Who had the log before the first of the objects that hold it now.
struct Holding {
    std::mutex mutex;
    int holders = 0;
    ggml_log_callback before = nullptr;
    void * data = nullptr;
};

Holding & holding() {
    static Holding instance;
    return instance;
}

thread_local std::deque<std::string> error_lines;
thread_local int error_collectors = 0;
thread_local std::string * transcript = nullptr;

std::string without_newline(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    return text;
}

void collect_error(const std::string & line) {
    if (error_collectors == 0 || line.empty()) {
        return;
    }
    error_lines.push_back(line);
    if (error_lines.size() > max_error_lines) {
        error_lines.pop_front();
    }
}

void receive(ggml_log_level level, const char * text, void * /*user_data*/) {
    if (transcript != nullptr) {
        *transcript += text;
    }
    std::string line = without_newline(text);
    if (level == GGML_LOG_LEVEL_ERROR) {
        collect_error(line);
    }
    Buffer & sink = buffer();
    const std::lock_guard<std::mutex> lock(sink.mutex);
    if (level == GGML_LOG_LEVEL_CONT && !sink.lines.empty()) {
        sink.lines.back().second += line;
        return;
    }
    if (line.empty()) {
        return;
    }
    sink.lines.emplace_back(static_cast<int>(level), std::move(line));
    if (sink.lines.size() > max_lines) {
        sink.lines.pop_front();
        ++sink.dropped;
    }
}

} // namespace

void install_log_sink() {
    llama_log_set(receive, nullptr);
}

std::vector<LogLine> drain_log() {
    Buffer & sink = buffer();
    const std::lock_guard<std::mutex> lock(sink.mutex);
    std::vector<LogLine> lines;
    if (sink.dropped > 0) {
        lines.emplace_back(GGML_LOG_LEVEL_WARN,
                           std::to_string(sink.dropped) + " older log lines were dropped");
        sink.dropped = 0;
    }
    lines.insert(lines.end(), sink.lines.begin(), sink.lines.end());
    sink.lines.clear();
    return lines;
}

LogHeld::LogHeld() {
    Holding & now = holding();
    const std::lock_guard<std::mutex> lock(now.mutex);
    if (now.holders++ == 0) {
        llama_log_get(&now.before, &now.data);
        install_log_sink();
    }
}

LogHeld::~LogHeld() {
    Holding & now = holding();
    const std::lock_guard<std::mutex> lock(now.mutex);
    if (--now.holders == 0) {
        llama_log_set(now.before, now.data);
    }
}

ErrorLines::ErrorLines() {
    if (error_collectors++ == 0) {
        error_lines.clear();
    }
}

ErrorLines::~ErrorLines() {
    --error_collectors;
}

std::string ErrorLines::text(const std::string & fallback) const {
    std::string joined;
    for (const std::string & line : error_lines) {
        joined += (joined.empty() ? "" : "; ") + line;
    }
    return joined.empty() ? fallback : joined;
}

LogTranscript::LogTranscript() : outer_(transcript) {
    transcript = &text_;
}

LogTranscript::~LogTranscript() {
    transcript = outer_;
}

} // namespace pyengine
