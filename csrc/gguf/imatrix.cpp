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

// A row of sums is divided by how many tokens passed; an expert that saw none counts evenly.
void normalize(std::vector<float> & sums, const std::vector<float> & counts) {
    const std::size_t columns = sums.size() / counts.size();
    for (std::size_t expert = 0; expert < counts.size(); ++expert) {
        for (std::size_t i = expert * columns; i < (expert + 1) * columns; ++i) {
            sums[i] = counts[expert] > 0.0F ? sums[i] / counts[expert] : 1.0F;
        }
    }
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

std::vector<ImportanceEntry> read_imatrix(const std::string & path) {
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
    std::vector<ImportanceEntry> entries;
    for (const GgufTensor & tensor : file.tensors()) {
        const std::size_t stem =
            tensor.name.size() - std::min(tensor.name.size(), sums_suffix.size());
        if (tensor.name.substr(stem) != sums_suffix) {
            continue;
        }
        ImportanceEntry entry{std::string(tensor.name.substr(0, stem)), read_floats(file, tensor)};
        const std::string counts_name = entry.tensor + std::string(counts_suffix);
        const auto counts = tensors.find(counts_name);
        if (counts == tensors.end()) {
            file.fail("has sums and no counts for tensor '" + entry.tensor + "'");
        }
        const std::vector<float> seen = read_floats(file, *counts->second);
        if (seen.empty() || entry.values.size() % seen.size() != 0) {
            file.fail("has counts that do not fit the sums of tensor '" + entry.tensor + "'");
        }
        normalize(entry.values, seen);
        entries.push_back(std::move(entry));
    }
    if (entries.empty()) {
        file.fail("is an importance matrix without entries");
    }
    return entries;
}

} // namespace pyengine
