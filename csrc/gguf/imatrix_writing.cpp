#include <algorithm>

#include <ggml-cpp.h>

#include "engine/errors.hpp"
#include "gguf/imatrix.hpp"

namespace pyengine {
namespace {

constexpr std::size_t suffix_length = 8; // of ".in_sum2", the longer one

// The table and the data of the file, tensor by tensor.
class Writer {
public:
    explicit Writer(std::size_t n_tensors)
        : file_(gguf_init_empty()),
          tensors_(ggml_init({(n_tensors + 1) * ggml_tensor_overhead(), nullptr, true})) {}

    void add_text(const std::string & key, const std::string & text) {
        gguf_set_val_str(file_.get(), key.c_str(), text.c_str());
    }

    void add_texts(const char * key, const std::vector<std::string> & texts) {
        std::vector<const char *> pointers;
        for (const std::string & text : texts) {
            pointers.push_back(text.c_str());
        }
        gguf_set_arr_str(file_.get(), key, pointers.data(), pointers.size());
    }

    void add_number(const char * key, std::uint32_t number) {
        gguf_set_val_u32(file_.get(), key, number);
    }

    void add_rows(const std::string & name, const std::vector<float> & values, std::size_t rows) {
        ggml_tensor * tensor = ggml_new_tensor_2d(tensors_.get(), GGML_TYPE_F32,
                                                  static_cast<std::int64_t>(values.size() / rows),
                                                  static_cast<std::int64_t>(rows));
        ggml_set_name(tensor, name.c_str());
        gguf_add_tensor(file_.get(), tensor);
        data_.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
        data_.resize(GGML_PAD(data_.size(), GGUF_DEFAULT_ALIGNMENT));
    }

    std::string bytes() const {
        std::string head(gguf_get_meta_size(file_.get()), '\0');
        gguf_get_meta_data(file_.get(), head.data());
        return head + data_;
    }

private:
    gguf_context_ptr file_;
    ggml_context_ptr tensors_;
    std::string data_;
};

void check(const Importance & importance, std::uint32_t chunk_size,
           const std::vector<std::pair<std::string, std::string>> & metadata) {
    if (chunk_size < 1) {
        throw OptionError("a context of an importance matrix must have a token");
    }
    for (const auto & [name, weight] : importance.weights) {
        if (name.size() > longest_importance_name) {
            throw OptionError("no importance matrix can hold sums of '" + name +
                              "': its name is too long");
        }
        if (weight.counts.empty() || weight.sums.size() < weight.counts.size()) {
            throw OptionError("the importance matrix has no sums of '" + name + "'");
        }
    }
    for (const auto & [key, text] : metadata) {
        // llama.cpp aborts on a key that means something to it and has another type.
        if (key.rfind("pyengine.", 0) != 0) {
            throw OptionError("the metadata key '" + key + "' does not begin with pyengine.");
        }
    }
}

// Contexts that the weight with most tokens saw.
std::uint32_t chunk_count(const Importance & importance, std::uint32_t chunk_size) {
    std::int64_t most = 0;
    for (const auto & [name, weight] : importance.weights) {
        most = std::max(most, *std::max_element(weight.counts.begin(), weight.counts.end()));
    }
    return static_cast<std::uint32_t>(most / chunk_size);
}

} // namespace

const std::size_t longest_importance_name = GGML_MAX_NAME - 1 - suffix_length;

std::string write_importance(const Importance & importance, std::uint32_t chunk_size,
                             const std::vector<std::pair<std::string, std::string>> & metadata) {
    check(importance, chunk_size, metadata);
    Writer writer(2 * importance.weights.size());
    writer.add_text("general.type", "imatrix");
    writer.add_texts("imatrix.datasets", importance.datasets);
    writer.add_number("imatrix.chunk_count", chunk_count(importance, chunk_size));
    writer.add_number("imatrix.chunk_size", chunk_size);
    for (const auto & [key, text] : metadata) {
        writer.add_text(key, text);
    }
    for (const auto & [name, weight] : importance.weights) {
        writer.add_rows(name + ".in_sum2", weight.sums, weight.counts.size());
        const std::vector<float> counts(weight.counts.begin(), weight.counts.end());
        writer.add_rows(name + ".counts", counts, counts.size());
    }
    return writer.bytes();
}

} // namespace pyengine
