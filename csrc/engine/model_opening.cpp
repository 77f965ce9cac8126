// How a model file is opened: with its tokenizer or without, and what can go wrong.
#include "engine/model.hpp"

#include <array>
#include <cstring>

#include "engine/devices.hpp"
#include "engine/errors.hpp"
#include "engine/huge_pages.hpp"
#include "engine/log_sink.hpp"
#include "gguf/gguf_check.hpp"

namespace pyengine {
namespace {

struct ProgressState {
    const LoadProgress & progress;
    bool aborted = false;
};

bool on_progress(float fraction, void * user_data) {
    auto & state = *static_cast<ProgressState *>(user_data);
    state.aborted = state.aborted || !state.progress(fraction);
    return !state.aborted;
}

// Overrides that make llama.cpp load the weights and leave the tokenizer unread: a list of
// overrides that ends in an empty key.
std::array<llama_model_kv_override, 3> without_vocabulary(const GgufSummary & file) {
    std::array<llama_model_kv_override, 3> overrides{};
    const std::string size_key = file.architecture + ".vocab_size";
    overrides[0].tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    std::strncpy(overrides[0].key, "tokenizer.ggml.model", sizeof(overrides[0].key) - 1);
    std::strncpy(overrides[0].val_str, "no_vocab", sizeof(overrides[0].val_str) - 1);
    overrides[1].tag = LLAMA_KV_OVERRIDE_TYPE_INT;
    std::strncpy(overrides[1].key, size_key.c_str(), sizeof(overrides[1].key) - 1);
    overrides[1].val_i64 = static_cast<std::int64_t>(file.n_vocab);
    return overrides;
}

// How a file is opened: what the check found, and whether llama.cpp reads the tokenizer now.
struct Plan {
    GgufSummary file;
    bool with_tokenizer;
};

Plan plan(const std::string & path, const ModelOptions & options) {
    const GgufFile first(path);
    const bool can_wait = !options.vocabulary_only && can_read_pieces(first);
    GgufSummary file = check_gguf(first, !options.skip_vocabulary && !can_wait);
    if (file.n_tensors == 0 && !options.vocabulary_only) {
        throw ModelKindError(path + ": holds a vocabulary and no weights; nothing can be decoded");
    }
    const auto head = first.uint32(file.architecture + ".wkv.head_size");
    if (head && !options.gpus.empty() && options.n_gpu_layers != 0 && !is_wkv_head_of_gpus(*head)) {
        first.fail("GPUs compute RWKV heads of 64 or 128, not of " + std::to_string(*head) +
                   "; use no GPU layers");
    }
    const bool skip = (options.skip_vocabulary || can_wait) && file.n_vocab > 0;
    return {std::move(file), options.vocabulary_only || !skip};
}

std::shared_ptr<llama_model> load(const std::string & path, const ModelOptions & options,
                                  const LoadProgress & progress, const Plan & plan) {
    const auto overrides = without_vocabulary(plan.file);
    // Left to itself, llama.cpp lets a GPU compute large batches of layers that are not on it.
    std::vector<ggml_backend_dev_t> gpus = find_gpus(options.gpus);
    llama_model_params params = llama_model_default_params();
    if (plan.with_tokenizer) {
        put_next_heap_on_huge_pages(tokenizer_bytes(plan.file.n_vocab));
    } else {
        put_next_heap_on_huge_pages(metadata_bytes(plan.file.n_vocab));
        params.kv_overrides = overrides.data();
    }
    params.devices = gpus.data();
    params.n_gpu_layers = options.n_gpu_layers;
    const bool mapped = options.use_mmap && !options.no_alloc;
    params.load_mode = mapped ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    params.no_alloc = options.no_alloc;
    params.use_extra_bufts = options.use_extra_bufts;
    params.vocab_only = options.vocabulary_only;
    ProgressState state{progress};
    if (progress) {
        params.progress_callback = on_progress;
        params.progress_callback_user_data = &state;
    }
    const ErrorLines errors;
    llama_model_ptr model(llama_model_load_from_file(path.c_str(), params));
    if (state.aborted) {
        throw Interrupted("loading " + path + " was interrupted");
    }
    if (!model) {
        throw ModelFileError(path, "llama.cpp cannot open it: " + errors.text("it gave no reason"));
    }
    return model;
}

} // namespace

Model::Model(const std::string & path, const ModelOptions & options, const LoadProgress & progress)
    : path_(path), options_(options) {
    const Plan how = plan(path, options);
    n_positions_ = how.file.n_positions;
    files_ = how.file.parts;
    for (const FileIdentity & file : files_) {
        watches_.emplace_back(file);
    }
    model_ = load(path, options, progress, how);
    require_unchanged(); // what was checked is what was loaded
    if (has_weights() && !options.no_alloc) {
        for (const AdapterFile & adapter : options.adapters) {
            adapters_.push_back(load_adapter(*model_, files_, how.file.architecture, adapter));
        }
    }
    if (options.vocabulary_only) {
        put_next_heap_on_huge_pages(tokenizer_bytes(how.file.n_vocab)); // for what analyses it
    }
    const std::string pre_tokenizer = metadata_value("tokenizer.ggml.pre");
    if (how.with_tokenizer || options.skip_vocabulary) {
        vocabulary_ = std::make_shared<Vocabulary>(model_, files_.front(), pre_tokenizer);
        return;
    }
    const std::string kind = metadata_value("tokenizer.ggml.model") == "gpt2" ? "bpe" : "spm";
    vocabulary_ = std::make_shared<Vocabulary>(files_.front(), static_cast<int>(how.file.n_vocab),
                                               kind, pre_tokenizer);
}

} // namespace pyengine
