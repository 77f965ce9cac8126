#include "bind/pybind11.hpp"
#include "engine/quantize.hpp"
#include "engine/tensor_quantizing.hpp"

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

// Works on one tensor; files that changed meanwhile are told.
template <class Work>
auto on_weight(const std::string & path, const std::string & name, const std::string & imatrix,
               const Work & work) {
    SignalCheck signals;
    std::invoke_result_t<Work, const Weight &, const Interrupt &> result;
    run_interruptibly(signals, [&] {
        const Weights weights(path, imatrix);
        result = work(weights.find(name), signals.interrupt());
        weights.require_unchanged();
    });
    return result;
}

ByteArray quantized_tensor(const std::string & path, const std::string & name,
                           const std::string & type, const std::string & imatrix, int threads) {
    const ggml_type kind = quantize_tensor_type(type);
    const auto bytes =
        on_weight(path, name, imatrix, [&](const Weight & weight, const Interrupt & interrupt) {
            return quantized(weight, kind, threads, interrupt);
        });
    return ByteArray(static_cast<py::ssize_t>(bytes.size()), bytes.data());
}

py::tuple weight_errors(const std::string & path, const std::string & name,
                        const std::vector<std::string> & types, const std::string & imatrix,
                        std::int64_t rows, int threads) {
    std::vector<ggml_type> kinds;
    for (const std::string & type : types) {
        kinds.push_back(quantize_tensor_type(type));
    }
    const RoundingErrors errors =
        on_weight(path, name, imatrix, [&](const Weight & weight, const Interrupt & interrupt) {
            return rounding_errors(weight, kinds, rows, threads, interrupt);
        });
    return py::make_tuple(errors.squares, errors.own);
}

// Bytes that differ, then sums of squares.
py::tuple compare(const Weights & weights, const std::string & name, const Weights & other,
                  int threads) {
    SignalCheck signals;
    TensorDifference found;
    run_interruptibly(signals, [&] {
        found = compare_rounded(weights.find(name), other.find(name), threads, signals.interrupt());
        weights.require_unchanged();
        other.require_unchanged();
    });
    return py::make_tuple(found.n_bytes, found.own, found.rounding, found.other, found.between);
}

} // namespace

void register_quantize(py::module_ & module) {
    module.def("plan_quantization", &plan, py::arg("source"));
    module.def("quantize", &run, py::arg("source"), py::arg("target"));
    py::class_<Weights>(module, "Weights")
        .def(py::init<const std::string &, const std::string &>(), py::arg("path"),
             py::arg("imatrix") = "", py::call_guard<py::gil_scoped_release>())
        .def("compare", &compare, py::arg("name"), py::arg("weights"), py::arg("threads") = 1);
    module.def("quantized_tensor", &quantized_tensor, py::arg("path"), py::arg("name"),
               py::arg("tensor_type"), py::arg("imatrix") = "", py::arg("threads") = 1);
    module.def("weight_errors", &weight_errors, py::arg("path"), py::arg("name"),
               py::arg("tensor_types"), py::arg("imatrix") = "", py::arg("rows") = 0,
               py::arg("threads") = 1);
}

} // namespace pyengine
