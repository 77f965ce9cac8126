#include "engine/quantize_plan.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>

#include "engine/errors.hpp"

namespace pyengine {
namespace {

using TensorTypes = std::map<std::string, ggml_type>;

// What a transcript says: llama.cpp tells its choice of types nowhere else.
struct Choices {
    TensorTypes chosen; // GGML_TYPE_COUNT for what is kept as it is
    TensorTypes wanted; // of those that fell back
    std::vector<std::string> order;
};

std::uint64_t padded(std::uint64_t bytes) {
    return (bytes + GGUF_DEFAULT_ALIGNMENT - 1) / GGUF_DEFAULT_ALIGNMENT * GGUF_DEFAULT_ALIGNMENT;
}

// "[   3/ 48] blk.0.attn_k.weight   - [...], type = f32, size = 1.0 MiB -> 0.5 MiB (q4_K)":
// kept tensors have no type in parentheses.
void read_choice(const std::string & line, Choices & choices) {
    const std::size_t end_of_count = line.find("] ");
    const std::size_t end_of_name = line.rfind(" - [");
    if (end_of_name == std::string::npos || end_of_count == std::string::npos ||
        end_of_count >= end_of_name) {
        return;
    }
    std::string name = line.substr(end_of_count + 2, end_of_name - end_of_count - 2);
    name.erase(name.find_last_not_of(' ') + 1);
    ggml_type type = GGML_TYPE_COUNT;
    const std::size_t open = line.rfind('(');
    if (open != std::string::npos && open > end_of_name && line.back() == ')') {
        type = quantize_tensor_type(line.substr(open + 1, line.size() - open - 2));
    }
    choices.chosen[name] = type;
    choices.order.push_back(std::move(name));
}

// "warning: blk.0.attn_k.weight   - ncols    576 not divisible by 256 (required for type    q4_K)
// -> falling back to    q5_0", on one line.
void read_fallback(const std::string & line, Choices & choices) {
    constexpr std::string_view before_type = "(required for type ";
    const std::size_t start = std::string_view("warning: ").size();
    const std::size_t end_of_name = line.find(" - ncols ", start);
    const std::size_t type = line.find(before_type);
    const std::size_t end_of_type = type == std::string::npos ? type : line.find(')', type);
    if (end_of_name == std::string::npos || end_of_type == std::string::npos) {
        return;
    }
    std::string name = line.substr(start, end_of_name - start);
    name.erase(name.find_last_not_of(' ') + 1);
    const std::size_t first = line.find_first_not_of(' ', type + before_type.size());
    choices.wanted[name] = quantize_tensor_type(line.substr(first, end_of_type - first));
}

Choices read_transcript(const std::string & transcript) {
    Choices choices;
    std::istringstream lines(transcript);
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("[", 0) == 0) {
            read_choice(line, choices);
        } else if (line.rfind("warning: ", 0) == 0) {
            read_fallback(line, choices);
        }
    }
    return choices;
}

std::uint64_t metadata_size(const GgufFile & file) {
    std::uint64_t size = 4 + 4 + 8 + 8; // magic, version, two counts
    file.for_each([&](std::string_view key, const GgufValue & value) {
        if (key.substr(0, 6) != "split.") {
            size += 8 + key.size() + 4 + (value.is_array ? 4 + 8 : 0) + value.bytes.size();
        }
    });
    return size;
}

std::uint64_t added_size(const GgufFile & file, const QuantizeOptions & options) {
    std::uint64_t size = 0;
    for (const char * key : {"general.quantization_version", "general.file_type"}) {
        size += file.find(key) == nullptr ? 8 + std::string_view(key).size() + 4 + 4 : 0;
    }
    for (const auto & [key, value] : options.metadata) {
        const GgufValue * old = file.find(key);
        size += 8 + value.size();
        size -= old == nullptr ? 0 : old->bytes.size();
        size += old == nullptr ? 8 + key.size() + 4 : 0;
    }
    return size;
}

