#include <algorithm>

#include "bind/pybind11.hpp"
#include "gguf/gguf_check.hpp"

namespace pyengine {
namespace {

py::list tensor_table(const std::string & path) {
    py::list table;
    for (const FileIdentity & part : check_gguf(path, false).parts) {
        const GgufFile file(part);
        for (const GgufTensor & tensor : file.tensors()) {
            py::tuple shape(tensor.n_dims);
            for (std::uint32_t i = 0; i < tensor.n_dims; ++i) {
                shape[i] = tensor.shape[i];
            }
            table.append(py::make_tuple(text_of(tensor.name), ggml_type_name(tensor.type), shape,
                                        tensor.size));
        }
    }
    return table;
}

// Name and bytes of each tensor of one dimension and type F32.
py::list float_vectors(const std::string & path) {
    py::list vectors;
    for (const FileIdentity & part : check_gguf(path, false).parts) {
        const GgufFile file(part);
        for (const GgufTensor & tensor : file.tensors()) {
            if (tensor.n_dims == 1 && tensor.type == GGML_TYPE_F32) {
                const std::string_view data = file.data(tensor);
                vectors.append(
                    py::make_tuple(text_of(tensor.name), py::bytes(data.data(), data.size())));
            }
        }
    }
    return vectors;
}

// The number of tensors, and the texts and whole numbers of the metadata; weights may be missing.
py::tuple head(const std::string & path) {
    std::optional<GgufFile> file;
    {
        const py::gil_scoped_release release;
        file.emplace(path, GgufReach::metadata);
    }
    py::dict values;
    file->for_each([&](std::string_view key, const GgufValue &) {
        if (const auto text = file->string(key)) {
            values[text_of(key)] = text_of(*text);
        } else if (const auto number = file->whole_number(key)) {
            values[text_of(key)] = *number;
        }
    });
    return py::make_tuple(file->n_tensors(), values);
}

// Of each key: the type of the value or of its elements, how many there are of an array, and the
// bytes.
py::dict metadata(const std::string & path) {
    const GgufFile file(path, GgufReach::metadata);
    py::dict values;
    file.for_each([&](std::string_view key, const GgufValue & value) {
        values[text_of(key)] = py::make_tuple(gguf_type_name(value.type),
                                              value.is_array ? py::cast(value.count) : py::none(),
                                              py::bytes(value.bytes.data(), value.bytes.size()));
    });
    return values;
}

// Bytes that a file has once it is whole; its weights may be missing.
std::uint64_t extent(const std::string & path) {
    return GgufFile(path, GgufReach::table).needed_size();
}

py::object string_value(const std::string & path, const std::string & key) {
    const GgufFile file(path);
    const auto value = file.string(key);
    return value ? py::object(text_of(*value)) : py::none();
}

Int32Array int32_list(const std::string & path, const std::string & key) {
    const GgufFile file(path);
    const std::vector<std::uint32_t> values = file.uint32_list(key);
    Int32Array result(static_cast<py::ssize_t>(values.size()));
    std::copy(values.begin(), values.end(), result.mutable_data());
    return result;
}

// By the name of each type, how many elements a block holds and how many bytes it takes.
py::dict tensor_types() {
    py::dict types;
    for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
        const auto type = static_cast<ggml_type>(i);
        if (ggml_type_size(type) > 0) { // others were given up
            types[ggml_type_name(type)] =
                py::make_tuple(ggml_blck_size(type), ggml_type_size(type));
        }
    }
    return types;
}

} // namespace

void register_gguf(py::module_ & module) {
    py::class_<GgufSummary>(module, "GgufSummary")
        .def_property_readonly("parts",
                               [](const GgufSummary & file) {
                                   std::vector<std::string> paths;
                                   for (const FileIdentity & part : file.parts) {
                                       paths.push_back(part.path);
                                   }
                                   return paths;
                               })
        .def_readonly("version", &GgufSummary::version)
        .def_property_readonly("architecture",
                               [](const GgufSummary & file) { return text_of(file.architecture); })
        .def_readonly("n_metadata", &GgufSummary::n_metadata)
        .def_readonly("n_tensors", &GgufSummary::n_tensors)
        .def_readonly("n_bytes", &GgufSummary::n_bytes)
        .def_readonly("n_vocab", &GgufSummary::n_vocab)
        .def_readonly("n_positions", &GgufSummary::n_positions)
        .def_readonly("reviewed", &GgufSummary::reviewed)
        .def_readonly("tokenizer_reviewed", &GgufSummary::tokenizer_reviewed);
    module.def("check_gguf", py::overload_cast<const std::string &, bool>(&check_gguf),
               py::arg("path"), py::kw_only(), py::arg("vocabulary") = true,
               py::call_guard<py::gil_scoped_release>());
    module.def("gguf_head", &head, py::arg("path"));
    module.def("gguf_metadata", &metadata, py::arg("path"));
    module.def("gguf_extent", &extent, py::arg("path"));
    module.def("gguf_tensors", &tensor_table, py::arg("path"));
    module.def("gguf_float_vectors", &float_vectors, py::arg("path"));
    module.def("gguf_int32_list", &int32_list, py::arg("path"), py::arg("key"));
    module.def("tensor_types", &tensor_types);
    module.def("gguf_string", &string_value, py::arg("path"), py::arg("key"));
}

} // namespace pyengine
