#include "gguf/gguf_check.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "engine/errors.hpp"

namespace pyengine {
namespace {

std::string part_name(const std::string & prefix, unsigned index, unsigned count) {
    char suffix[40];
    std::snprintf(suffix, sizeof(suffix), "-%05u-of-%05u.gguf", index + 1, count);
    return prefix + suffix;
}

// The names of all parts of a split model, from the name of its first.
std::vector<std::string> part_names(const GgufFile & first, unsigned count) {
    if (first.uint16("split.no") != 0) {
        first.fail("is a later part of a split model; open its first part, '...-00001-of-" +
                   part_name("", 0, count).substr(10));
    }
    const std::string suffix = part_name("", 0, count);
    const std::string & path = first.path();
    if (path.size() <= suffix.size() ||
        path.compare(path.size() - suffix.size(), suffix.size(), suffix) != 0) {
        first.fail("is the first of " + std::to_string(count) + " parts, whose name must end in '" +
                   suffix + "'");
    }
    std::vector<std::string> names;
    for (unsigned i = 0; i < count; ++i) {
        names.push_back(part_name(path.substr(0, path.size() - suffix.size()), i, count));
    }
    return names;
}

void check_part(const GgufFile & part, unsigned index, unsigned count) {
    const auto no = part.uint16("split.no");
    if (!no || *no != index) {
        part.fail("does not say that it is part " + std::to_string(index + 1) + " of " +
                  std::to_string(count));
    }
}

std::string architecture_of(const GgufFile & file) {
    const auto architecture = file.string("general.architecture");
    if (!architecture || architecture->empty()) {
        file.fail("names no architecture (general.architecture)");
    }
    return std::string(*architecture);
}

void check_kind(const GgufFile & file) {
    const auto type = file.string("general.type");
    if (type && *type != "model") {
        file.fail("holds '" + std::string(type->substr(0, 40)) + "' (general.type), not a model");
    }
}

std::uint64_t count_positions(const GgufFile & file) {
    for (const GgufTensor & tensor : file.tensors()) {
        if (tensor.name == "position_embd.weight") {
            return static_cast<std::uint64_t>(tensor.shape[1]);
        }
    }
    return 0;
}

std::uint64_t count_tokens(const GgufFile & file) {
    const GgufValue * tokens = file.find("tokenizer.ggml.tokens");
    return tokens == nullptr ? 0 : tokens->count;
}

} // namespace

GgufSummary check_gguf(const std::string & path, bool vocabulary) {
    return check_gguf(GgufFile(path), vocabulary);
}

GgufSummary check_gguf(const GgufFile & first, bool vocabulary) {
    std::vector<std::unique_ptr<GgufFile>> others;
    GgufSummary summary;
    const unsigned count = first.uint16("split.count").value_or(0);
    if (count > 1) {
        const std::vector<std::string> names = part_names(first, count);
        for (unsigned i = 1; i < count; ++i) {
            others.push_back(std::make_unique<GgufFile>(names[i]));
            check_part(*others.back(), i, count);
        }
    }
    check_kind(first);
    summary.version = first.version();
    summary.architecture = architecture_of(first);
    summary.n_metadata = first.n_metadata();
    summary.n_vocab = count_tokens(first);
    std::vector<const GgufFile *> parts = {&first};
    for (const auto & file : others) {
        parts.push_back(file.get());
    }
    for (const GgufFile * part : parts) {
        summary.parts.push_back(part->identity());
        summary.n_tensors += part->tensors().size();
        summary.n_bytes += part->size();
        summary.n_positions = std::max(summary.n_positions, count_positions(*part));
    }
    if (vocabulary) {
        check_gguf_vocabulary(first);
    }
    const bool known_parameters = check_gguf_parameters(first, summary.architecture);
    summary.tokenizer_reviewed = is_reviewed_tokenizer(first);
    summary.reviewed = summary.tokenizer_reviewed && known_parameters;
    check_gguf_weights(parts, summary.architecture, known_parameters);
    return summary;
}

} // namespace pyengine
