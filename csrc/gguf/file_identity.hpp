// Which file a path named when it was opened, so that a later look can tell whether it still does.
#pragma once

#include <cstdint>
#include <string>

namespace pyengine {

struct FileIdentity {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;

    // Of an open file. Throws ModelFileError where it is not a regular file.
    static FileIdentity of(const std::string & path, int descriptor);

    bool operator==(const FileIdentity & other) const;
    // Throws ModelFileError where the path names another file by now, or one that was written to.
    void require_unchanged() const;
};

} // namespace pyengine
