#include "gguf/mapped_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/errors.hpp"

namespace pyengine {
namespace {

class Descriptor {
public:
    // Not blocking: a FIFO without a writer is refused, not waited for.
    explicit Descriptor(const std::string & path)
        : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
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

    [[noreturn]] void fail() const { throw ModelFileError(path_, std::strerror(errno)); }

private:
    const std::string & path_;
    int fd_;
};

} // namespace

MappedFile::MappedFile(const std::string & path) {
    const Descriptor file(path);
    identity_ = FileIdentity::of(path, file.get());
    if (identity_.size == 0) {
        throw ModelFileError(path, "the file is empty");
    }
    watch_.emplace(identity_);
    void * address = mmap(nullptr, identity_.size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) {
        file.fail();
    }
    data_ = static_cast<const char *>(address);
}

MappedFile::~MappedFile() {
    munmap(const_cast<char *>(data_), identity_.size);
}

} // namespace pyengine
