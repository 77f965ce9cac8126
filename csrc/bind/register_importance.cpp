#include <algorithm>

#include "bind/pybind11.hpp"
#include "engine/importance_collector.hpp"

namespace pyengine {
namespace {

// Name of each weight, how many sums there are of it, and over how many tokens: for each expert.
py::list counts(const ImportanceCollector & collector) {
    py::list table;
    for (const auto & [name, weight] : collector.importance().weights) {
        Int64Array counts(static_cast<py::ssize_t>(weight.counts.size()));
        std::copy(weight.counts.begin(), weight.counts.end(), counts.mutable_data());
        table.append(py::make_tuple(text_of(name), weight.sums.size(), counts));
    }
    return table;
}

py::bytes to_bytes(const ImportanceCollector & collector, std::uint32_t chunk_size,
                   const std::vector<std::string> & datasets,
                   const std::vector<std::pair<std::string, std::string>> & metadata) {
    Importance importance = collector.importance();
    importance.datasets.insert(importance.datasets.end(), datasets.begin(), datasets.end());
    return py::bytes(write_importance(importance, chunk_size, metadata));
}

} // namespace

void register_importance(py::module_ & module) {
    py::class_<ImportanceCollector, std::shared_ptr<ImportanceCollector>>(module,
                                                                          "ImportanceCollector")
        .def(py::init<bool>(), py::kw_only(), py::arg("with_output") = false)
        .def("merge", &ImportanceCollector::merge, py::arg("path"))
        .def("counts", &counts)
        .def("to_bytes", &to_bytes, py::kw_only(), py::arg("chunk_size"), py::arg("datasets"),
             py::arg("metadata"));
}

} // namespace pyengine
