#include "bind/pybind11.hpp"
#include "engine/devices.hpp"
#include "engine/model.hpp"
#include "engine/quantize.hpp"
#include "engine/weight_rounding.hpp"

namespace pyengine {
namespace {

// Calls Python with the progress, and looks for Ctrl-C, at most every 50 ms.
LoadProgress load_progress(SignalCheck & signals, const py::object & callback) {
    auto last = std::make_shared<std::chrono::steady_clock::time_point>();
    return [&signals, &callback, last](float fraction) {
        const auto now = std::chrono::steady_clock::now();
        if (fraction < 1.0F && now - *last < std::chrono::milliseconds(50)) {
            return true;
        }
        *last = now;
        if (signals.interrupt()()) {
            return false;
        }
        const py::gil_scoped_acquire gil;
        try {
            if (!callback.is_none()) {
                callback(fraction);
            }
        } catch (const py::error_already_set & error) {
            return signals.keep(error);
        }
        return true;
    };
}

std::shared_ptr<Model> open_model(const std::string & path, const ModelOptions & options,
                                  const py::object & progress) {
    SignalCheck signals;
    std::shared_ptr<Model> model;
    const LoadProgress on_progress = load_progress(signals, progress);
    run_interruptibly(signals,
                      [&] { model = std::make_shared<Model>(path, options, on_progress); });
    return model;
}

void require_model(const std::shared_ptr<Model> & model) {
    if (!model) {
        throw py::type_error("self is no Model");
    }
}

std::vector<std::string> names_of_used(const std::shared_ptr<Model> & model, int threads) {
    require_model(model);
    SignalCheck signals;
    std::vector<std::string> names;
    run_interruptibly(signals, [&] { names = used_weights(model, threads, signals.interrupt()); });
    return names;
}

void round_to(const std::shared_ptr<Model> & model,
              const std::vector<std::pair<std::string, std::string>> & types,
              const std::string & imatrix, int threads) {
    require_model(model);
    std::vector<std::pair<std::string, ggml_type>> kinds;
    for (const auto & [name, type] : types) {
        kinds.emplace_back(name, quantize_tensor_type(type));
    }
    SignalCheck signals;
    run_interruptibly(signals,
                      [&] { round_weights(model, kinds, imatrix, threads, signals.interrupt()); });
}

} // namespace

void register_model(py::module_ & module) {
    py::class_<Device>(module, "Device")
        .def(py::init<std::string, std::string, std::string>(), py::arg("name"), py::arg("kind"),
             py::arg("id"))
        .def_readonly("name", &Device::name)
        .def_readonly("kind", &Device::kind)
        .def_readonly("id", &Device::id);
    module.def("offered_devices", &offered_devices);
    module.def("add_rpc_server", &add_rpc_server, py::arg("address"),
               py::call_guard<py::gil_scoped_release>());
    py::class_<Model, std::shared_ptr<Model>>(module, "Model")
        .def(py::init([](const std::string & path, int n_gpu_layers,
                         const std::vector<std::string> & gpus, bool use_mmap, bool use_extra_bufts,
                         bool vocabulary_only, bool skip_vocabulary, bool no_alloc,
                         const std::vector<std::pair<std::string, float>> & adapters,
                         const py::object & progress) {
                 ModelOptions options;
                 for (const auto & [file, scale] : adapters) {
                     options.adapters.push_back({file, scale});
                 }
                 options.n_gpu_layers = n_gpu_layers;
                 options.gpus = gpus;
                 options.use_mmap = use_mmap;
                 options.use_extra_bufts = use_extra_bufts;
                 options.vocabulary_only = vocabulary_only;
                 options.skip_vocabulary = skip_vocabulary;
                 options.no_alloc = no_alloc;
                 return open_model(path, options, progress);
             }),
             py::arg("path"), py::kw_only(), py::arg("n_gpu_layers") = 0,
             py::arg("gpus") = py::list(), py::arg("use_mmap") = true,
             py::arg("use_extra_bufts") = false, py::arg("vocabulary_only") = false,
             py::arg("skip_vocabulary") = false, py::arg("no_alloc") = false,
             py::arg("adapters") = py::list(), py::arg("progress") = py::none())
        .def_property_readonly("path", on_reference(&Model::path))
        .def("require_unchanged", on_reference(&Model::require_unchanged))
        .def_property_readonly("vocabulary", on_reference(&Model::vocabulary))
        .def_property_readonly("has_weights", on_reference(&Model::has_weights))
        .def_property_readonly("n_vocab", on_reference(&Model::n_vocab))
        .def_property_readonly("n_embd", on_reference(&Model::n_embd))
        .def_property_readonly("n_layer", on_reference(&Model::n_layer))
        .def_property_readonly("n_head", on_reference(&Model::n_head))
        .def_property_readonly("n_head_kv", on_reference(&Model::n_head_kv))
        .def_property_readonly("n_ctx_train", on_reference(&Model::n_ctx_train))
        .def_property_readonly("n_positions", on_reference(&Model::n_positions))
        .def_property_readonly("longest_context", on_reference(&Model::longest_context))
        .def_property_readonly("n_params", on_reference(&Model::n_params))
        .def_property_readonly("n_bytes", on_reference(&Model::n_bytes))
        .def_property_readonly("file_type", on_reference(&Model::file_type))
        .def_property_readonly("description",
                               [](const Model & model) { return text_of(model.description()); })
        .def_property_readonly("is_recurrent", on_reference(&Model::is_recurrent))
        .def_property_readonly("is_hybrid", on_reference(&Model::is_hybrid))
        .def_property_readonly("has_encoder", on_reference(&Model::has_encoder))
        .def_property_readonly("has_decoder", on_reference(&Model::has_decoder))
        .def_property_readonly("has_causal_attention", on_reference(&Model::has_causal_attention))
        .def_property_readonly("is_diffusion", on_reference(&Model::is_diffusion))
        .def_property_readonly("chat_template",
                               [](const Model & model) -> py::object {
                                   const auto text = model.chat_template();
                                   return text ? py::object(text_of(*text)) : py::none();
                               })
        .def("used_weights", &names_of_used, py::kw_only(), py::arg("threads") = 1)
        .def("round_weights", &round_to, py::arg("types"), py::kw_only(), py::arg("imatrix") = "",
             py::arg("threads") = 1)
        .def("metadata", [](const Model & model) {
            // A damaged file may hold text that is not UTF-8: bytes never fail to convert.
            py::list pairs;
            for (const auto & [key, value] : model.metadata()) {
                pairs.append(py::make_tuple(py::bytes(key), py::bytes(value)));
            }
            return pairs;
        });
}

} // namespace pyengine
