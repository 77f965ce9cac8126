// Symbols that the merges certainly make of their own characters, found without merging each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vocab/merge_rules.hpp"

namespace pyengine {

// Each symbol's last step is a merge of a left and a right part, which were made in the same way
// before. The merges of the whole are those of the parts, as long as none joins the end of the
// left part to the beginning of the right one first. So two neighbours have to be looked at for
// each step on the right edge of the left part and on the left edge of the right part, not every
// pair of the text.
//
// It takes for granted that whatever makes a part of a merge is of lower rank than the merge: then
// a merge brings no pair of lower rank about, and ranks are worked off in their order. True of
// merges in the order in which they were learned; where it is not, nothing is proved.
class MergeSteps {
public:
    explicit MergeSteps(const MergeRules & rules);

    // Whether merging the symbol's characters is proved to end in the symbol.
    bool is_proved(std::size_t symbol) const { return steps_[symbol].rank != unproved; }

private:
    static constexpr std::int32_t character = -1;
    static constexpr std::int32_t unproved = -2;

    struct Step {
        Symbol left;
        Symbol right;
        std::int32_t rank; // of the merge that makes the symbol, or one of the numbers above
    };

    const Step & step(Symbol symbol) const { return steps_[static_cast<std::size_t>(symbol)]; }
    bool is_learned_order() const;
    bool is_undisturbed(Symbol left, Symbol right, std::int32_t rank) const;

    const MergeRules & rules_;
    std::vector<Step> steps_;
};

} // namespace pyengine
