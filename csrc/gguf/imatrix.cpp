#include "gguf/imatrix.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "engine/errors.hpp"
#include "gguf/gguf_file.hpp"
#include "gguf/mapped_file.hpp"

namespace pyengine {
namespace {

constexpr std::string_view sums_suffix = ".in_sum2";
constexpr std::string_view counts_suffix = ".counts";

std::vector<float> read_floats(const GgufFile & file, const GgufTensor & tensor) {
    if (tensor.type != GGML_TYPE_F32) {
        file.fail("tensor '" + std::string(tensor.name) + "' of an importance matrix is not f32");
    }
    const std::string_view bytes = file.data(tensor);
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    for (const float value : values) {
        if (!std::isfinite(value) || value < 0.0F) {
            file.fail("tensor '" + std::string(tensor.name) +
                      "' of an importance matrix holds a value that is no mean square");
        }
    }
    return values;
}

std::vector<std::int64_t> read_counts(const GgufFile & file, const GgufTensor & tensor) {
    constexpr float most = 1LL << 53;
    std::vector<std::int64_t> counts;
    for (const float count : read_floats(file, tensor)) {
        if (count > most || count != std::floor(count)) {
            file.fail("tensor '" + std::string(tensor.name) +
                      "' of an importance matrix holds a value that is no number of tokens");
        }
        counts.push_back(static_cast<std::int64_t>(count));
    }
    return counts;
}

std::vector<std::string> read_datasets(const GgufFile & file) {
    std::vector<std::string> names;
    const GgufValue * value = file.find("imatrix.datasets");
    if (value != nullptr && value->is_array && value->type == GGUF_TYPE_STRING) {
        GgufFile::for_each_string(
            *value, [&](std::size_t, std::string_view name) { names.emplace_back(name); });
    }
    return names;
}

// A row of sums is divided by how many tokens passed; an expert that saw none counts evenly.
std::vector<float> means(const ImportanceSums & weight) {
    std::vector<float> values = weight.sums;
    const std::size_t columns = values.size() / weight.counts.size();
    for (std::size_t expert = 0; expert < weight.counts.size(); ++expert) {
        const auto count = static_cast<float>(weight.counts[expert]);
        for (std::size_t i = expert * columns; i < (expert + 1) * columns; ++i) {
            values[i] = count > 0.0F ? values[i] / count : 1.0F;
        }
    }
    return values;
}

// The format without metadata, called .dat: the number of entries, then for each the length of its
// name and the name.
bool is_old_format(const std::string & path) {
    constexpr std::int32_t most_entries = 1 << 20, longest_name = 256;
    const MappedFile mapped(path);
    const std::string_view bytes = mapped.bytes();
    std::int32_t head[2];
    if (bytes.size() < sizeof head || bytes.substr(0, 4) == "GGUF") {
        return false;
    }
    std::memcpy(head, bytes.data(), sizeof head);
    if (head[0] < 1 || head[0] > most_entries || head[1] < 1 || head[1] > longest_name) {
        return false;
    }
    const std::string_view name = bytes.substr(sizeof head, static_cast<std::size_t>(head[1]));
    return name.size() == static_cast<std::size_t>(head[1]) &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

} // namespace

Importance read_importance(const std::string & path) {
    if (is_old_format(path)) {
        throw ModelFileError(path,
                             "is an importance matrix in the old .dat format; convert it with "
                             "llama-imatrix --in-file OLD.dat -o NEW.gguf");
    }
    const GgufFile file(path);
    if (file.string("general.type").value_or("") != "imatrix") {
        file.fail("is not an importance matrix (general.type is not 'imatrix')");
    }
    std::unordered_map<std::string_view, const GgufTensor *> tensors;
    for (const GgufTensor & tensor : file.tensors()) {
        tensors.emplace(tensor.name, &tensor);
    }
    Importance importance;
    for (const GgufTensor & tensor : file.tensors()) {
        const std::size_t stem =
            tensor.name.size() - std::min(tensor.name.size(), sums_suffix.size());
        if (tensor.name.substr(stem) != sums_suffix) {
            continue;
        }
        const std::string name(tensor.name.substr(0, stem));
        const std::string counts_name = name + std::string(counts_suffix);
        const auto counts = tensors.find(counts_name);
        if (counts == tensors.end()) {
            file.fail("has sums and no counts for tensor '" + name + "'");
        }
        ImportanceSums weight{read_floats(file, tensor), read_counts(file, *counts->second)};
        if (weight.counts.empty() || weight.sums.size() % weight.counts.size() != 0) {
            file.fail("has counts that do not fit the sums of tensor '" + name + "'");
        }
        importance.weights.emplace(name, std::move(weight));
    }
    if (importance.weights.empty()) {
        file.fail("is an importance matrix without entries");
    }
    importance.datasets = read_datasets(file);
    return importance;
}

std::vector<ImportanceEntry> read_imatrix(const std::string & path) {
    std::vector<ImportanceEntry> entries;
    for (const auto & [name, weight] : read_importance(path).weights) {
        entries.push_back({name, means(weight)});
    }
    return entries;
}

} // namespace pyengine
