#include <llama.h>

#include "bind/pybind11.hpp"
#include "engine/log_sink.hpp"

namespace pyengine {

void register_log(py::module_ & module) {
    module.def("drain_log", [] {
        py::list lines;
        for (const auto & [level, line] : drain_log()) {
            lines.append(py::make_tuple(level, text_of(line)));
        }
        return lines;
    });
    module.def("llama_version", [] { return std::string(llama_version()); });
    module.def("system_info", [] { return std::string(llama_print_system_info()); });
    module.def("supports_gpu_offload", &llama_supports_gpu_offload);
    module.def("supports_mmap", &llama_supports_mmap);
}

} // namespace pyengine
