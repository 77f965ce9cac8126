#include "mapped_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errors.hpp"

namespace pyengine {
namespace {

class Descriptor {
public:
    explicit Descriptor(const std::string & path) : path_(path), fd_(open(path.c_str(), O_RDONLY)) {
        if (fd_ < 0) {
            fail();
        }
    }
    ~Descriptor() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor & operator=(const Descriptor &) = delete;

    int get() const { return fd_; }

    std::size_t size() const {
        struct stat status{};
        if (fstat(fd_, &status) != 0) {
            fail();
        }
        if (!S_ISREG(status.st_mode)) {
            throw ModelFileError(path_, "is not a regular file");
        }
        return static_cast<std::size_t>(status.st_size);
    }

    [[noreturn]] void fail() const { throw ModelFileError(path_, std::strerror(errno)); }

private:
    const std::string & path_;
    int fd_;
};

} // namespace

MappedFile::MappedFile(const std::string & path) {
    const Descriptor file(path);
    size_ = file.size();
    if (size_ == 0) {
        throw ModelFileError(path, "the file is empty");
    }
    void * address = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) {
        file.fail();
    }
    data_ = static_cast<const char *>(address);
}

MappedFile::~MappedFile() {
    munmap(const_cast<char *>(data_), size_);
}

} // namespace pyengine
