#include <string>

#include "bind/pybind11.hpp"
#include "engine/context.hpp"
#include "engine/errors.hpp"
#include "engine/sampler.hpp"

namespace pyengine {
namespace {

void check_rows(const Context & context, const std::vector<Sampler *> & samplers,
                const Int32Argument & rows, std::int32_t n_tokens) {
    if (static_cast<std::size_t>(rows.size()) != samplers.size()) {
        throw OptionError("rows and samplers differ in length");
    }
    if (n_tokens < 1 || n_tokens > context.n_vocab()) {
        throw OptionError("n_tokens must be from 1 to " + std::to_string(context.n_vocab()) +
                          ", not " + std::to_string(n_tokens));
    }
    for (const Sampler * sampler : samplers) {
        if (sampler == nullptr) {
            throw py::type_error("samplers holds None in place of a Sampler");
        }
    }
    for (py::ssize_t i = 0; i < rows.size(); ++i) {
        const std::int32_t row = rows.data()[i];
        if (row < 0 || static_cast<std::size_t>(row) >= context.n_rows()) {
            throw OptionError("row " + std::to_string(row) + " is outside the " +
                              std::to_string(context.n_rows()) + " rows of the last decode");
        }
    }
}

py::tuple sample_rows(const Context & context, const std::vector<Sampler *> & samplers,
                      const Int32Argument & rows, std::int32_t n_tokens) {
    check_rows(context, samplers, rows, n_tokens);
    py::array_t<std::int32_t> ids(rows.size());
    py::array_t<double> log_probabilities(rows.size());
    std::int32_t * id = ids.mutable_data();
    double * log_probability = log_probabilities.mutable_data();
    const std::int32_t * row = rows.data();
    {
        const py::gil_scoped_release release;
        const auto n_vocab = static_cast<std::size_t>(context.n_vocab());
        for (std::size_t i = 0; i < samplers.size(); ++i) {
            const float * logits = context.logits() + static_cast<std::size_t>(row[i]) * n_vocab;
            const SampledToken token = samplers[i]->sample(logits, n_tokens);
            id[i] = token.id;
            log_probability[i] = token.log_probability;
        }
    }
    return py::make_tuple(ids, log_probabilities);
}

} // namespace

void register_sampler(py::module_ & module) {
    py::class_<Sampler>(module, "Sampler")
        .def(py::init([](float temperature, std::int32_t top_k, float top_p, float min_p,
                         std::uint32_t seed) {
                 return Sampler({temperature, top_k, top_p, min_p, seed});
             }),
             py::kw_only(), py::arg("temperature") = 0.0F, py::arg("top_k") = 0,
             py::arg("top_p") = 1.0F, py::arg("min_p") = 0.0F, py::arg("seed") = 0U);
    module.def("sample_rows", &sample_rows, py::arg("context").none(false), py::arg("samplers"),
               py::arg("rows"), py::arg("n_tokens"));
}

} // namespace pyengine
