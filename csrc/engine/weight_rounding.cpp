#include "engine/weight_rounding.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <ggml-backend.h>

#include "engine/context.hpp"
#include "engine/errors.hpp"
#include "engine/tensor_quantizing.hpp"

namespace pyengine {
namespace {

// By name; an embedding that is the output layer too may lie on two devices.
using Found = std::map<std::string, std::set<ggml_tensor *>>;

// Collects the weights that a graph reads. They are no nodes of it: their operation is none.
class WeightFinder : public NodeObserver {
public:
    void begin(std::size_t) override {}
    void finish(const std::string &) override {
        if (failure_) {
            std::rethrow_exception(failure_);
        }
    }
    bool observe(ggml_tensor & node, bool) noexcept override {
        try {
            for (ggml_tensor * source : node.src) {
                if (source != nullptr && is_weight(*source)) {
                    found_[source->name].insert(source);
                }
            }
        } catch (...) { // no exception may pass through llama.cpp
            failure_ = std::current_exception();
        }
        return false;
    }
    const Found & found() const { return found_; }

private:
    static bool is_weight(const ggml_tensor & tensor) {
        return tensor.op == GGML_OP_NONE && tensor.buffer != nullptr &&
               ggml_backend_buffer_get_usage(tensor.buffer) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
    }

    Found found_;
    std::exception_ptr failure_;
};

Found find_weights(const std::shared_ptr<Model> & model, int threads, const Interrupt & interrupt) {
    const auto finder = std::make_shared<WeightFinder>();
    ContextOptions options;
    options.n_ctx = options.n_batch = options.n_ubatch = 1;
    options.threads = threads;
    Context context(model, options, finder);
    context.decode({{0, 0, {0}, true}}, interrupt);
    return finder->found();
}

bool is_float(ggml_type type) {
    return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16;
}

void check_weight(const Weight & weight, const Found & found) {
    const std::string named = weight.path + ": tensor '" + weight.name + "' ";
    if (!is_float(weight.type)) {
        throw ModelKindError(named + "is " + ggml_type_name(weight.type) +
                             "; only F32, F16 and BF16 are rounded");
    }
    const auto here = found.find(weight.name);
    if (here == found.end()) {
        throw OptionError(named + "is not read when a token is decoded");
    }
    const std::int64_t n = weight.columns * weight.rows * weight.matrices;
    for (const ggml_tensor * tensor : here->second) {
        if (tensor->type != weight.type || ggml_nelements(tensor) != n ||
            !ggml_is_contiguous(tensor)) {
            throw EngineError(named + "is laid out in another way than in its file");
        }
    }
}

void round_weight(const Weight & weight, ggml_type type, const std::set<ggml_tensor *> & places,
                  int threads, const Interrupt & interrupt) {
    const std::vector<std::uint8_t> bytes = quantized(weight, type, threads, interrupt);
    const auto * rounded = reinterpret_cast<const char *>(bytes.data());
    const std::int64_t rows = weight.rows * weight.matrices;
    const std::int64_t most = std::max<std::int64_t>(1, (1 << 20) / weight.columns);
    const std::size_t row_bytes = ggml_row_size(type, weight.columns);
    const std::size_t own_row_bytes = ggml_row_size(weight.type, weight.columns);
    std::vector<float> floats(static_cast<std::size_t>(std::min(most, rows) * weight.columns));
    std::vector<char> own(static_cast<std::size_t>(std::min(most, rows)) * own_row_bytes);
    for (std::int64_t first = 0; first < rows; first += most) {
        const std::int64_t count = std::min(most, rows - first);
        const auto begin = static_cast<std::size_t>(first);
        to_floats(type, rounded + begin * row_bytes, count * weight.columns, floats.data());
        ggml_quantize_chunk(weight.type, floats.data(), own.data(), 0, count, weight.columns,
                            nullptr);
        for (ggml_tensor * tensor : places) {
            ggml_backend_tensor_set(tensor, own.data(), begin * own_row_bytes,
                                    static_cast<std::size_t>(count) * own_row_bytes);
        }
    }
}

} // namespace

std::vector<std::string> used_weights(const std::shared_ptr<Model> & model, int threads,
                                      const Interrupt & interrupt) {
    std::vector<std::string> names;
    for (const auto & [name, tensors] : find_weights(model, threads, interrupt)) {
        names.push_back(name);
    }
    return names;
}

void round_weights(const std::shared_ptr<Model> & model,
                   const std::vector<std::pair<std::string, ggml_type>> & types,
                   const std::string & imatrix, int threads, const Interrupt & interrupt) {
    if (model->options().use_mmap) {
        throw OptionError(model->path() + ": is mapped, and cannot be changed; open it without");
    }
    const Found found = find_weights(model, threads, interrupt);
    const Weights weights(model->path(), imatrix);
    model->require_unchanged(); // the model that is open is the one that is read again
    for (const auto & [name, type] : types) {
        check_weight(weights.find(name), found);
    }
    for (const auto & [name, type] : types) {
        round_weight(weights.find(name), type, found.at(name), threads, interrupt);
    }
    weights.require_unchanged();
}

} // namespace pyengine