// The output, or what serves as it, gets q8_0 without a word where its rows are no whole blocks of
// the file type's own type.
bool is_quiet_fallback(const QuantizeSource & source, const QuantizeOptions & options,
                       const SourceTensor & tensor, const PlannedTensor & plan) {
    const ggml_type base = base_type(options.file_type);
    const char * output = source.is_tied() ? "token_embd.weight" : "output.weight";
    const bool chosen = options.output_type || options.pure || !plan.rules.empty() ||
                        (source.is_tied() && options.embedding_type);
    return tensor.name == output && !chosen && ggml_is_quantized(base) && !is_whole(tensor, base) &&
           plan.target_type == GGML_TYPE_Q8_0;
}

PlannedTensor planned(const SourceTensor & tensor, ggml_type chosen) {
    const ggml_type target = chosen == GGML_TYPE_COUNT ? tensor.type : chosen;
    std::uint64_t rows = 1;
    for (std::size_t i = 1; i < tensor.shape.size(); ++i) {
        rows *= static_cast<std::uint64_t>(tensor.shape[i]);
    }
    const std::int64_t columns = tensor.shape.empty() ? 1 : tensor.shape[0];
    PlannedTensor plan{};
    plan.name = tensor.name;
    plan.shape = tensor.shape;
    plan.source_type = tensor.type;
    plan.target_type = target;
    plan.target_bytes = rows * ggml_row_size(target, columns);
    return plan;
}

// GGUF writes no trailing dimensions of 1.
std::uint64_t written_dimensions(const PlannedTensor & tensor) {
    std::uint64_t n = tensor.shape.size();
    while (n > 1 && tensor.shape[n - 1] == 1) {
        --n;
    }
    return std::max<std::uint64_t>(n, 1);
}

} // namespace

QuantizePlan plan_from_transcript(const QuantizeSource & source, const QuantizeOptions & options,
                                  const std::string & transcript) {
    const Choices choices = read_transcript(transcript);
    const std::vector<std::regex> rules = compiled(options);
    std::map<std::string, PlannedTensor> plans;
    for (const SourceTensor & tensor : source.tensors) {
        const auto chosen = choices.chosen.find(tensor.name);
        if (chosen == choices.chosen.end()) {
            throw EngineError(source.path + ": llama.cpp's plan leaves out tensor '" + tensor.name +
                              "'");
        }
        PlannedTensor plan = planned(tensor, chosen->second);
        plan.rules = matching_rules(tensor.name, rules);
        const auto wanted = choices.wanted.find(tensor.name);
        if (wanted != choices.wanted.end()) {
            plan.wanted_type = wanted->second;
        } else if (is_quiet_fallback(source, options, tensor, plan)) {
            plan.wanted_type = base_type(options.file_type);
        }
        plans.emplace(tensor.name, std::move(plan));
    }
    const GgufFile first(source.files.front());
    std::uint64_t header = metadata_size(first) + added_size(first, options);
    QuantizePlan plan;
    for (const std::string & name : choices.order) {
        const PlannedTensor & tensor = plans.at(name);
        header += 8 + tensor.name.size() + 4 + 8 * written_dimensions(tensor) + 4 + 8;
        plan.file_bytes += padded(tensor.target_bytes);
        plan.tensors.push_back(tensor);
    }
    plan.file_bytes += padded(header);
    return plan;
}

void check_fallbacks(const QuantizeSource & source, const std::string & transcript) {
    for (const auto & [name, type] : read_transcript(transcript).wanted) {
        const SourceTensor * tensor = source.find(name);
        if (tensor != nullptr &&
            transcript.find("no tensor type fallback is defined for type " +
                            std::string(ggml_type_name(type))) != std::string::npos) {
            throw OptionError(source.path + ": tensor '" + name + "' has rows of " +
                              std::to_string(tensor->shape[0]) + " elements, not whole " +
                              ggml_type_name(type) + " blocks of " +
                              std::to_string(ggml_blck_size(type)) +
                              ", and llama.cpp has no other type in its place");
        }
    }
}

} // namespace pyengine
