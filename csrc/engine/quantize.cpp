#include "engine/quantize.hpp"

#include <cstring>
#include <list>
#include <regex>
#include <unordered_map>

#include "engine/errors.hpp"
#include "engine/log_sink.hpp"
#include "engine/quantize_plan.hpp"
#include "engine/threads.hpp"
#include "gguf/gguf_check.hpp"
#include "gguf/imatrix.hpp"

namespace pyengine {
namespace {

void check_rows(const GgufFile & file, std::string_view name, ggml_type type) {
    for (const GgufTensor & tensor : file.tensors()) {
        if (tensor.name == name && tensor.shape[0] % ggml_blck_size(type) != 0) {
            throw OptionError(file.path() + ": tensor '" + std::string(name) + "' has rows of " +
                              std::to_string(tensor.shape[0]) + " elements, not whole " +
                              ggml_type_name(type) + " blocks of " +
                              std::to_string(ggml_blck_size(type)));
        }
    }
}

void check_source(const GgufFile & file, const QuantizeOptions & options) {
    if (file.tensors().empty()) {
        throw ModelKindError(file.path() + ": holds a vocabulary only, nothing to quantize");
    }
    if (file.alignment() != GGUF_DEFAULT_ALIGNMENT) {
        file.fail("has a general.alignment of " + std::to_string(file.alignment()) +
                  "; llama.cpp's quantizer writes only " + std::to_string(GGUF_DEFAULT_ALIGNMENT));
    }
    for (const GgufTensor & tensor : file.tensors()) {
        if (ggml_is_quantized(tensor.type) && !options.allow_requantize) {
            throw ModelKindError(file.path() + ": is quantized already (tensor '" +
                                 std::string(tensor.name) + "' is " + ggml_type_name(tensor.type) +
                                 "), and quantizing twice loses more; start from the F16, BF16 "
                                 "or F32 file, or allow requantizing");
        }
    }
    if (options.output_type) {
        check_rows(file, "output.weight", *options.output_type);
    }
    if (options.embedding_type || options.output_type) {
        // Where output.weight is missing the embedding serves as both.
        check_rows(file, "token_embd.weight",
                   options.embedding_type.value_or(options.output_type.value_or(GGML_TYPE_F32)));
    }
}

void check_options(const QuantizeOptions & options) {
    if (options.threads < 1 || static_cast<std::size_t>(options.threads) > max_threads) {
        throw OptionError("threads must be from 1 to " + std::to_string(max_threads) + ", not " +
                          std::to_string(options.threads));
    }
    if (options.file_type == LLAMA_FTYPE_MOSTLY_Q2_K_S && options.imatrix.empty()) {
        throw OptionError("Q2_K_S needs an importance matrix (imatrix); use Q2_K without one");
    }
    for (const auto & [pattern, type] : options.overrides) {
        try {
            const std::regex compiled(pattern);
        } catch (const std::regex_error & error) {
            throw OptionError("'" + pattern + "' is not a regular expression: " + error.what());
        }
    }
    for (const auto & [key, value] : options.metadata) {
        const llama_model_kv_override limits{};
        if (key.empty() || key.size() >= sizeof(limits.key) ||
            value.size() >= sizeof(limits.val_str)) {
            throw OptionError("metadata '" + key + "' is too long to be added");
        }
    }
}

// Counts the entries of an importance matrix that name a tensor of the source. llama.cpp goes on
// without the others, and fails in the midst of writing on those of another size.
std::size_t count_used(const std::string & source, const std::string & imatrix,
                       const std::vector<ImportanceEntry> & entries) {
    std::unordered_map<std::string, std::size_t> sizes;
    for (const FileIdentity & part : check_gguf(source).parts) {
        const GgufFile file(part);
        for (const GgufTensor & tensor : file.tensors()) {
            sizes[std::string(tensor.name)] =
                static_cast<std::size_t>(tensor.shape[0] * tensor.shape[2]);
        }
    }
    std::size_t used = 0;
    for (const ImportanceEntry & entry : entries) {
        const auto found = sizes.find(entry.tensor);
        if (found == sizes.end()) {
            continue;
        }
        if (found->second != entry.values.size()) {
            throw ModelFileError(imatrix, "is of another model than " + source + ": tensor '" +
                                              entry.tensor + "' has " +
                                              std::to_string(found->second) +
                                              " columns there, and the importance of " +
                                              std::to_string(entry.values.size()) + " here");
        }
        ++used;
    }
    if (used == 0) {
        throw ModelFileError(imatrix, "is of another model than " + source + ": none of its " +
                                          std::to_string(entries.size()) +
                                          " entries names a tensor there");
    }
    return used;
}

// The parameters as llama.cpp wants them, with the arrays they point to.
class Parameters {
public:
    Parameters(const std::string & source, const QuantizeOptions & options) : options_(options) {
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
    std::size_t n_importance() const { return entries_.size(); }
    std::size_t n_importance_used() const { return n_importance_used_; }

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

    void add_importance(const std::string & source) {
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

// Returns the files that were checked.
std::vector<FileIdentity> check(const std::string & source, const QuantizeOptions & options) {
    check_options(options);
    std::vector<FileIdentity> files = check_gguf(source).parts;
    for (const FileIdentity & file : files) {
        check_source(GgufFile(file), options);
    }
    return files;
}

void run(const std::string & source, const std::string & target,
         const llama_model_quantize_params & params) {
    const ErrorLines errors;
    if (llama_model_quantize(source.c_str(), target.c_str(), &params) != 0) {
        throw EngineError(source +
                          ": llama.cpp cannot quantize it: " + errors.text("it gave no reason"));
    }
}

} // namespace

QuantizePlan plan_quantization(const std::string & source, const QuantizeOptions & options) {
    check(source, options);
    Parameters params(source, options);
    params.get().dry_run = true;
    const LogTranscript transcript;
    run(source, "", params.get());
    QuantizePlan plan = plan_from_transcript(source, options, transcript.text());
    plan.n_importance = params.n_importance();
    plan.n_importance_used = params.n_importance_used();
    return plan;
}

void quantize(const std::string & source, const std::string & target,
              const QuantizeOptions & options) {
    const std::vector<FileIdentity> files = check(source, options);
    require_threads(options.threads);
    std::list<BusErrorWatch> watches;
    for (const FileIdentity & file : files) {
        watches.emplace_back(file);
    }
    Parameters params(source, options);
    run(source, target, params.get());
    for (const FileIdentity & file : files) {
        file.require_unchanged();
    }
}

} // namespace pyengine
