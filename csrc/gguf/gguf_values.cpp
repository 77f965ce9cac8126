// Typed access to the metadata of a GgufFile.
#include "gguf/gguf_file.hpp"

#include <cstring>

namespace pyengine {
namespace {

template <typename T> T load(std::string_view bytes, std::uint64_t index = 0) {
    T value{};
    std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
    return value;
}

template <typename T>
std::optional<T> scalar(const GgufFile & file, std::string_view key, gguf_type type) {
    const GgufValue * value = file.find(key);
    if (value == nullptr || value->is_array || value->type != type) {
        return std::nullopt;
    }
    return load<T>(value->bytes);
}

} // namespace

const GgufValue * GgufFile::find(std::string_view key) const {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? nullptr : &found->second;
}

std::optional<std::uint16_t> GgufFile::uint16(std::string_view key) const {
    return scalar<std::uint16_t>(*this, key, GGUF_TYPE_UINT16);
}

std::optional<std::uint32_t> GgufFile::uint32(std::string_view key) const {
    return scalar<std::uint32_t>(*this, key, GGUF_TYPE_UINT32);
}

std::optional<float> GgufFile::float32(std::string_view key) const {
    return scalar<float>(*this, key, GGUF_TYPE_FLOAT32);
}

std::optional<bool> GgufFile::boolean(std::string_view key) const {
    const auto byte = scalar<std::uint8_t>(*this, key, GGUF_TYPE_BOOL);
    return byte ? std::optional<bool>(*byte != 0) : std::nullopt;
}

std::optional<std::string_view> GgufFile::string(std::string_view key) const {
    const GgufValue * value = find(key);
    if (value == nullptr || value->is_array || value->type != GGUF_TYPE_STRING) {
        return std::nullopt;
    }
    return value->bytes.substr(sizeof(std::uint64_t));
}

std::optional<std::uint64_t> GgufFile::whole_number(std::string_view key) const {
    const GgufValue * value = find(key);
    if (value == nullptr || value->is_array) {
        return std::nullopt;
    }
    std::uint64_t number = 0; // takes the bytes of shorter types as they are
    switch (value->type) {
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_INT16:
    case GGUF_TYPE_INT32:
    case GGUF_TYPE_INT64:
        if ((static_cast<unsigned char>(value->bytes.back()) & 0x80U) != 0) {
            return std::nullopt;
        }
        [[fallthrough]];
    case GGUF_TYPE_UINT8:
    case GGUF_TYPE_UINT16:
    case GGUF_TYPE_UINT32:
    case GGUF_TYPE_UINT64:
        std::memcpy(&number, value->bytes.data(), value->bytes.size());
        return number;
    default:
        return std::nullopt;
    }
}

std::vector<std::uint32_t> GgufFile::uint32_list(std::string_view key) const {
    const GgufValue * value = find(key);
    std::vector<std::uint32_t> numbers;
    if (value == nullptr || (value->type != GGUF_TYPE_UINT32 && value->type != GGUF_TYPE_INT32)) {
        return numbers;
    }
    for (std::uint64_t i = 0; i < value->count; ++i) {
        numbers.push_back(load<std::uint32_t>(value->bytes, i));
    }
    return numbers;
}

void GgufFile::for_each(
    const std::function<void(std::string_view, const GgufValue &)> & visit) const {
    for (const auto & [key, value] : metadata_) {
        visit(key, value);
    }
}

void GgufFile::for_each_string(const GgufValue & array,
                               const std::function<void(std::size_t, std::string_view)> & visit) {
    std::string_view rest = array.bytes;
    for (std::size_t i = 0; i < array.count; ++i) {
        const auto length = load<std::uint64_t>(rest);
        visit(i, rest.substr(sizeof(length), length));
        rest.remove_prefix(sizeof(length) + length);
    }
}

} // namespace pyengine
