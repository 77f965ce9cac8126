// Looks on while a context computes, node by node.
#pragma once

#include <cstddef>
#include <string>

#include <ggml.h>

namespace pyengine {

// A context calls it; one at a time. Its decodes give no logits.
class NodeObserver {
public:
    virtual ~NodeObserver() = default;

    // Around a decode of so many tokens. `finish` throws what went wrong meanwhile.
    virtual void begin(std::size_t n_tokens) = 0;
    virtual void finish(const std::string & model_path) = 0;

    // What ggml_backend_sched_eval_callback says: asked whether it wants a node that is to be
    // computed, and shown those that it wants. False for one that it was shown leaves out the rest.
    virtual bool observe(ggml_tensor & node, bool ask) noexcept = 0;
};

} // namespace pyengine
