#include "engine/quantize_plan.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include "engine/errors.hpp"
#include "gguf/gguf_check.hpp"

namespace pyengine {
namespace {

using TensorTypes = std::map<std::string, ggml_type>;

std::uint64_t padded(std::uint64_t bytes) {
    return (bytes + GGUF_DEFAULT_ALIGNMENT - 1) / GGUF_DEFAULT_ALIGNMENT * GGUF_DEFAULT_ALIGNMENT;
}

// "[   3/ 48] blk.0.attn_k.weight   - [...], type = f32, size = 1.0 MiB -> 0.5 MiB (q4_K)":
// llama.cpp tells its choice of types nowhere else. Kept tensors have no type in parentheses.
void read_line(const std::string & line, TensorTypes & chosen, std::vector<std::string> & order) {
    const std::size_t end_of_count = line.find("] ");
    const std::size_t end_of_name = line.rfind(" - [");
    if (line.empty() || line.front() != '[' || end_of_name == std::string::npos ||
        end_of_count == std::string::npos || end_of_count >= end_of_name) {
        return;
    }
    std::string name = line.substr(end_of_count + 2, end_of_name - end_of_count - 2);
    name.erase(name.find_last_not_of(' ') + 1);
    ggml_type type = GGML_TYPE_COUNT;
    const std::size_t open = line.rfind('(');
    if (open != std::string::npos && open > end_of_name && line.back() == ')') {
        type = quantize_tensor_type(line.substr(open + 1, line.size() - open - 2));
    }
    chosen[name] = type;
    order.push_back(std::move(name));
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

PlannedTensor planned(const GgufTensor & tensor, ggml_type chosen) {
    const ggml_type target = chosen == GGML_TYPE_COUNT ? tensor.type : chosen;
    std::uint64_t rows = 1;
    for (std::size_t i = 1; i < tensor.shape.size(); ++i) {
        rows *= static_cast<std::uint64_t>(tensor.shape[i]);
    }
    return {std::string(tensor.name),
            {tensor.shape.begin(), tensor.shape.begin() + tensor.n_dims},
            tensor.type,
            target,
            tensor.size,
            rows * ggml_row_size(target, tensor.shape[0])};
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

QuantizePlan plan_from_transcript(const std::string & source, const QuantizeOptions & options,
                                  const std::string & transcript) {
    TensorTypes chosen;
    std::vector<std::string> order;
    std::istringstream lines(transcript);
    for (std::string line; std::getline(lines, line);) {
        read_line(line, chosen, order);
    }
    std::map<std::string, PlannedTensor> plans;
    for (const FileIdentity & part : check_gguf(source).parts) {
        const GgufFile file(part);
        for (const GgufTensor & tensor : file.tensors()) {
            const auto found = chosen.find(std::string(tensor.name));
            if (found == chosen.end()) {
                throw EngineError(source + ": llama.cpp's plan leaves out tensor '" +
                                  std::string(tensor.name) + "'");
            }
            plans.emplace(found->first, planned(tensor, found->second));
        }
    }
    const GgufFile first(source);
    std::uint64_t header = metadata_size(first) + added_size(first, options);
    QuantizePlan plan;
    for (const std::string & name : order) {
        const PlannedTensor & tensor = plans.at(name);
        header += 8 + tensor.name.size() + 4 + 8 * written_dimensions(tensor) + 4 + 8;
        plan.file_bytes += padded(tensor.target_bytes);
        plan.tensors.push_back(tensor);
    }
    plan.file_bytes += padded(header);
    return plan;
}

} // namespace pyengine
