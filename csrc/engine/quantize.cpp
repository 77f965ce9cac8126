#include "engine/quantize.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <unordered_map>
#include <unordered_set>

#include "engine/errors.hpp"
#include "engine/log_sink.hpp"
#include "engine/quantize_plan.hpp"
#include "engine/quantize_source.hpp"
#include "engine/tensor_quantizing.hpp"
#include "engine/threads.hpp"
#include "gguf/imatrix.hpp"

namespace pyengine {
namespace {

std::size_t columns_of(const SourceTensor & tensor) {
    const std::size_t experts =
        tensor.shape.size() > 2 ? static_cast<std::size_t>(tensor.shape[2]) : 1;
    return tensor.shape.empty() ? 1 : static_cast<std::size_t>(tensor.shape[0]) * experts;
}

// Counts the entries of an importance matrix that name a tensor of the source. llama.cpp goes on
// without the others, and fails in the midst of writing on those of another size.
std::size_t count_used(const QuantizeSource & source, const std::string & imatrix,
                       const std::vector<ImportanceEntry> & entries) {
    std::unordered_map<std::string, std::size_t> sizes;
    for (const SourceTensor & tensor : source.tensors) {
        sizes[tensor.name] = columns_of(tensor);
    }
    std::size_t used = 0;
    for (const ImportanceEntry & entry : entries) {
        const auto found = sizes.find(entry.tensor);
        if (found == sizes.end()) {
            continue;
        }
        check_importance(imatrix, source.path, entry, found->second);
        ++used;
    }
    if (used == 0) {
        throw ModelFileError(imatrix, "is of another model than " + source.path + ": none of its " +
                                          std::to_string(entries.size()) +
                                          " entries names a tensor there");
    }
    return used;
}

// The parameters as llama.cpp wants them, with the arrays they point to.
class Parameters {
public:
    Parameters(const QuantizeSource & source, const QuantizeOptions & options) : options_(options) {
        params_.ftype = options.file_type;
        params_.nthread = options.threads;
        params_.pure = options.pure;
        params_.allow_requantize = options.allow_requantize;
        params_.output_tensor_type = options.output_type.value_or(GGML_TYPE_COUNT);
        params_.token_embedding_type = options.embedding_type.value_or(GGML_TYPE_COUNT);
        add_overrides();
        add_metadata();
        add_importance(source);
    }
    Parameters(const Parameters &) = delete;
    Parameters & operator=(const Parameters &) = delete;

    llama_model_quantize_params & get() { return params_; }
    const std::vector<ImportanceEntry> & importance() const { return entries_; }
    std::size_t n_importance_used() const { return n_importance_used_; }
    // Lets llama.cpp choose types as it does with an importance matrix, of which it has nothing.
    void assume_importance() {
        importance_.push_back({nullptr, nullptr, 0});
        params_.imatrix = importance_.data();
    }

private:
    void add_overrides() {
        for (const auto & [pattern, type] : options_.overrides) {
            overrides_.push_back({pattern.c_str(), type});
        }
        overrides_.push_back({nullptr, GGML_TYPE_COUNT});
        params_.tt_overrides = overrides_.data();
    }

    void add_metadata() {
        for (const auto & [key, value] : options_.metadata) {
            llama_model_kv_override pair{};
            pair.tag = LLAMA_KV_OVERRIDE_TYPE_STR;
            std::memcpy(pair.key, key.data(), key.size());
            std::memcpy(pair.val_str, value.data(), value.size());
            metadata_.push_back(pair);
        }
        metadata_.emplace_back(); // an empty key ends the list
        params_.kv_overrides = metadata_.data();
    }

    void add_importance(const QuantizeSource & source) {
        if (options_.imatrix.empty()) {
            return;
        }
        entries_ = read_imatrix(options_.imatrix);
        n_importance_used_ = count_used(source, options_.imatrix, entries_);
        for (const ImportanceEntry & entry : entries_) {
            importance_.push_back({entry.tensor.c_str(), entry.values.data(), entry.values.size()});
        }
        importance_.push_back({nullptr, nullptr, 0});
        params_.imatrix = importance_.data();
    }

    const QuantizeOptions & options_;
    llama_model_quantize_params params_ = llama_model_quantize_default_params();
    std::vector<llama_model_tensor_override> overrides_;
    std::vector<llama_model_kv_override> metadata_;
    std::vector<ImportanceEntry> entries_;
    std::size_t n_importance_used_ = 0;
    std::vector<llama_model_imatrix_data> importance_;
};

void run(const std::string & source, const std::string & target,
         const llama_model_quantize_params & params) {
    const ErrorLines errors;
    if (llama_model_quantize(source.c_str(), target.c_str(), &params) != 0) {
        throw EngineError(source +
                          ": llama.cpp cannot quantize it: " + errors.text("it gave no reason"));
    }
}

QuantizePlan planned(const QuantizeSource & source, const QuantizeOptions & options,
                     Parameters & params) {
    params.get().dry_run = true;
    const LogTranscript transcript;
    try {
        run(source.path, "", params.get());
    } catch (const EngineError &) {
        check_fallbacks(source, transcript.text());
        throw;
    }
    return plan_from_transcript(source, options, transcript.text());
}

void tell_importance(QuantizePlan & plan, const QuantizeOptions & options,
                     const std::vector<ImportanceEntry> & entries) {
    std::unordered_set<std::string> known;
    for (const ImportanceEntry & entry : entries) {
        known.insert(entry.tensor);
    }
    for (PlannedTensor & tensor : plan.tensors) {
        // With a matrix, llama.cpp asks no more of what keeps its type.
        const bool asked = options.imatrix.empty() || tensor.target_type != tensor.source_type;
        tensor.needs_importance =
            asked && needs_importance(tensor.name, tensor.target_type, options.file_type);
        tensor.has_importance = known.count(tensor.name) != 0;
    }
}

} // namespace

QuantizePlan plan_quantization(const std::string & path, const QuantizeOptions & options) {
    const QuantizeSource source = checked_source(path, options);
    Parameters params(source, options);
    QuantizePlan plan = planned(source, options, params);
    tell_importance(plan, options, params.importance());
    const auto needs = [](const PlannedTensor & tensor) { return tensor.needs_importance; };
    if (options.imatrix.empty() && std::any_of(plan.tensors.begin(), plan.tensors.end(), needs)) {
        params.assume_importance();
        plan = planned(source, options, params);
        tell_importance(plan, options, params.importance());
    }
    plan.n_importance = params.importance().size();
    plan.n_importance_used = params.n_importance_used();
    return plan;
}

void quantize(const std::string & path, const std::string & target,
              const QuantizeOptions & options) {
    const QuantizeSource source = checked_source(path, options);
    require_threads(options.threads);
    std::list<BusErrorWatch> watches;
    for (const FileIdentity & file : source.files) {
        watches.emplace_back(file);
    }
    Parameters params(source, options);
    run(path, target, params.get());
    for (const FileIdentity & file : source.files) {
        file.require_unchanged();
    }
}

} // namespace pyengine
