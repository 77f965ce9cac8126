// From what llama.cpp's quantizer says in a dry run to a plan in exact bytes.
#pragma once

#include "engine/quantize_source.hpp"

namespace pyengine {

// Throws EngineError where the transcript does not name every tensor of the source.
QuantizePlan plan_from_transcript(const QuantizeSource & source, const QuantizeOptions & options,
                                  const std::string & transcript);

// Throws OptionError where a transcript ends with rows for which there was no other type.
void check_fallbacks(const QuantizeSource & source, const std::string & transcript);

} // namespace pyengine
