// An importance matrix: how much each input column of each weight matters.
#pragma once

#include <string>
#include <vector>

namespace pyengine {

struct ImportanceEntry {
    std::string tensor;        // name of the weight
    std::vector<float> values; // mean squared activation for every column of every expert
};

// Reads a GGUF written by llama-imatrix. Throws ModelFileError, with a word on how to convert it
// where the file is of the format that llama-imatrix wrote before.
std::vector<ImportanceEntry> read_imatrix(const std::string & path);

} // namespace pyengine
