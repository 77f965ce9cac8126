// The tensor table of a GGUF file, and whether the file holds what it lists.
#include "gguf/gguf_file.hpp"

#include <unordered_set>

#include "engine/errors.hpp"
#include "gguf/gguf_cursor.hpp"

namespace pyengine {
namespace {

constexpr std::uint64_t tensor_alignment = 32; // what ggml's CPU backend asserts

std::uint64_t padded(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

} // namespace

void GgufFile::read_tensors(GgufCursor & cursor) {
    std::unordered_set<std::string_view> names;
    tensors_.reserve(n_tensors_);
    for (std::uint64_t i = 0; i < n_tensors_; ++i) {
        tensors_.push_back(read_tensor(cursor));
        if (!names.insert(tensors_.back().name).second) {
            fail("tensor " + quoted(tensors_.back().name) + " appears twice");
        }
    }
    data_offset_ = tensors_.empty() ? cursor.position() : padded(cursor.position(), alignment_);
}

GgufTensor GgufFile::read_tensor(GgufCursor & cursor) {
    GgufTensor tensor{};
    tensor.name = cursor.string("the tensor table");
    if (tensor.name.empty() || tensor.name.size() >= GGML_MAX_NAME ||
        tensor.name.find('\0') != std::string_view::npos) {
        fail("a tensor's name is empty, too long or holds a zero byte: " + quoted(tensor.name));
    }
    tensor.n_dims = cursor.read<std::uint32_t>("the tensor table");
    if (tensor.n_dims > GGML_MAX_DIMS) {
        fail("tensor " + quoted(tensor.name) + " has " + std::to_string(tensor.n_dims) +
             " dimensions");
    }
    tensor.shape.fill(1);
    for (std::uint32_t i = 0; i < tensor.n_dims; ++i) {
        tensor.shape[i] = cursor.read<std::int64_t>("the tensor table");
    }
    const auto type = cursor.read<std::int32_t>("the tensor table");
    if (type < 0 || type >= GGML_TYPE_COUNT) {
        fail("tensor " + quoted(tensor.name) + " has the unknown type " + std::to_string(type));
    }
    tensor.type = static_cast<ggml_type>(type);
    tensor.offset = cursor.read<std::uint64_t>("the tensor table");
    measure(tensor);
    return tensor;
}

void GgufFile::measure(GgufTensor & tensor) const {
    const std::string name = "tensor " + quoted(tensor.name);
    if (ggml_blck_size(tensor.type) == 0) {
        fail(name + " has the type " + std::to_string(static_cast<int>(tensor.type)) +
             ", which ggml no longer supports");
    }
    std::uint64_t elements = 1;
    for (const std::int64_t dimension : tensor.shape) {
        if (dimension < 1 || static_cast<std::uint64_t>(dimension) > (1ULL << 56) / elements) {
            fail(name + " has an impossible shape");
        }
        elements *= static_cast<std::uint64_t>(dimension);
    }
    const std::int64_t block = ggml_blck_size(tensor.type);
    if (tensor.shape[0] % block != 0) {
        fail(name + " has rows of " + std::to_string(tensor.shape[0]) + " elements, not whole " +
             ggml_type_name(tensor.type) + " blocks of " + std::to_string(block));
    }
    tensor.size = elements / static_cast<std::uint64_t>(block) * ggml_type_size(tensor.type);
}

void GgufFile::check_layout() const {
    std::uint64_t expected = 0;
    for (const GgufTensor & tensor : tensors_) {
        const std::string name = "tensor " + quoted(tensor.name);
        if (tensor.offset != expected) {
            fail(name + " is at data offset " + std::to_string(tensor.offset) + ", expected " +
                 std::to_string(expected));
        }
        if ((data_offset_ + tensor.offset) % tensor_alignment != 0) {
            fail(name + " is not aligned to " + std::to_string(tensor_alignment) +
                 " bytes (general.alignment is " + std::to_string(alignment_) + ")");
        }
        expected += padded(tensor.size, alignment_);
    }
}

void GgufFile::check_size() const {
    for (const GgufTensor & tensor : tensors_) {
        const std::uint64_t end = data_offset_ + tensor.offset + tensor.size;
        if (end > size()) {
            fail("truncated: tensor " + quoted(tensor.name) + " ends at byte " +
                 std::to_string(end) + ", the file has " + std::to_string(size()));
        }
    }
}

std::uint64_t GgufFile::needed_size() const {
    if (tensors_.empty()) {
        return data_offset_;
    }
    return data_offset_ + tensors_.back().offset + tensors_.back().size;
}

} // namespace pyengine
