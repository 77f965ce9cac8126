// The devices that the llama.cpp build offers, and those of them that a model may be put on.
#pragma once

#include <string>
#include <vector>

#include <ggml-backend.h>

namespace pyengine {

struct Device {
    std::string name;
    std::string kind; // "cpu", "gpu", "integrated gpu" or "accelerator"
    std::string id;   // of the hardware, such as its PCI address; empty where it is not known
};

std::vector<Device> offered_devices();

// The devices of these names and a null pointer behind them, as llama.cpp wants the list. Throws
// OptionError for a name that is no GPU's.
std::vector<ggml_backend_dev_t> find_gpus(const std::vector<std::string> & names);

// Makes the devices of a llama.cpp RPC server devices of this process, where they are not yet.
// Throws OptionError where this build has no such backend, or nobody answers.
void add_rpc_server(const std::string & address);

} // namespace pyengine
