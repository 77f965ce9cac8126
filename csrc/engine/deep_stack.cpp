#include "engine/deep_stack.hpp"

#include <exception>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/errors.hpp"

namespace pyengine {
namespace {

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif

// Memory for a stack; the lowest page is a guard, so that an overflow faults.
class StackMemory {
public:
    explicit StackMemory(std::size_t bytes) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        size_ = (bytes + 2 * page - 1) / page * page;
        address_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (address_ == MAP_FAILED) {
            throw EngineError("there is no memory for a stack of " + std::to_string(bytes >> 20U) +
                              " MiB");
        }
        mprotect(address_, page, PROT_NONE);
    }
    ~StackMemory() { munmap(address_, size_); }
    StackMemory(const StackMemory &) = delete;
    StackMemory & operator=(const StackMemory &) = delete;

    void * address() const { return address_; }
    std::size_t size() const { return size_; }

private:
    void * address_;
    std::size_t size_;
};

struct Job {
    const std::function<void()> & work;
    std::exception_ptr error;
};

void * run(void * data) {
    auto & job = *static_cast<Job *>(data);
    try {
        job.work();
    } catch (...) {
        job.error = std::current_exception();
    }
    return nullptr;
}

} // namespace

void run_on_deep_stack(std::size_t bytes, const std::function<void()> & work) {
    const StackMemory stack(bytes);
    Job job{work, nullptr};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_t thread{};
    const bool started = pthread_attr_setstack(&attributes, stack.address(), stack.size()) == 0 &&
                         pthread_create(&thread, &attributes, run, &job) == 0;
    pthread_attr_destroy(&attributes);
    if (!started) {
        throw EngineError("the system starts no thread with a stack of " +
                          std::to_string(bytes >> 20U) + " MiB");
    }
    pthread_join(thread, nullptr);
    if (job.error) {
        std::rethrow_exception(job.error);
    }
}

} // namespace pyengine
