// Sums of squared activations, taken as a context computes: what an importance matrix is made of.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "engine/node_observer.hpp"
#include "gguf/imatrix.hpp"

namespace pyengine {

// Follows the matrix products of the model's blocks, and those that select experts, as
// llama-imatrix does, in the same order of additions.
class ImportanceCollector : public NodeObserver {
public:
    // with_output: follow the output layer too, also where it is the embedding (tied).
    explicit ImportanceCollector(bool with_output) : with_output_(with_output) {}

    // Adds what a file holds. Throws ModelFileError where it does not fit what is there.
    void merge(const std::string & path);
    // Throws EngineError where a decode did not end well: then the sums are of no whole contexts.
    const Importance & importance() const;

    void begin(std::size_t n_tokens) override;
    // Throws NumbersError too, where a sum is not a number.
    void finish(const std::string & model_path) override;
    bool observe(ggml_tensor & node, bool ask) noexcept override;

private:
    bool wants(const ggml_tensor & node) const;
    void add(const ggml_tensor & node);
    void add_dense(const ggml_tensor & node, const std::string & name);
    void add_experts(const ggml_tensor & node, const std::string & name);
    ImportanceSums & sums_of(const std::string & name, std::int64_t n_sums, std::int64_t n_counts);

    bool with_output_;
    Importance importance_;
    bool whole_ = true; // no decode is under way, and none has failed
    std::exception_ptr failure_;
    // Graphs of equally many tokens are alike: after the last product that is followed, the rest of
    // the graph, mostly the output layer, need not be computed.
    std::size_t n_tokens_ = 0;
    std::size_t n_expected_ = 0; // products of a decode; 0 where not known yet
    std::size_t n_seen_ = 0;
    std::vector<char> activations_; // copies of what lies on a device
    std::vector<char> experts_;
};

} // namespace pyengine
