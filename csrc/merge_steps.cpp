#include "merge_steps.hpp"

namespace pyengine {

MergeSteps::MergeSteps(const MergeRules & rules)
    : rules_(rules), steps_(rules.n_symbols(), Step{no_symbol, no_symbol, unproved}) {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const std::string_view text = rules.text(i);
        if (!text.empty() && character_length(text.front()) == text.size()) {
            steps_[i].rank = character;
        }
    }
    if (!is_learned_order()) {
        return;
    }
    std::int32_t rank = 0;
    for (const MergeRules::Rule & rule : rules.rules()) {
        if (rule.result != no_symbol && step(rule.result).rank == unproved &&
            step(rule.left).rank != unproved && step(rule.right).rank != unproved &&
            is_undisturbed(rule.left, rule.right, rank)) {
            steps_[static_cast<std::size_t>(rule.result)] = {rule.left, rule.right, rank};
        }
        ++rank;
    }
}

bool MergeSteps::is_learned_order() const {
    const auto & rules = rules_.rules();
    std::vector<std::int32_t> last(steps_.size(), -1); // rank of the last rule that makes a symbol
    for (std::size_t rank = 0; rank < rules.size(); ++rank) {
        if (rules[rank].result != no_symbol) {
            last[static_cast<std::size_t>(rules[rank].result)] = static_cast<std::int32_t>(rank);
        }
    }
    for (std::size_t rank = 0; rank < rules.size(); ++rank) {
        for (const Symbol part : {rules[rank].left, rules[rank].right}) {
            if (part != no_symbol &&
                last[static_cast<std::size_t>(part)] >= static_cast<std::int32_t>(rank)) {
                return false;
            }
        }
    }
    return true;
}

// Goes back in time, from the two parts to the two characters between which they meet.
bool MergeSteps::is_undisturbed(Symbol left, Symbol right, std::int32_t rank) const {
    std::int32_t left_until = rank; // the rank at which the symbol became part of a larger one
    std::int32_t right_until = rank;
    while (step(left).rank != character || step(right).rank != character) {
        if (step(left).rank >= step(right).rank) {
            left_until = step(left).rank;
            left = step(left).right;
        } else {
            right_until = step(right).rank;
            right = step(right).left;
        }
        // Of equal ranks, the merge further to the left goes first: the left part's own does, and
        // the right part's own does not.
        const Merge * across = rules_.find(left, right);
        if (across != nullptr && across->rank < left_until && across->rank <= right_until) {
            return false;
        }
    }
    return true;
}

} // namespace pyengine
