// A GGUF file read without llama.cpp: bounds-checked header, metadata and tensor table.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <ggml.h>
#include <gguf.h>

#include "gguf/mapped_file.hpp"

namespace pyengine {

class GgufCursor;

// One metadata value, still as the file's bytes.
struct GgufValue {
    gguf_type type; // of the elements, for an array
    bool is_array;
    std::uint64_t count;    // 1 for a scalar
    std::string_view bytes; // strings keep their 8-byte length prefixes
};

struct GgufTensor {
    std::string_view name;
    std::uint32_t n_dims;
    std::array<std::int64_t, GGML_MAX_DIMS> shape; // 1 beyond n_dims
    ggml_type type;
    std::uint64_t offset; // from the start of the data section
    std::uint64_t size;   // bytes
};

// How far a file is read: what lies behind may be missing, as from one that is being downloaded.
enum class GgufReach { metadata, whole, table };

class GgufFile {
public:
    // Reads the structure; throws ModelFileError for anything that gguf.cpp would refuse,
    // and for what it accepts and llama.cpp aborts on later.
    explicit GgufFile(const std::string & path, GgufReach reach = GgufReach::whole);
    // The same for a file that was opened before; throws where the path names another by now.
    explicit GgufFile(const FileIdentity & known);

    const FileIdentity & identity() const { return file_.identity(); }
    const std::string & path() const { return path_; }
    std::uint32_t version() const { return version_; }
    std::uint64_t alignment() const { return alignment_; }
    std::uint64_t data_offset() const { return data_offset_; }
    std::uint64_t size() const { return file_.bytes().size(); }
    // Bytes that its table says it has: up to the end of the last tensor.
    std::uint64_t needed_size() const;
    std::size_t n_metadata() const { return metadata_.size(); }
    std::uint64_t n_tensors() const { return n_tensors_; } // as the header says
    const std::vector<GgufTensor> & tensors() const { return tensors_; }
    std::string_view data(const GgufTensor & tensor) const {
        return file_.bytes().substr(data_offset_ + tensor.offset, tensor.size);
    }

    const GgufValue * find(std::string_view key) const;
    // Scalars of exactly this type; empty where the key is absent or of another type, which
    // llama.cpp reports itself.
    std::optional<std::uint16_t> uint16(std::string_view key) const;
    std::optional<std::uint32_t> uint32(std::string_view key) const;
    std::optional<float> float32(std::string_view key) const;
    std::optional<bool> boolean(std::string_view key) const;
    std::optional<std::string_view> string(std::string_view key) const;
    // A scalar of any type of whole numbers that is not negative.
    std::optional<std::uint64_t> whole_number(std::string_view key) const;
    // A scalar or an array of 32-bit integers, as a list.
    std::vector<std::uint32_t> uint32_list(std::string_view key) const;
    void for_each(const std::function<void(std::string_view, const GgufValue &)> & visit) const;
    // Visits the strings of a string array in order.
    static void for_each_string(const GgufValue & array,
                                const std::function<void(std::size_t, std::string_view)> & visit);

    [[noreturn]] void fail(const std::string & reason) const;

private:
    std::uint64_t read_header(GgufCursor & cursor); // returns the number of metadata pairs
    void read_metadata(GgufCursor & cursor, std::uint64_t n_pairs);
    void read_value(GgufCursor & cursor, std::string_view key);
    void read_alignment();
    void read_tensors(GgufCursor & cursor); // gguf_tensors.cpp
    GgufTensor read_tensor(GgufCursor & cursor);
    void measure(GgufTensor & tensor) const;
    void check_layout() const;
    void check_size() const;

    std::string path_;
    MappedFile file_;
    std::uint32_t version_ = 0;
    std::uint64_t n_tensors_ = 0;
    std::uint64_t alignment_ = GGUF_DEFAULT_ALIGNMENT;
    std::uint64_t data_offset_ = 0;
    std::unordered_map<std::string_view, GgufValue> metadata_;
    std::vector<GgufTensor> tensors_;
};

} // namespace pyengine
