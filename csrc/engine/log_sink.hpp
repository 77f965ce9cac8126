// llama.cpp's log as a bounded buffer: nothing reaches the terminal, nothing is lost silently.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pyengine {

// One line of llama.cpp's log. The level is ggml's: 1 debug, 2 info, 3 warning, 4 error.
using LogLine = std::pair<int, std::string>;

// Route the log of llama.cpp and ggml into the buffer. Call once, before anything else.
void install_log_sink();

// Take the buffered lines, oldest first. When more than the buffer holds were written, the
// first line returned says how many were dropped.
std::vector<LogLine> drain_log();

// Takes llama.cpp's log back while the object lives, where another library of this process has
// taken it since, such as llama_cpp, which does so when it is imported.
class LogHeld {
public:
    LogHeld();
    ~LogHeld();
    LogHeld(const LogHeld &) = delete;
    LogHeld & operator=(const LogHeld &) = delete;
};

// Collects the error lines that llama.cpp writes on this thread while the object lives.
class ErrorLines {
public:
    ErrorLines();
    ~ErrorLines();
    ErrorLines(const ErrorLines &) = delete;
    ErrorLines & operator=(const ErrorLines &) = delete;

    // The last lines, joined by "; "; `fallback` where there are none.
    std::string text(const std::string & fallback) const;

private:
    LogHeld held_;
};

// Keeps a copy of all that llama.cpp logs on this thread while the object lives.
class LogTranscript {
public:
    LogTranscript();
    ~LogTranscript();
    LogTranscript(const LogTranscript &) = delete;
    LogTranscript & operator=(const LogTranscript &) = delete;

    const std::string & text() const { return text_; }

private:
    LogHeld held_;
    std::string text_;
    std::string * outer_;
};

} // namespace pyengine
