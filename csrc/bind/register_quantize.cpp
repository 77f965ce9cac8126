#include "bind/pybind11.hpp"
#include "engine/quantize.hpp"

namespace pyengine {
namespace {

std::optional<ggml_type> tensor_type(const std::optional<std::string> & name) {
    return name ? std::optional(quantize_tensor_type(*name)) : std::nullopt;
}

template <class T> T setting(const py::kwargs & settings, const char * name) {
    if (!settings.contains(name)) {
        throw py::type_error(std::string("the setting ") + name + " is missing");
    }
    try {
        return settings[name].cast<T>();
    } catch (const py::cast_error &) {
        throw py::type_error(std::string("the setting ") + name + " is of the wrong type");
    }
}

QuantizeOptions options_of(const py::kwargs & settings) {
    QuantizeOptions options;
    options.file_type = quantize_file_type(setting<std::string>(settings, "file_type"));
    options.threads = setting<int>(settings, "threads");
    options.output_type = tensor_type(setting<std::optional<std::string>>(settings, "output_type"));
    options.embedding_type =
        tensor_type(setting<std::optional<std::string>>(settings, "embedding_type"));
    options.pure = setting<bool>(settings, "pure");
    options.allow_requantize = setting<bool>(settings, "allow_requantize");
    options.imatrix = setting<std::string>(settings, "imatrix");
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    for (const auto & [pattern, type] : setting<Pairs>(settings, "overrides")) {
        options.overrides.emplace_back(pattern, quantize_tensor_type(type));
    }
    options.metadata = setting<Pairs>(settings, "metadata");
    return options;
}

py::tuple plan(const std::string & source, const py::kwargs & settings) {
    const QuantizeOptions options = options_of(settings);
    QuantizePlan result;
    {
        const py::gil_scoped_release release;
        result = plan_quantization(source, options);
    }
    py::list tensors;
    for (const PlannedTensor & tensor : result.tensors) {
        const char * wanted = tensor.wanted_type ? ggml_type_name(*tensor.wanted_type) : nullptr;
        tensors.append(py::make_tuple(text_of(tensor.name), py::tuple(py::cast(tensor.shape)),
                                      ggml_type_name(tensor.source_type),
                                      ggml_type_name(tensor.target_type), tensor.target_bytes,
                                      wanted, tensor.needs_importance, tensor.has_importance,
                                      tensor.rules));
    }
    return py::make_tuple(tensors, result.file_bytes, ggml_type_name(base_type(options.file_type)),
                          result.n_importance, result.n_importance_used);
}

void run(const std::string & source, const std::string & target, const py::kwargs & settings) {
    const QuantizeOptions options = options_of(settings);
    const py::gil_scoped_release release;
    quantize(source, target, options);
}

} // namespace

void register_quantize(py::module_ & module) {
    module.def("plan_quantization", &plan, py::arg("source"));
    module.def("quantize", &run, py::arg("source"), py::arg("target"));
}

} // namespace pyengine
