#include "vocab/merge_steps.hpp"

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
    for (const Merge & merge : rules.merges()) {
        if (merge.result != no_symbol && step(merge.result).rank == unproved &&
            step(merge.left).rank != unproved && step(merge.right).rank != unproved &&
            is_undisturbed(merge.left, merge.right, rank)) {
            steps_[static_cast<std::size_t>(merge.result)] = {merge.left, merge.right, rank};
        }
        ++rank;
    }
}

bool MergeSteps::is_learned_order() const {
    std::vector<bool> is_part(steps_.size(), false); // of this merge or of one of lower rank
    for (const Merge & merge : rules_.merges()) {
        if (merge.left == no_symbol) {
            continue;
        }
        is_part[static_cast<std::size_t>(merge.left)] = true;
        is_part[static_cast<std::size_t>(merge.right)] = true;
        if (merge.result != no_symbol && is_part[static_cast<std::size_t>(merge.result)]) {
            return false;
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
        const std::int32_t across = rules_.rank(left, right);
        if (across != no_rank && across < left_until && across <= right_until) {
            return false;
        }
    }
    return true;
}

} // namespace pyengine
