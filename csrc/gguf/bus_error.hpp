// What happens when a mapped file is cut, or its disk goes away, in the midst of a computation.
#pragma once

#include <atomic>
#include <cstdint>

#include "gguf/file_identity.hpp"

namespace pyengine {

// While one lives, a read of the file's mapping that the system cannot serve (SIGBUS) ends the
// process with a sentence that names the file and the exit code 2. There is no way back into the
// computation. Other bus errors go to the handler that was there before.
class BusErrorWatch {
public:
    explicit BusErrorWatch(const FileIdentity & file);
    ~BusErrorWatch();
    BusErrorWatch(const BusErrorWatch &) = delete;
    BusErrorWatch & operator=(const BusErrorWatch &) = delete;

private:
    std::atomic<std::uint64_t> * inode_; // null where more files are mapped than can be watched
};

} // namespace pyengine
