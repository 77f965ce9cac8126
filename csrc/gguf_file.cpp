#include "gguf_file.hpp"

#include <unordered_set>

#include "errors.hpp"
#include "gguf_cursor.hpp"

namespace pyengine {
namespace {

constexpr std::uint64_t max_array_length = 1ULL << 30; // as in gguf.cpp
constexpr std::uint64_t tensor_alignment = 32;         // what ggml's CPU backend asserts

// 0 for a string and for what is no type of a value.
std::uint64_t element_size(std::int32_t type) {
    switch (type) {
    case GGUF_TYPE_UINT8:
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL:
        return 1;
    case GGUF_TYPE_UINT16:
    case GGUF_TYPE_INT16:
        return 2;
    case GGUF_TYPE_UINT32:
    case GGUF_TYPE_INT32:
    case GGUF_TYPE_FLOAT32:
        return 4;
    case GGUF_TYPE_UINT64:
    case GGUF_TYPE_INT64:
    case GGUF_TYPE_FLOAT64:
        return 8;
    default:
        return 0;
    }
}

std::uint64_t padded(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

} // namespace

GgufFile::GgufFile(const std::string & path) : path_(path), file_(path) {
    GgufCursor cursor(path, file_.bytes());
    std::uint64_t n_tensors = 0;
    std::uint64_t n_pairs = 0;
    read_header(cursor, n_tensors, n_pairs);
    read_metadata(cursor, n_pairs);
    read_alignment();
    read_tensors(cursor, n_tensors);
    data_offset_ = tensors_.empty() ? cursor.position() : padded(cursor.position(), alignment_);
    check_layout();
}

void GgufFile::fail(const std::string & reason) const {
    throw ModelFileError(path_, reason);
}

void GgufFile::read_header(GgufCursor & cursor, std::uint64_t & n_tensors,
                           std::uint64_t & n_pairs) {
    const std::string_view magic = cursor.take(4, "the header");
    if (magic != GGUF_MAGIC) {
        fail("is not a GGUF file: it begins with " + quoted(magic) + " in place of 'GGUF'");
    }
    version_ = cursor.read<std::uint32_t>("the header");
    if ((version_ & 0xffffU) == 0) {
        fail("is a GGUF of the other byte order; convert it for this machine");
    }
    if (version_ < 2 || version_ > GGUF_VERSION) {
        fail("is GGUF version " + std::to_string(version_) + "; versions 2 and 3 can be read");
    }
    n_tensors = cursor.read<std::uint64_t>("the header");
    n_pairs = cursor.read<std::uint64_t>("the header");
    // The smallest pair takes 13 bytes, the smallest tensor entry 24.
    if (n_pairs > cursor.remaining() / 13 || n_tensors > cursor.remaining() / 24) {
        fail("claims " + std::to_string(n_pairs) + " metadata pairs and " +
             std::to_string(n_tensors) + " tensors, more than a file of " + std::to_string(size()) +
             " bytes can hold");
    }
}

void GgufFile::read_metadata(GgufCursor & cursor, std::uint64_t n_pairs) {
    metadata_.reserve(n_pairs);
    for (std::uint64_t i = 0; i < n_pairs; ++i) {
        const std::string_view key = cursor.string("the metadata");
        if (key.empty() || key.find('\0') != std::string_view::npos) {
            fail("metadata key " + std::to_string(i) + " is empty or holds a zero byte");
        }
        if (metadata_.count(key) != 0) {
            fail("metadata key " + quoted(key) + " appears twice");
        }
        read_value(cursor, key);
    }
}

void GgufFile::read_value(GgufCursor & cursor, std::string_view key) {
    auto type = cursor.read<std::int32_t>("the metadata");
    const bool is_array = type == GGUF_TYPE_ARRAY;
    std::uint64_t count = 1;
    if (is_array) {
        type = cursor.read<std::int32_t>("the metadata");
        count = cursor.read<std::uint64_t>("the metadata");
    }
    const std::uint64_t size = element_size(type);
    if (type != GGUF_TYPE_STRING && size == 0) {
        fail("metadata key " + quoted(key) + " has the invalid type " + std::to_string(type) +
             (is_array ? " in an array" : ""));
    }
    const std::uint64_t least = type == GGUF_TYPE_STRING ? 8 : size;
    if (count > max_array_length || count > cursor.remaining() / least) {
        fail("metadata key " + quoted(key) + " claims " + std::to_string(count) +
             " elements, more than the file can hold");
    }
    const std::uint64_t begin = cursor.position();
    if (type == GGUF_TYPE_STRING) {
        for (std::uint64_t i = 0; i < count; ++i) {
            cursor.string("the metadata");
        }
    } else {
        cursor.take(count * size, "the metadata");
    }
    metadata_.emplace(
        key, GgufValue{static_cast<gguf_type>(type), is_array, count, cursor.since(begin)});
}

void GgufFile::read_alignment() {
    if (find(GGUF_KEY_GENERAL_ALIGNMENT) == nullptr) {
        return;
    }
    const auto alignment = uint32(GGUF_KEY_GENERAL_ALIGNMENT);
    if (!alignment || *alignment == 0 || (*alignment & (*alignment - 1)) != 0) {
        fail("general.alignment is not a power of two of type uint32");
    }
    alignment_ = *alignment;
}

void GgufFile::read_tensors(GgufCursor & cursor, std::uint64_t n_tensors) {
    std::unordered_set<std::string_view> names;
    tensors_.reserve(n_tensors);
    for (std::uint64_t i = 0; i < n_tensors; ++i) {
        tensors_.push_back(read_tensor(cursor));
        if (!names.insert(tensors_.back().name).second) {
            fail("tensor " + quoted(tensors_.back().name) + " appears twice");
        }
    }
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
        const std::uint64_t end = data_offset_ + tensor.offset + tensor.size;
        if (end > size()) {
            fail("truncated: " + name + " ends at byte " + std::to_string(end) + ", the file has " +
                 std::to_string(size()));
        }
        expected += padded(tensor.size, alignment_);
    }
}

} // namespace pyengine
