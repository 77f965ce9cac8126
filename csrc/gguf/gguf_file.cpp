#include "gguf/gguf_file.hpp"

#include "engine/errors.hpp"
#include "gguf/gguf_cursor.hpp"

namespace pyengine {
namespace {

constexpr std::uint64_t max_array_length = 1ULL << 30; // as in gguf.cpp

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

const FileIdentity & unchanged(const FileIdentity & known) {
    known.require_unchanged();
    return known;
}

} // namespace

GgufFile::GgufFile(const std::string & path, GgufReach reach) : path_(path), file_(path) {
    GgufCursor cursor(path, file_.bytes());
    read_metadata(cursor, read_header(cursor));
    if (reach != GgufReach::metadata) {
        read_alignment();
        read_tensors(cursor);
        check_layout();
    }
    if (reach == GgufReach::whole) {
        check_size();
    }
}

GgufFile::GgufFile(const FileIdentity & known) : GgufFile(unchanged(known).path) {
    known.require_unchanged(); // nor since it was opened again
}

void GgufFile::fail(const std::string & reason) const {
    throw ModelFileError(path_, reason);
}

std::uint64_t GgufFile::read_header(GgufCursor & cursor) {
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
    n_tensors_ = cursor.read<std::uint64_t>("the header");
    const auto n_pairs = cursor.read<std::uint64_t>("the header");
    // The smallest pair takes 13 bytes, the smallest tensor entry 24.
    if (n_pairs > cursor.remaining() / 13 || n_tensors_ > cursor.remaining() / 24) {
        fail("claims " + std::to_string(n_pairs) + " metadata pairs and " +
             std::to_string(n_tensors_) + " tensors, more than a file of " +
             std::to_string(size()) + " bytes can hold");
    }
    return n_pairs;
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

} // namespace pyengine
