#include "engine/adapters.hpp"

#include <cmath>
#include <map>

#include "engine/errors.hpp"
#include "engine/log_sink.hpp"
#include "gguf/gguf_file.hpp"

namespace pyengine {
namespace {

using Tensors = std::map<std::string, GgufTensor, std::less<>>;

constexpr std::string_view of_a = ".lora_a", of_b = ".lora_b";

bool ends_in(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string text_of(const GgufFile & file, std::string_view key) {
    const auto text = file.string(key);
    return text ? '"' + std::string(*text) + '"' : "not given";
}

void check_kind(const GgufFile & file, const std::string & architecture) {
    if (file.string("general.type") != "adapter") {
        file.fail("is no LoRA adapter (general.type is " + text_of(file, "general.type") + ")");
    }
    if (file.string("adapter.type") != "lora") {
        file.fail("is an adapter that is no LoRA (adapter.type is " +
                  text_of(file, "adapter.type") + ")");
    }
    if (file.string("general.architecture") != architecture) {
        file.fail("is an adapter for the architecture " + text_of(file, "general.architecture") +
                  ", and the model's is \"" + architecture + '"');
    }
    if (file.find("adapter.alora.invocation_tokens") != nullptr) {
        file.fail("is an adapter that certain tokens switch on (aLoRA), which is not computed");
    }
    const auto alpha = file.float32("adapter.lora.alpha");
    if (file.find("adapter.lora.alpha") != nullptr && !(alpha && std::isfinite(*alpha))) {
        file.fail("adapter.lora.alpha is no 32-bit number");
    }
}

// Matrices that llama.cpp multiplies with, and rows of which it reads.
bool is_matrix(const GgufTensor & tensor) {
    const bool known = tensor.type == GGML_TYPE_F32 || tensor.type == GGML_TYPE_F16 ||
                       tensor.type == GGML_TYPE_BF16 || ggml_is_quantized(tensor.type);
    return known && tensor.shape[3] == 1;
}

void check_pair(const GgufFile & file, const std::string & name, const GgufTensor & a,
                const GgufTensor & b, const Tensors & base) {
    const auto found = base.find(name);
    if (found == base.end()) {
        file.fail("changes " + name + ", which the model does not have");
    }
    const GgufTensor & weight = found->second;
    const bool embeds = name == "token_embd.weight";
    if (embeds && base.find("output.weight") == base.end()) {
        file.fail("changes token_embd.weight, which is the model's output layer too: llama.cpp "
                  "cannot compute that");
    }
    // Of an embedding A holds a row for each token, and B leads to the width of the model.
    const std::int64_t input = embeds ? weight.shape[1] : weight.shape[0];
    const std::int64_t output = embeds ? weight.shape[0] : weight.shape[1];
    const std::int64_t into_a = embeds ? a.shape[1] : a.shape[0];
    const std::int64_t rank = embeds ? a.shape[0] : a.shape[1];
    const bool fits = into_a == input && b.shape[1] == output && b.shape[0] == rank;
    const bool many = a.shape[2] == weight.shape[2] && b.shape[2] == weight.shape[2];
    if (!fits || !many || weight.n_dims < 2 || !is_matrix(a) || !is_matrix(b)) {
        file.fail("its matrices for " + name + " do not fit that of the model");
    }
}

void check_tensors(const GgufFile & file, const Tensors & base) {
    Tensors all;
    for (const GgufTensor & tensor : file.tensors()) {
        all.emplace(tensor.name, tensor);
    }
    std::size_t n_pairs = 0;
    for (const auto & [name, tensor] : all) {
        const bool is_a = ends_in(name, of_a);
        if (!is_a && !ends_in(name, of_b)) {
            if (!ends_in(name, "_norm.weight")) { // those llama.cpp passes over
                file.fail("its tensor " + name + " is none of a LoRA");
            }
            continue;
        }
        const std::string weight = name.substr(0, name.size() - of_a.size());
        const auto other = all.find(weight + std::string(is_a ? of_b : of_a));
        if (other == all.end()) {
            file.fail("has one of the two matrices for " + weight + " only");
        }
        if (is_a) {
            check_pair(file, weight, tensor, other->second, base);
            ++n_pairs;
        }
    }
    if (n_pairs == 0) {
        file.fail("is an adapter that changes nothing: it has no matrices");
    }
}

} // namespace

llama_adapter_lora * load_adapter(llama_model & model, const std::vector<FileIdentity> & files,
                                  const std::string & architecture, const AdapterFile & adapter) {
    if (!std::isfinite(adapter.scale)) {
        throw OptionError(adapter.path + ": an adapter's scale must be a number");
    }
    const GgufFile file(adapter.path);
    check_kind(file, architecture);
    Tensors base;
    for (const FileIdentity & part : files) {
        const GgufFile opened(part);
        for (const GgufTensor & tensor : opened.tensors()) {
            base.emplace(tensor.name, tensor);
        }
    }
    check_tensors(file, base);
    const ErrorLines errors;
    llama_adapter_lora * loaded = llama_adapter_lora_init(&model, adapter.path.c_str());
    if (loaded == nullptr) {
        file.fail("llama.cpp cannot read the adapter: " + errors.text("it gave no reason"));
    }
    file.identity().require_unchanged(); // what was checked is what was read
    return loaded;
}

} // namespace pyengine
