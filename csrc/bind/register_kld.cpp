// Python's access to the rows of llama-perplexity's base files.
#include "bind/pybind11.hpp"
#include "rows/kld_rows.hpp"
#include "rows/parallel_rows.hpp"

namespace pyengine {

namespace {

using WordArray = py::array_t<std::uint16_t, py::array::c_style | py::array::forcecast>;

std::size_t check(const FloatArray & logits, const Int32Argument & targets, int threads) {
    if (logits.ndim() != 2 || logits.shape(1) == 0 || targets.ndim() != 1 ||
        targets.shape(0) != logits.shape(0)) {
        throw py::value_error("needs logits of the shape (rows, n_vocab) and one target a row");
    }
    if (threads < 1)
        throw py::value_error("threads must be at least 1");
    for (py::ssize_t i = 0; i < targets.shape(0); ++i) {
        if (targets.at(i) < 0 || targets.at(i) >= logits.shape(1)) {
            throw py::value_error("a target lies outside the vocabulary");
        }
    }
    return static_cast<std::size_t>(logits.shape(1));
}

py::tuple encode(const FloatArray & logits, const Int32Argument & targets, int threads) {
    const std::size_t n_vocab = check(logits, targets, threads);
    const auto count = static_cast<std::size_t>(logits.shape(0));
    const std::size_t width = kld_row_words(n_vocab);
    WordArray rows({count, width});
    py::array_t<float> nll(static_cast<py::ssize_t>(count));
    const float * const in = logits.data();
    const std::int32_t * const target = targets.data();
    std::uint16_t * const out = rows.mutable_data();
    float * const loss = nll.mutable_data();
    {
        const py::gil_scoped_release release;
        parallel_rows(count, static_cast<std::size_t>(threads), [&](std::size_t i) {
            loss[i] = encode_kld_row(in + i * n_vocab, n_vocab, target[i], out + i * width);
        });
    }
    return py::make_tuple(rows, nll);
}

py::array_t<KldRow> compare(const FloatArray & logits, const Int32Argument & targets,
                            const WordArray & rows, int threads) {
    const std::size_t n_vocab = check(logits, targets, threads);
    const std::size_t width = kld_row_words(n_vocab);
    if (rows.ndim() != 2 || rows.shape(0) != logits.shape(0) ||
        static_cast<std::size_t>(rows.shape(1)) != width) {
        throw py::value_error("the coded rows do not fit the logits");
    }
    py::array_t<KldRow> result(logits.shape(0));
    const auto count = static_cast<std::size_t>(logits.shape(0));
    const float * const in = logits.data();
    const std::int32_t * const target = targets.data();
    const std::uint16_t * const coded = rows.data();
    KldRow * const out = result.mutable_data();
    const py::gil_scoped_release release;
    parallel_rows(count, static_cast<std::size_t>(threads), [&](std::size_t i) {
        out[i] = compare_kld_row(in + i * n_vocab, n_vocab, target[i], coded + i * width);
    });
    return result;
}

} // namespace

void register_kld(py::module_ & module) {
    PYBIND11_NUMPY_DTYPE(KldRow, nll, nll_base, kld, p_diff, same_top);
    module.def("encode_kld_rows", encode, py::arg("logits"), py::arg("targets"), py::kw_only(),
               py::arg("threads") = 1);
    module.def("compare_kld_rows", compare, py::arg("logits"), py::arg("targets"), py::arg("rows"),
               py::kw_only(), py::arg("threads") = 1);
}

} // namespace pyengine
