#include "engine/memory.hpp"

#include <algorithm>
#include <map>

// llama.cpp exports this for its own programs, with C++ linkage, and installs no header for it:
// this repeats src/llama-ext.h of the version that pyproject.toml pins.
struct llama_memory_breakdown_data {
    std::size_t model = 0;
    std::size_t context = 0;
    std::size_t compute = 0;
};
std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>
llama_get_memory_breakdown(const llama_context * ctx);

namespace pyengine {
namespace {

std::string device_name(ggml_backend_buffer_type_t type) {
    ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
    return ggml_backend_buft_is_host(type) || device == nullptr ? "CPU"
                                                                : ggml_backend_dev_name(device);
}

} // namespace

std::vector<MemoryShare> memory_shares(const Context & context) {
    std::vector<MemoryShare> shares = {{"CPU", true, 0, 0, 0}};
    for (const auto & [type, bytes] : llama_get_memory_breakdown(context.get())) {
        const std::string device = device_name(type);
        auto share = std::find_if(shares.begin(), shares.end(),
                                  [&](const MemoryShare & s) { return s.device == device; });
        if (share == shares.end()) {
            share = shares.insert(share, {device, false, 0, 0, 0});
        }
        share->weights += bytes.model;
        share->cache += bytes.context;
        share->compute += bytes.compute;
    }
    return shares;
}

} // namespace pyengine
