#include "engine/tensor_quantizing.hpp"

#include <algorithm>
#include <cstring>

#include "engine/errors.hpp"
#include "engine/finite.hpp"
#include "engine/threads.hpp"
#include "gguf/gguf_check.hpp"
#include "rows/parallel_rows.hpp"

namespace pyengine {
namespace {

// Rows of one matrix that are worked on together.
struct Piece {
    std::int64_t first; // counted over all matrices
    std::int64_t count;
};

std::size_t size_of_rows(const Weight & weight, ggml_type type, std::int64_t count) {
    return static_cast<std::size_t>(count) * ggml_row_size(type, weight.columns);
}

std::vector<Piece> pieces_of(const Weight & weight) {
    constexpr std::int64_t elements = 1 << 14;
    const std::int64_t most = std::max<std::int64_t>(1, elements / weight.columns);
    std::vector<Piece> pieces;
    for (std::int64_t matrix = 0; matrix < weight.matrices; ++matrix) {
        for (std::int64_t row = 0; row < weight.rows; row += most) {
            pieces.push_back({matrix * weight.rows + row, std::min(most, weight.rows - row)});
        }
    }
    return pieces;
}

// The middle rows of so many equal parts of each matrix.
std::vector<Piece> spread_pieces(const Weight & weight, std::int64_t rows) {
    if (rows == 0 || rows >= weight.rows) {
        return pieces_of(weight);
    }
    std::vector<Piece> pieces;
    for (std::int64_t matrix = 0; matrix < weight.matrices; ++matrix) {
        for (std::int64_t i = 0; i < rows; ++i) {
            pieces.push_back({matrix * weight.rows + (2 * i + 1) * weight.rows / (2 * rows), 1});
        }
    }
    return pieces;
}

// Calls work(i) for each piece, and between some of them looks whether it should stop.
template <class Work>
void for_each_piece(std::size_t n, int threads, const Interrupt & interrupt, const Work & work) {
    const std::size_t together = 8 * static_cast<std::size_t>(threads);
    InterruptPoll poll(interrupt);
    for (std::size_t done = 0; done < n; done += together) {
        if (poll.stop()) {
            throw Interrupted("quantizing was interrupted");
        }
        parallel_rows(std::min(together, n - done), static_cast<std::size_t>(threads),
                      [&](std::size_t i) { work(done + i); });
    }
}

[[noreturn]] void fail(const Weight & weight, const std::string & reason) {
    throw ModelFileError(weight.path, "tensor '" + weight.name + "' " + reason);
}

bool are_floats(ggml_type type) {
    return type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr;
}

void check_type(const Weight & weight, ggml_type type) {
    const std::string tensor = weight.path + ": tensor '" + weight.name + "' ";
    if (weight.columns % ggml_blck_size(type) != 0) {
        throw OptionError(tensor + "has rows of " + std::to_string(weight.columns) +
                          " elements, not whole " + ggml_type_name(type) + " blocks of " +
                          std::to_string(ggml_blck_size(type)));
    }
    if (ggml_quantize_requires_imatrix(type) && weight.importance == nullptr) {
        throw OptionError(tensor + "has no importance, which " + ggml_type_name(type) + " needs");
    }
    if (!are_floats(weight.type)) {
        throw ModelKindError(tensor + "is " + ggml_type_name(weight.type) +
                             ", of which ggml makes no floats");
    }
}

const char * bytes_of(const Weight & weight, const Piece & piece) {
    return weight.bytes + size_of_rows(weight, weight.type, piece.first);
}

std::vector<float> raw_floats(const Weight & weight, const Piece & piece) {
    const std::int64_t n = piece.count * weight.columns;
    std::vector<float> floats(static_cast<std::size_t>(n));
    to_floats(weight.type, bytes_of(weight, piece), n, floats.data());
    return floats;
}

std::vector<float> floats_of(const Weight & weight, const Piece & piece) {
    std::vector<float> floats = raw_floats(weight, piece);
    if (!all_finite(floats.data(), floats.size())) {
        fail(weight, "holds numbers that are NaN or infinite");
    }
    return floats;
}

const float * importance_of(const Weight & weight, const Piece & piece) {
    return weight.importance == nullptr
               ? nullptr
               : weight.importance + piece.first / weight.rows * weight.columns;
}

// Writes the bytes of a piece, and returns the floats that they stand for.
std::vector<float> round_piece(const Weight & weight, const Piece & piece,
                               const std::vector<float> & floats, ggml_type type, char * bytes) {
    ggml_quantize_chunk(type, floats.data(), bytes, 0, piece.count, weight.columns,
                        importance_of(weight, piece));
    std::vector<float> rounded(floats.size());
    to_floats(type, bytes, static_cast<std::int64_t>(floats.size()), rounded.data());
    if (!all_finite(rounded.data(), rounded.size())) {
        fail(weight, std::string("holds numbers that do not fit into ") + ggml_type_name(type));
    }
    return rounded;
}

// The sum of the squares of a less b, or of a where b is null.
double sum_of_squares(const Weight & weight, const Piece & piece, const float * a, const float * b,
                      const float * importance) {
    double sum = 0.0;
    for (std::int64_t row = 0; row < piece.count; ++row) {
        for (std::int64_t i = 0; i < weight.columns; ++i, ++a) {
            const double difference = static_cast<double>(*a) - (b == nullptr ? 0.0 : *b++);
            sum += difference * difference * (importance == nullptr ? 1.0 : importance[i]);
        }
    }
    return sum;
}

// Of one piece: each type's sum, then its own.
std::vector<double> piece_errors(const Weight & weight, const Piece & piece,
                                 const std::vector<ggml_type> & types) {
    const std::vector<float> floats = floats_of(weight, piece);
    const float * importance = importance_of(weight, piece);
    std::vector<char> bytes;
    std::vector<double> sums;
    for (const ggml_type type : types) {
        if (type == weight.type) {
            sums.push_back(0.0);
            continue;
        }
        bytes.resize(size_of_rows(weight, type, piece.count));
        const auto rounded = round_piece(weight, piece, floats, type, bytes.data());
        sums.push_back(sum_of_squares(weight, piece, floats.data(), rounded.data(), importance));
    }
    sums.push_back(sum_of_squares(weight, piece, floats.data(), nullptr, importance));
    return sums;
}

void add_squares(const Weight & weight, const Piece & piece, const std::vector<float> & floats,
                 const std::vector<float> & rounded, const std::vector<float> & other,
                 TensorDifference & sums) {
    const auto squares = [&](const std::vector<float> & a, const float * b) {
        return sum_of_squares(weight, piece, a.data(), b, nullptr);
    };
    sums.own = squares(floats, nullptr);
    sums.rounding = squares(floats, rounded.data());
    sums.other = squares(floats, other.data());
    sums.between = squares(rounded, other.data());
}

TensorDifference piece_difference(const Weight & weight, const Weight & other,
                                  const Piece & piece) {
    const bool copied = weight.type == other.type;
    const char * theirs = bytes_of(other, piece);
    std::vector<char> bytes(size_of_rows(weight, other.type, piece.count));
    std::vector<float> floats, rounded;
    if (copied) {
        std::copy_n(bytes_of(weight, piece), bytes.size(), bytes.begin());
    } else {
        floats = floats_of(weight, piece);
        rounded = round_piece(weight, piece, floats, other.type, bytes.data());
    }
    TensorDifference difference;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        difference.n_bytes += bytes[i] != theirs[i];
    }
    if (copied && are_floats(weight.type)) {
        floats = rounded = raw_floats(weight, piece);
    }
    if (!floats.empty()) {
        add_squares(weight, piece, floats, rounded, raw_floats(other, piece), difference);
    }
    return difference;
}

} // namespace

