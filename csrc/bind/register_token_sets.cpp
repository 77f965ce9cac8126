#include "bind/pybind11.hpp"
#include "engine/errors.hpp"
#include "vocab/token_sets.hpp"

namespace pyengine {
namespace {

// Moves a vector into an array that owns it: no copy.
template <typename T>
py::array_t<T> to_array(std::vector<T> && values, std::vector<std::size_t> shape) {
    auto owned = std::make_unique<std::vector<T>>(std::move(values));
    T * data = owned->data();
    const py::capsule owner(owned.release(), [](void * pointer) {
        const std::unique_ptr<std::vector<T>> deleter(static_cast<std::vector<T> *>(pointer));
    });
    return py::array_t<T>(std::vector<py::ssize_t>(shape.begin(), shape.end()), data, owner);
}

py::dict to_dict(TokenSetSummary && summary) {
    const std::size_t rows = summary.n_rows;
    py::dict arrays;
    arrays["log_sum_exp"] = to_array(std::move(summary.log_sum_exp), {rows});
    arrays["entropy"] = to_array(std::move(summary.entropy), {rows});
    arrays["padding_mass"] = to_array(std::move(summary.padding_mass), {rows});
    arrays["top"] = to_array(std::move(summary.top), {rows, summary.n_top});
    arrays["mass"] = to_array(std::move(summary.mass), {rows, summary.n_sets});
    arrays["best_rank"] = to_array(std::move(summary.best_rank), {rows, summary.n_sets});
    arrays["median_rank"] = to_array(std::move(summary.median_rank), {rows, summary.n_sets});
    arrays["log_probability"] =
        to_array(std::move(summary.log_probability), {rows, summary.n_members});
    return arrays;
}

py::dict summarize(const TokenSets & sets, const FloatArray & rows, std::size_t top,
                   std::size_t threads) {
    const bool fits = rows.ndim() == 2 && static_cast<std::size_t>(rows.shape(1)) == sets.n_vocab();
    if (!fits) {
        throw OptionError("logits must have the shape (rows, " + std::to_string(sets.n_vocab()) +
                          ")");
    }
    TokenSetSummary summary;
    const auto n_rows = static_cast<std::size_t>(rows.shape(0));
    const float * data = rows.data();
    {
        const py::gil_scoped_release release;
        summary = sets.summarize(data, n_rows, top, threads);
    }
    return to_dict(std::move(summary));
}

} // namespace

void register_token_sets(py::module_ & module) {
    py::class_<TokenSets>(module, "TokenSets")
        .def(py::init<std::size_t, const std::vector<std::vector<std::int32_t>> &,
                      std::vector<std::int32_t>>(),
             py::arg("n_vocab"), py::arg("sets"), py::kw_only(),
             py::arg("padding") = std::vector<std::int32_t>{})
        .def_property_readonly("n_vocab", on_reference(&TokenSets::n_vocab))
        .def_property_readonly("n_sets", on_reference(&TokenSets::n_sets))
        .def_property_readonly("members",
                               [](const TokenSets & sets) {
                                   return Int32Array(
                                       static_cast<py::ssize_t>(sets.members().size()),
                                       sets.members().data());
                               })
        .def_property_readonly("offsets",
                               [](const TokenSets & sets) {
                                   const std::vector<std::int64_t> offsets(sets.offsets().begin(),
                                                                           sets.offsets().end());
                                   return Int64Array(static_cast<py::ssize_t>(offsets.size()),
                                                     offsets.data());
                               })
        .def("summarize", &summarize, py::arg("logits"), py::kw_only(), py::arg("top") = 0,
             py::arg("threads") = 1);
}

} // namespace pyengine
