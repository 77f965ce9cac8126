#include "gguf/file_identity.hpp"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include "engine/errors.hpp"

namespace pyengine {
namespace {

FileIdentity identity(const std::string & path, const struct stat & status) {
#if defined(__APPLE__)
    const struct timespec & modified = status.st_mtimespec;
#else
    const struct timespec & modified = status.st_mtim;
#endif
    return {path, static_cast<std::uint64_t>(status.st_dev),
            static_cast<std::uint64_t>(status.st_ino), static_cast<std::uint64_t>(status.st_size),
            std::int64_t{modified.tv_sec} * 1'000'000'000 + modified.tv_nsec};
}

} // namespace

FileIdentity FileIdentity::of(const std::string & path, int descriptor) {
    struct stat status{};
    if (fstat(descriptor, &status) != 0) {
        throw ModelFileError(path, std::strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        throw ModelFileError(path, "is not a regular file");
    }
    return identity(path, status);
}

bool FileIdentity::operator==(const FileIdentity & other) const {
    return path == other.path && device == other.device && inode == other.inode &&
           size == other.size && modified_ns == other.modified_ns;
}

void FileIdentity::require_unchanged() const {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) {
        throw ModelFileError(path, std::string("cannot be read any more, and it is in use: ") +
                                       std::strerror(errno));
    }
    const FileIdentity now = identity(path, status);
    if (now.size < size && now.inode == inode) {
        throw ModelFileError(path, "was cut from " + std::to_string(size) + " to " +
                                       std::to_string(now.size) +
                                       " bytes while it was in use; restore it and start again");
    }
    if (!(now == *this)) {
        throw ModelFileError(path, "was replaced or written to while it was in use; start again");
    }
}

} // namespace pyengine
