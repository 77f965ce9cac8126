#include "gguf/bus_error.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <signal.h>
#include <unistd.h>

namespace pyengine {
namespace {

// The handler may call nothing that allocates or locks: it reads what lies here.
std::array<std::atomic<std::uint64_t>, 256> watched{}; // inodes; 0 is free
struct sigaction previous{};

std::mutex install_mutex;
std::size_t n_watches = 0;

bool is_watched(std::uint64_t inode) {
    for (const auto & known : watched) {
        if (inode != 0 && known.load() == inode) {
            return true;
        }
    }
    return false;
}

std::uint64_t read_number(const char *& at, unsigned base) {
    std::uint64_t value = 0;
    for (;; ++at) {
        const unsigned digit = *at >= '0' && *at <= '9'   ? static_cast<unsigned>(*at - '0')
                               : *at >= 'a' && *at <= 'f' ? static_cast<unsigned>(*at - 'a') + 10
                                                          : base;
        if (digit >= base) {
            return value;
        }
        value = value * base + digit;
    }
}

// The path in a line of /proc/self/maps whose mapping holds the address and is of a watched file;
// null in any other line.
const char * watched_path(const char * line, std::uint64_t address) {
    const std::uint64_t begin = read_number(line, 16);
    const std::uint64_t end = *line == '-' ? read_number(++line, 16) : 0;
    if (address < begin || address >= end) {
        return nullptr;
    }
    for (int field = 0; field < 3 && line != nullptr; ++field) { // permissions, offset, device
        line = std::strchr(line + 1, ' ');
    }
    if (line == nullptr || !is_watched(read_number(++line, 10))) {
        return nullptr;
    }
    return std::strchr(line, '/');
}

void say(const char * text, std::size_t length) {
    while (length > 0) {
        const ssize_t written = write(STDERR_FILENO, text, length);
        if (written <= 0) {
            return;
        }
        text += written;
        length -= static_cast<std::size_t>(written);
    }
}

// Ends the process where the address lies in a watched file's mapping.
void end_if_watched(const void * place) {
    static char line[8192];
    constexpr char reason[] = ": was cut, or its disk went away, while it was in use; restore it "
                              "and start again\n";
    const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps < 0) {
        return;
    }
    std::size_t length = 0;
    char character = '\0';
    while (read(maps, &character, 1) == 1) {
        if (character != '\n') {
            line[length] = character;
            length += length + 1 < sizeof(line) ? 1 : 0;
            continue;
        }
        line[length] = '\0';
        length = 0;
        if (const char * path = watched_path(line, reinterpret_cast<std::uint64_t>(place))) {
            say(path, std::strlen(path));
            say(reason, sizeof(reason) - 1);
            _exit(2);
        }
    }
    close(maps);
}

void on_bus_error(int number, siginfo_t * info, void * context) {
    end_if_watched(info->si_addr);
    if ((previous.sa_flags & SA_SIGINFO) != 0) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else {
        // The read is tried again when this returns, and ends the process as it would have.
        signal(number, SIG_DFL);
    }
}

void install() {
    struct sigaction action{};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

void uninstall() {
    struct sigaction current{};
    sigaction(SIGBUS, nullptr, &current);
    if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_bus_error) {
        sigaction(SIGBUS, &previous, nullptr);
    }
}

} // namespace

BusErrorWatch::BusErrorWatch(const FileIdentity & file) : inode_(nullptr) {
    for (auto & slot : watched) {
        std::uint64_t expected = 0;
        if (slot.compare_exchange_strong(expected, file.inode)) {
            inode_ = &slot;
            break;
        }
    }
    const std::lock_guard<std::mutex> lock(install_mutex);
    if (n_watches++ == 0) {
        install();
    }
}

BusErrorWatch::~BusErrorWatch() {
    const std::lock_guard<std::mutex> lock(install_mutex);
    if (--n_watches == 0) {
        uninstall();
    }
    if (inode_ != nullptr) {
        inode_->store(0);
    }
}

} // namespace pyengine
