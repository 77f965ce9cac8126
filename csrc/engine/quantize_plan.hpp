// From what llama.cpp's quantizer says in a dry run to a plan in exact bytes.
#pragma once

#include "engine/quantize.hpp"

namespace pyengine {

// Throws EngineError where the transcript does not name every tensor of the source.
QuantizePlan plan_from_transcript(const std::string & source, const QuantizeOptions & options,
                                  const std::string & transcript);

} // namespace pyengine
