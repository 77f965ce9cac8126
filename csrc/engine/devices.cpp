#include "engine/devices.hpp"

#include <mutex>
#include <set>

#include "engine/errors.hpp"

namespace pyengine {
namespace {

std::string kind_of(ggml_backend_dev_t device) {
    switch (ggml_backend_dev_type(device)) {
    case GGML_BACKEND_DEVICE_TYPE_CPU:
        return "cpu";
    case GGML_BACKEND_DEVICE_TYPE_GPU:
        return "gpu";
    case GGML_BACKEND_DEVICE_TYPE_IGPU:
        return "integrated gpu";
    default: // what computes beside the CPU in its memory, such as a BLAS library
        return "accelerator";
    }
}

bool is_gpu(ggml_backend_dev_t device) {
    const std::string kind = kind_of(device);
    return kind == "gpu" || kind == "integrated gpu";
}

// Only a GPU is asked: its driver wakes up for that, which costs time and memory.
std::string id_of(ggml_backend_dev_t device) {
    if (!is_gpu(device)) {
        return {};
    }
    ggml_backend_dev_props properties{};
    ggml_backend_dev_get_props(device, &properties);
    return properties.device_id == nullptr ? std::string() : properties.device_id;
}

} // namespace

std::vector<Device> offered_devices() {
    std::vector<Device> devices;
    for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        const ggml_backend_dev_t device = ggml_backend_dev_get(i);
        devices.push_back({ggml_backend_dev_name(device), kind_of(device), id_of(device)});
    }
    return devices;
}

std::vector<ggml_backend_dev_t> find_gpus(const std::vector<std::string> & names) {
    std::vector<ggml_backend_dev_t> devices;
    for (const std::string & name : names) {
        const ggml_backend_dev_t device = ggml_backend_dev_by_name(name.c_str());
        if (device == nullptr || !is_gpu(device)) {
            throw OptionError("this llama.cpp has no GPU called " + name);
        }
        devices.push_back(device);
    }
    devices.push_back(nullptr);
    return devices;
}

void add_rpc_server(const std::string & address) {
    using AddServer = ggml_backend_reg_t (*)(const char *);
    ggml_backend_reg_t backend = ggml_backend_reg_by_name("RPC");
    const auto add = backend == nullptr
                         ? nullptr
                         : reinterpret_cast<AddServer>(ggml_backend_reg_get_proc_address(
                               backend, "ggml_backend_rpc_add_server"));
    if (add == nullptr) {
        throw OptionError("this build of llama.cpp computes on no other machine: it has no RPC "
                          "backend");
    }
    static std::mutex one_at_a_time;
    static std::set<std::string> known;
    const std::lock_guard<std::mutex> lock(one_at_a_time);
    if (known.count(address) > 0) {
        return;
    }
    ggml_backend_reg_t server = add(address.c_str());
    if (server == nullptr || ggml_backend_reg_dev_count(server) == 0) {
        throw OptionError(address + ": no RPC server of llama.cpp answers there");
    }
    ggml_backend_register(server);
    known.insert(address);
}

} // namespace pyengine
