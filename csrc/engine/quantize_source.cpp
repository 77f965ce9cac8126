#include "engine/quantize_source.hpp"

#include <algorithm>

#include "engine/errors.hpp"
#include "engine/threads.hpp"
#include "gguf/gguf_check.hpp"

namespace pyengine {
namespace {

constexpr const char * embedding = "token_embd.weight";
constexpr const char * per_layer_embedding = "per_layer_token_embd.weight";

void check_file(const GgufFile & file, const QuantizeOptions & options) {
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
}

void check_options(const QuantizeOptions & options) {
    check_threads(options.threads);
    for (const auto & [pattern, type] : options.overrides) {
        try {
            const std::regex expression(pattern);
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

// For tensors that have a type of their own in the options: llama.cpp looks at the rows of others.
// Of the two embeddings it looks at the second's where a pattern names that.
void check_rows(const QuantizeSource & source, const std::string & name, ggml_type type) {
    const SourceTensor * tensor = source.find(name);
    if (tensor != nullptr && !is_whole(*tensor, type)) {
        throw OptionError(source.path + ": tensor '" + name + "' has rows of " +
                          std::to_string(tensor->shape[0]) + " elements, not whole " +
                          ggml_type_name(type) + " blocks of " +
                          std::to_string(ggml_blck_size(type)));
    }
}

void check_own_types(const QuantizeSource & source, const QuantizeOptions & options) {
    if (options.output_type) {
        check_rows(source, source.is_tied() ? embedding : "output.weight", *options.output_type);
    }
    if (options.embedding_type) {
        check_rows(source, embedding, *options.embedding_type);
        if (matching_rules(per_layer_embedding, compiled(options)).empty()) {
            check_rows(source, per_layer_embedding, *options.embedding_type);
        }
    }
}

} // namespace

bool is_whole(const SourceTensor & tensor, ggml_type type) {
    return tensor.shape.empty() || tensor.shape[0] % ggml_blck_size(type) == 0;
}

std::vector<std::regex> compiled(const QuantizeOptions & options) {
    std::vector<std::regex> expressions;
    for (const auto & [pattern, type] : options.overrides) {
        expressions.emplace_back(pattern);
    }
    return expressions;
}

std::vector<std::size_t> matching_rules(const std::string & name,
                                        const std::vector<std::regex> & rules) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (std::regex_search(name, rules[i])) {
            found.push_back(i);
        }
    }
    return found;
}

const SourceTensor * QuantizeSource::find(const std::string & name) const {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&](const SourceTensor & one) { return one.name == name; });
    return found == tensors.end() ? nullptr : &*found;
}

QuantizeSource checked_source(const std::string & path, const QuantizeOptions & options) {
    check_options(options);
    QuantizeSource source{path, check_gguf(path).parts, {}};
    for (const FileIdentity & part : source.files) {
        const GgufFile file(part);
        check_file(file, options);
        for (const GgufTensor & tensor : file.tensors()) {
            const auto first = tensor.shape.begin();
            source.tensors.push_back(
                {std::string(tensor.name), {first, first + tensor.n_dims}, tensor.type});
        }
    }
    check_own_types(source, options);
    return source;
}

} // namespace pyengine
