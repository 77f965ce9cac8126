// A whole file, read-only, in memory for as long as the object lives.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gguf/bus_error.hpp"
#include "gguf/file_identity.hpp"

namespace pyengine {

class MappedFile {
public:
    // Throws ModelFileError where the file cannot be read.
    explicit MappedFile(const std::string & path);
    ~MappedFile();
    MappedFile(const MappedFile &) = delete;
    MappedFile & operator=(const MappedFile &) = delete;

    const FileIdentity & identity() const { return identity_; }
    std::string_view bytes() const { return {data_, identity_.size}; }

private:
    FileIdentity identity_;
    std::optional<BusErrorWatch> watch_;
    const char * data_ = nullptr;
};

} // namespace pyengine
