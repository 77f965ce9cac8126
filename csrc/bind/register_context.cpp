#include "bind/pybind11.hpp"
#include "engine/context.hpp"
#include "engine/errors.hpp"
#include "engine/importance_collector.hpp"
#include "engine/memory.hpp"

namespace pyengine {
namespace {

llama_flash_attn_type flash_attention_type(const std::string & name) {
    if (name == "auto") {
        return LLAMA_FLASH_ATTN_TYPE_AUTO;
    }
    if (name == "on") {
        return LLAMA_FLASH_ATTN_TYPE_ENABLED;
    }
    if (name == "off") {
        return LLAMA_FLASH_ATTN_TYPE_DISABLED;
    }
    throw OptionError("flash_attention must be auto, on or off, not " + name);
}

// Types in which llama.cpp's programs keep an attention cache.
ggml_type cache_type(const std::string & name) {
    for (const ggml_type type :
         {GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_F32, GGML_TYPE_Q8_0, GGML_TYPE_Q5_1,
          GGML_TYPE_Q5_0, GGML_TYPE_Q4_1, GGML_TYPE_Q4_0, GGML_TYPE_IQ4_NL}) {
        if (name == ggml_type_name(type)) {
            return type;
        }
    }
    throw OptionError("no attention cache is kept as " + name);
}

std::vector<BatchToken> batch_tokens(const Int32Argument & ids, const Int32Argument & positions,
                                     const std::vector<std::vector<llama_seq_id>> & sequences,
                                     const BoolArray & outputs) {
    const py::ssize_t n = ids.size();
    if (positions.size() != n || outputs.size() != n ||
        sequences.size() != static_cast<std::size_t>(n)) {
        throw OptionError("ids, positions, sequences and outputs differ in length");
    }
    std::vector<BatchToken> tokens;
    tokens.reserve(static_cast<std::size_t>(n));
    for (py::ssize_t i = 0; i < n; ++i) {
        tokens.push_back({ids.data()[i], positions.data()[i],
                          sequences[static_cast<std::size_t>(i)], outputs.data()[i]});
    }
    return tokens;
}

// A read-only view of the context's own buffer, which the next decode overwrites.
py::array logits_view(const py::object & self) {
    if (!py::isinstance<Context>(self)) {
        throw py::type_error("logits is a property of a Context");
    }
    const auto & context = self.cast<const Context &>();
    const auto rows = static_cast<py::ssize_t>(context.n_rows());
    const auto columns = static_cast<py::ssize_t>(context.n_vocab());
    py::array view = rows == 0
                         ? py::array(py::array_t<float>({rows, columns}))
                         : py::array(py::array_t<float>({rows, columns}, context.logits(), self));
    view.attr("flags").attr("writeable") = false;
    return view;
}

// What each device holds: name, whether it is the CPU's memory, bytes of weights, of the memory of
// tokens and of the buffers of a computation.
std::vector<std::tuple<std::string, bool, std::uint64_t, std::uint64_t, std::uint64_t>>
memory_table(const Context & context) {
    std::vector<std::tuple<std::string, bool, std::uint64_t, std::uint64_t, std::uint64_t>> table;
    for (const MemoryShare & share : memory_shares(context)) {
        table.emplace_back(share.device, share.on_host, share.weights, share.cache, share.compute);
    }
    return table;
}

} // namespace

void register_context(py::module_ & module) {
    py::class_<Context, std::shared_ptr<Context>>(module, "Context")
        .def(py::init([](std::shared_ptr<Model> model, std::uint32_t n_ctx, std::uint32_t n_batch,
                         std::uint32_t n_ubatch, std::uint32_t n_seq_max,
                         std::uint32_t n_outputs_max, int threads,
                         const std::string & flash_attention, bool offload_kqv,
                         const std::string & k_type, const std::string & v_type,
                         float rope_freq_base, float rope_freq_scale, bool full_windows,
                         bool kv_unified, std::shared_ptr<ImportanceCollector> collector) {
                 ContextOptions options;
                 options.n_ctx = n_ctx;
                 options.n_batch = n_batch;
                 options.n_ubatch = n_ubatch;
                 options.n_seq_max = n_seq_max;
                 options.n_outputs_max = n_outputs_max;
                 options.threads = threads;
                 options.flash_attention = flash_attention_type(flash_attention);
                 options.offload_kqv = offload_kqv;
                 options.k_type = cache_type(k_type);
                 options.v_type = cache_type(v_type);
                 options.rope_freq_base = rope_freq_base;
                 options.rope_freq_scale = rope_freq_scale;
                 options.full_windows = full_windows;
                 options.kv_unified = kv_unified;
                 const py::gil_scoped_release release;
                 return std::make_shared<Context>(std::move(model), options, std::move(collector));
             }),
             py::arg("model").none(false), py::kw_only(), py::arg("n_ctx"), py::arg("n_batch"),
             py::arg("n_ubatch"), py::arg("n_seq_max"), py::arg("n_outputs_max"),
             py::arg("threads"), py::arg("flash_attention") = "auto", py::arg("offload_kqv") = true,
             py::arg("k_type") = "f16", py::arg("v_type") = "f16", py::arg("rope_freq_base") = 0.0F,
             py::arg("rope_freq_scale") = 0.0F, py::arg("full_windows") = true,
             py::arg("kv_unified") = true, py::arg("collector") = nullptr)
        .def_property_readonly("n_ctx", on_reference(&Context::n_ctx))
        .def_property_readonly("n_batch", on_reference(&Context::n_batch))
        .def_property_readonly("n_ubatch", on_reference(&Context::n_ubatch))
        .def_property_readonly("n_seq_max", [](const Context & c) { return c.options().n_seq_max; })
        .def_property_readonly("n_outputs_max",
                               [](const Context & c) { return c.options().n_outputs_max; })
        .def_property_readonly("threads", [](const Context & c) { return c.options().threads; })
        .def(
            "decode",
            [](Context & context, const Int32Argument & ids, const Int32Argument & positions,
               const std::vector<std::vector<llama_seq_id>> & sequences,
               const BoolArray & outputs) {
                const auto tokens = batch_tokens(ids, positions, sequences, outputs);
                SignalCheck signals;
                run_interruptibly(signals, [&] { context.decode(tokens, signals.interrupt()); });
            },
            py::arg("ids"), py::arg("positions"), py::arg("sequences"), py::arg("outputs"))
        .def_property_readonly("logits", &logits_view)
        .def_property_readonly("memory", &memory_table)
        .def("clear", on_reference(&Context::clear))
        .def("take_over", &Context::take_over, py::arg("source"), py::arg("target"),
             py::arg("length"));
}

} // namespace pyengine