Weights::Weights(const std::string & path, const std::string & imatrix)
    : path_(path), imatrix_(imatrix) {
    for (const FileIdentity & part : check_gguf(path, false).parts) {
        const GgufFile & file = parts_.emplace_back(part);
        for (const GgufTensor & tensor : file.tensors()) {
            tensors_.emplace(tensor.name, std::make_pair(&file, &tensor));
        }
    }
    if (!imatrix.empty()) {
        for (ImportanceEntry & entry : read_imatrix(imatrix)) {
            importance_.emplace(entry.tensor, std::move(entry));
        }
    }
}

Weight Weights::find(const std::string & name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
        throw OptionError(path_ + ": has no tensor '" + name + "'");
    }
    const auto & [file, tensor] = found->second;
    Weight weight{path_,
                  name,
                  tensor->type,
                  tensor->shape[0],
                  tensor->shape[1],
                  tensor->shape[2] * tensor->shape[3],
                  file->data(*tensor).data(),
                  nullptr};
    if (const auto known = importance_.find(name); known != importance_.end()) {
        check_importance(imatrix_, path_, known->second,
                         static_cast<std::size_t>(weight.columns * weight.matrices));
        weight.importance = known->second.values.data();
    }
    return weight;
}

void Weights::require_unchanged() const {
    for (const GgufFile & part : parts_) {
        part.identity().require_unchanged();
    }
}

