// A whole file, read-only, in memory for as long as the object lives.
#pragma once

#include <string>
#include <string_view>

namespace pyengine {

class MappedFile {
public:
    // Throws ModelFileError where the file cannot be read.
    explicit MappedFile(const std::string & path);
    ~MappedFile();
    MappedFile(const MappedFile &) = delete;
    MappedFile & operator=(const MappedFile &) = delete;

    std::string_view bytes() const { return {data_, size_}; }

private:
    const char * data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace pyengine
