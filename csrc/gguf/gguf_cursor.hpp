// A position in a file's bytes that never passes their end.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/errors.hpp"

namespace pyengine {

// For messages: at most 60 characters, nothing unprintable.
inline std::string quoted(std::string_view text) {
    std::string shown = "'";
    for (const char c : text.substr(0, 60)) {
        const bool printable = c >= 0x20 && c < 0x7f;
        shown += printable ? c : '?';
    }
    return shown + (text.size() > 60 ? "...'" : "'");
}

class GgufCursor {
public:
    GgufCursor(const std::string & path, std::string_view bytes) : path_(path), bytes_(bytes) {}

    template <typename T> T read(const char * what) {
        T value{};
        std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
        return value;
    }

    std::string_view take(std::uint64_t n, const char * what) {
        if (n > bytes_.size() - position_) {
            throw ModelFileError(path_, std::string("truncated in ") + what + ": " +
                                            std::to_string(n) + " bytes are needed at offset " +
                                            std::to_string(position_) + " of a file of " +
                                            std::to_string(bytes_.size()));
        }
        const std::string_view taken = bytes_.substr(position_, n);
        position_ += n;
        return taken;
    }

    std::string_view string(const char * what) {
        constexpr std::uint64_t max_length = 1ULL << 30; // as in gguf.cpp
        const auto length = read<std::uint64_t>(what);
        if (length > max_length) {
            throw ModelFileError(path_, std::string("a string in ") + what + " claims " +
                                            std::to_string(length) + " bytes");
        }
        return take(length, what);
    }

    std::uint64_t position() const { return position_; }
    std::uint64_t remaining() const { return bytes_.size() - position_; }
    std::string_view since(std::uint64_t begin) const {
        return bytes_.substr(begin, position_ - begin);
    }

private:
    const std::string & path_;
    std::string_view bytes_;
    std::uint64_t position_ = 0;
};

} // namespace pyengine
