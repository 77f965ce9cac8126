// An importance matrix: how much each input column of each weight matters.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pyengine {

struct ImportanceEntry {
    std::string tensor;        // name of the weight
    std::vector<float> values; // mean squared activation for every column of every expert
};

// Sums of squared activations of one weight, and over how many tokens they are: one number for
// each expert, or one for the whole weight.
struct ImportanceSums {
    std::vector<float> sums;
    std::vector<std::int64_t> counts;
};

// What a file holds: sums by the name of the weight, and the names of the texts they are over.
struct Importance {
    std::map<std::string, ImportanceSums> weights;
    std::vector<std::string> datasets;
};

// The longest name of a weight whose sums a file can hold.
extern const std::size_t longest_importance_name;

// Reads a GGUF written by llama-imatrix. Throws ModelFileError, with a word on how to convert it
// where the file is of the format that llama-imatrix wrote before.
Importance read_importance(const std::string & path);
// The same as means; a column of an expert that saw no token has 1.
std::vector<ImportanceEntry> read_imatrix(const std::string & path);

// The bytes of such a file. Counts are written as float32, exact up to 2^24.
// chunk_size: tokens of a context. metadata: texts by their keys, which are llama.cpp's or ours.
std::string write_importance(const Importance & importance, std::uint32_t chunk_size,
                             const std::vector<std::pair<std::string, std::string>> & metadata);

} // namespace pyengine
