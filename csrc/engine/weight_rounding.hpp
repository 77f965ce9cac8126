// The weights of an open model, replaced by what quantizing would leave of them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ggml.h>

#include "engine/interrupt.hpp"
#include "engine/model.hpp"

namespace pyengine {

// The names of the tensors of its file that the model reads to decode a token, in their order.
// Throws as Context does.
std::vector<std::string> used_weights(const std::shared_ptr<Model> & model, int threads,
                                      const Interrupt & interrupt);

// Quantizes tensors, each to a type, with their importance where `imatrix` names a file, and puts
// the floats that result in their place, in the type that they have. What is computed on the model
// later is computed with them. Afterwards every tensor is rounded, or, where it throws, the model
// is of no use any more. Throws OptionError where there is no such tensor, the model does not read
// it, or it cannot have the type, and where the weights are mapped; ModelKindError where it is no
// float; ModelFileError where the file changed since the model was opened; Interrupted.
void round_weights(const std::shared_ptr<Model> & model,
                   const std::vector<std::pair<std::string, ggml_type>> & types,
                   const std::string & imatrix, int threads, const Interrupt & interrupt);

} // namespace pyengine
