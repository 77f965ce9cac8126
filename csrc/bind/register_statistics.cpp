// Python's access to the kernels over rows of logits. Statistics come back as structured arrays,
// one record for each row, with the fields of the C++ structs.
#include "bind/pybind11.hpp"
#include "rows/pair_statistics.hpp"
#include "rows/parallel_rows.hpp"
#include "rows/row_statistics.hpp"

namespace pyengine {

namespace {

struct Rows {
    const float * data;
    std::size_t count;
    std::size_t length;

    explicit Rows(const FloatArray & array) {
        if (array.ndim() != 2)
            throw py::value_error("logits must have the shape (rows, n_vocab)");
        data = array.data();
        count = static_cast<std::size_t>(array.shape(0));
        length = static_cast<std::size_t>(array.shape(1));
        if (length == 0)
            throw py::value_error("logits must have at least one entry in a row");
    }

    const float * row(std::size_t i) const { return data + i * length; }
};

struct Settings {
    Padding padding;
    std::size_t threads;
    const Kernels & kernels;
};

const Kernels & kernels_named(const std::string & name) {
    if (name.empty())
        return best_kernels();
    for (const Kernels * kernels : available_kernels()) {
        if (name == kernels->name)
            return *kernels;
    }
    throw py::value_error("this processor has no kernels named " + name);
}

std::vector<std::int32_t> checked_ids(const Int32Argument & ids, std::size_t n, const char * what,
                                      std::int32_t lowest = 0) {
    if (ids.ndim() != 1)
        throw py::value_error(std::string(what) + " must be one-dimensional");
    std::vector<std::int32_t> result(ids.data(), ids.data() + ids.size());
    for (const std::int32_t id : result) {
        if (id < lowest || id >= static_cast<std::int64_t>(n)) {
            throw py::value_error(std::string(what) + " holds " + std::to_string(id) +
                                  ", outside the vocabulary of " + std::to_string(n) + " entries");
        }
    }
    return result;
}

Settings settings(const Rows & rows, const Int32Argument & padding, int threads,
                  const std::string & kernels) {
    if (threads < 1)
        throw py::value_error("threads must be at least 1");
    Padding checked(checked_ids(padding, rows.length, "padding"), rows.length);
    if (checked.ids().size() == rows.length)
        throw py::value_error("every entry is padding");
    return {std::move(checked), static_cast<std::size_t>(threads), kernels_named(kernels)};
}

// Two blocks of rows and what followed each position.
struct Pairs {
    Rows p;
    Rows q;
    std::vector<std::int32_t> targets;

    Pairs(const FloatArray & rows_p, const FloatArray & rows_q, const Int32Argument & followed)
        : p(rows_p), q(rows_q), targets(checked_ids(followed, p.length, "targets", -1)) {
        if (p.count != q.count || p.length != q.length || targets.size() != p.count) {
            throw py::value_error("both blocks must have one shape, with one target for each row");
        }
    }
};

template <class Record, class Work>
py::array_t<Record> fill(std::size_t n, std::size_t threads, Work work) {
    py::array_t<Record> result(static_cast<py::ssize_t>(n));
    Record * const records = result.mutable_data();
    const py::gil_scoped_release release;
    parallel_rows(n, threads, [&](std::size_t i) { records[i] = work(i); });
    return result;
}

py::array_t<RowStatistics> of_rows(const FloatArray & logits, const Int32Argument & padding,
                                   int threads, const std::string & kernels) {
    const Rows rows(logits);
    const Settings with = settings(rows, padding, threads, kernels);
    return fill<RowStatistics>(rows.count, with.threads, [&](std::size_t i) {
        return row_statistics(rows.row(i), rows.length, with.padding, with.kernels);
    });
}

py::array_t<PairStatistics> of_pairs(const FloatArray & rows_p, const FloatArray & rows_q,
                                     const Int32Argument & targets, const Int32Argument & padding,
                                     int threads, const std::string & kernels) {
    const Pairs pairs(rows_p, rows_q, targets);
    const Settings with = settings(pairs.p, padding, threads, kernels);
    return fill<PairStatistics>(pairs.p.count, with.threads, [&](std::size_t i) {
        return pair_statistics(pairs.p.row(i), pairs.q.row(i), pairs.p.length, pairs.targets[i],
                               with.padding, with.kernels);
    });
}

Int32Array of_top_k(const FloatArray & logits, int k, int threads, const std::string & kernels) {
    const Rows rows(logits);
    if (k < 1)
        throw py::value_error("k must be at least 1");
    const std::size_t width = std::min(static_cast<std::size_t>(k), rows.length);
    const Settings with = settings(rows, Int32Argument(), threads, kernels);
    Int32Array result({rows.count, width});
    std::int32_t * const out = result.mutable_data();
    const py::gil_scoped_release release;
    parallel_rows(rows.count, with.threads, [&](std::size_t i) {
        const auto ids = top_k(rows.row(i), rows.length, width, with.kernels);
        std::copy(ids.begin(), ids.end(), out + i * width);
    });
    return result;
}

Int32Array of_ranks(const FloatArray & logits, const Int32Argument & ids, int threads,
                    const std::string & kernels) {
    const Rows rows(logits);
    const Settings with = settings(rows, Int32Argument(), threads, kernels);
    const std::vector<std::int32_t> wanted = checked_ids(ids, rows.length, "ids");
    Int32Array result({rows.count, wanted.size()});
    std::int32_t * const out = result.mutable_data();
    const py::gil_scoped_release release;
    parallel_rows(rows.count, with.threads, [&](std::size_t i) {
        const auto found = ranks(rows.row(i), rows.length, wanted, with.kernels);
        std::copy(found.begin(), found.end(), out + i * wanted.size());
    });
    return result;
}

} // namespace

void register_statistics(py::module_ & module) {
    PYBIND11_NUMPY_DTYPE(RowStatistics, max, argmax, log_sum_exp, entropy, padding_mass);
    PYBIND11_NUMPY_DTYPE(PairStatistics, kl, kl_reverse, jensen_shannon, total_variation, hellinger,
                         log_sum_exp_p, log_sum_exp_q, entropy_p, entropy_q, log_p_target,
                         log_q_target, top_p, overlap, rank_correlation, padding_mass_p,
                         padding_mass_q, argmax_p, argmax_q, rank_p_target, rank_q_target,
                         above_choice);

    module.def("kernel_names", [] {
        std::vector<std::string> names;
        for (const Kernels * kernels : available_kernels())
            names.emplace_back(kernels->name);
        return names;
    });
    const Int32Array none(0);
    module.def("row_statistics", of_rows, py::arg("rows"), py::kw_only(), py::arg("padding") = none,
               py::arg("threads") = 1, py::arg("kernels") = "");
    module.def("pair_statistics", of_pairs, py::arg("rows_p"), py::arg("rows_q"),
               py::arg("targets"), py::kw_only(), py::arg("padding") = none, py::arg("threads") = 1,
               py::arg("kernels") = "");
    module.def("top_k", of_top_k, py::arg("rows"), py::arg("k"), py::kw_only(),
               py::arg("threads") = 1, py::arg("kernels") = "");
    module.def("ranks", of_ranks, py::arg("rows"), py::arg("ids"), py::kw_only(),
               py::arg("threads") = 1, py::arg("kernels") = "");
}

} // namespace pyengine