void check_importance(const std::string & imatrix, const std::string & source,
                      const ImportanceEntry & entry, std::size_t columns) {
    if (entry.values.size() != columns) {
        throw ModelFileError(imatrix, "is of another model than " + source + ": tensor '" +
                                          entry.tensor + "' has " + std::to_string(columns) +
                                          " columns there, and the importance of " +
                                          std::to_string(entry.values.size()) + " here");
    }
}

void to_floats(ggml_type type, const char * bytes, std::int64_t n, float * floats) {
    if (type == GGML_TYPE_F32) {
        std::memcpy(floats, bytes, static_cast<std::size_t>(n) * sizeof(float));
    } else {
        ggml_get_type_traits(type)->to_float(bytes, floats, n);
    }
}

std::vector<std::uint8_t> quantized(const Weight & weight, ggml_type type, int threads,
                                    const Interrupt & interrupt) {
    check_threads(threads);
    if (type == weight.type) {
        return {weight.bytes,
                weight.bytes + size_of_rows(weight, type, weight.rows * weight.matrices)};
    }
    check_type(weight, type);
    std::vector<std::uint8_t> bytes(size_of_rows(weight, type, weight.rows * weight.matrices));
    const std::vector<Piece> pieces = pieces_of(weight);
    for_each_piece(pieces.size(), threads, interrupt, [&](std::size_t i) {
        char * target =
            reinterpret_cast<char *>(bytes.data()) + size_of_rows(weight, type, pieces[i].first);
        round_piece(weight, pieces[i], floats_of(weight, pieces[i]), type, target);
    });
    return bytes;
}

RoundingErrors rounding_errors(const Weight & weight, const std::vector<ggml_type> & types,
                               std::int64_t rows, int threads, const Interrupt & interrupt) {
    check_threads(threads);
    if (rows < 0) {
        throw OptionError("rows must be 0 or more, not " + std::to_string(rows));
    }
    for (const ggml_type type : types) {
        check_type(weight, type);
    }
    const std::vector<Piece> pieces = spread_pieces(weight, rows);
    std::vector<std::vector<double>> sums(pieces.size());
    for_each_piece(pieces.size(), threads, interrupt,
                   [&](std::size_t i) { sums[i] = piece_errors(weight, pieces[i], types); });
    RoundingErrors errors{std::vector<double>(types.size(), 0.0)};
    for (const std::vector<double> & piece : sums) {
        for (std::size_t k = 0; k < types.size(); ++k) {
            errors.squares[k] += piece[k];
        }
        errors.own += piece.back();
    }
    return errors;
}

TensorDifference compare_rounded(const Weight & weight, const Weight & other, int threads,
                                 const Interrupt & interrupt) {
    check_threads(threads);
    if (weight.columns != other.columns || weight.rows != other.rows ||
        weight.matrices != other.matrices) {
        throw OptionError(other.path + ": tensor '" + other.name + "' has another shape than in " +
                          weight.path);
    }
    if (weight.type != other.type) {
        check_type(weight, other.type);
    }
    const std::vector<Piece> pieces = pieces_of(weight);
    std::vector<TensorDifference> found(pieces.size());
    for_each_piece(pieces.size(), threads, interrupt,
                   [&](std::size_t i) { found[i] = piece_difference(weight, other, pieces[i]); });
    TensorDifference sum;
    for (const TensorDifference & one : found) {
        sum.n_bytes += one.n_bytes;
        sum.own += one.own;
        sum.rounding += one.rounding;
        sum.other += one.other;
        sum.between += one.between;
    }
    return sum;
}

} // namespace pyengine
