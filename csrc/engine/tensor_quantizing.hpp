// Single tensors of a model as llama.cpp's quantizer would write them, and what that loses.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include <ggml.h>

#include "engine/interrupt.hpp"
#include "gguf/gguf_file.hpp"
#include "gguf/imatrix.hpp"

namespace pyengine {

// One tensor: a matrix, or one for each expert, one after another.
struct Weight {
    std::string path; // of its model, for errors
    std::string name;
    ggml_type type;
    std::int64_t columns;     // the length of a row
    std::int64_t rows;        // of one matrix
    std::int64_t matrices;    // 1, or experts
    const char * bytes;       // all rows
    const float * importance; // of the columns of each matrix; null where none is known
};

// The tensors of a model, over all its parts, and what an importance matrix says of them.
class Weights {
public:
    // An empty `imatrix` is none. Throws ModelFileError.
    explicit Weights(const std::string & path, const std::string & imatrix = "");

    // It points into this object. Throws OptionError where there is none of that name,
    // ModelFileError where the importance matrix is of another model.
    Weight find(const std::string & name) const;
    // Throws ModelFileError where a file changed since it was opened.
    void require_unchanged() const;

private:
    std::string path_;
    std::string imatrix_;
    std::list<GgufFile> parts_;
    std::unordered_map<std::string_view, std::pair<const GgufFile *, const GgufTensor *>> tensors_;
    std::unordered_map<std::string, ImportanceEntry> importance_;
};

// Throws ModelFileError unless a tensor of `source` has as many columns, over all its experts, as
// an importance matrix says.
void check_importance(const std::string & imatrix, const std::string & source,
                      const ImportanceEntry & entry, std::size_t columns);

// n numbers of a type, which is F32, F16, BF16 or quantized, as floats.
void to_floats(ggml_type type, const char * bytes, std::int64_t n, float * floats);

// The bytes of all rows in another type, as llama_model_quantize writes them: of those that have
// the type already, the same. ggml ends the process on some floats that no model has, so where a
// file is not known, run it in a process that may end. Throws OptionError where the rows are no
// whole blocks of the type, or where ggml wants importance for it; ModelKindError where the tensor
// holds no floats; ModelFileError where one of them is NaN or infinite; Interrupted.
std::vector<std::uint8_t> quantized(const Weight & weight, ggml_type type, int threads,
                                    const Interrupt & interrupt);

// Sums over elements, each times its column's importance where that is known.
struct RoundingErrors {
    std::vector<double> squares; // of an element less its rounding, for each type
    double own = 0.0;            // of an element
};

// What rounding to each of some types loses, over `rows` evenly spread rows of each matrix, or over
// all where that is 0. The sums are the same for every number of threads. Throws as above.
RoundingErrors rounding_errors(const Weight & weight, const std::vector<ggml_type> & types,
                               std::int64_t rows, int threads, const Interrupt & interrupt);

// A tensor of another file beside this one in that one's type. Sums of squares over all elements,
// as they are without importance; NaN where the other holds what is no number.
struct TensorDifference {
    std::uint64_t n_bytes = 0; // that differ
    double own = 0.0;          // of the elements
    double rounding = 0.0;     // of an element less its rounding
    double other = 0.0;        // of an element less the other's
    double between = 0.0;      // of the rounding less the other's
};

// Throws OptionError where the two have not one shape, and as above.
TensorDifference compare_rounded(const Weight & weight, const Weight & other, int threads,
                                 const Interrupt & interrupt);

} // namespace pyengine
