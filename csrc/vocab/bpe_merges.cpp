#include "vocab/bpe_merges.hpp"

#include <limits>
#include <string_view>

#include "vocab/merge_rules.hpp"
#include "vocab/merge_steps.hpp"

namespace pyengine {
namespace {

constexpr std::size_t longest = 512; // symbols; merging below is quadratic in their number

// A text while it is merged: its symbols, and the merge of each with the next.
class Word {
public:
    explicit Word(const MergeRules & rules) : rules_(rules) {}

    // Merges the text of a token to the end.
    MergeResult merge(std::size_t token) {
        split(rules_.text(token));
        while (!ranks_.empty()) {
            const std::size_t best = next();
            if (best == ranks_.size()) {
                return MergeResult::other;
            }
            join(best);
        }
        const bool same = symbols_.size() == 1 && symbols_[0] == static_cast<Symbol>(token);
        return same ? MergeResult::itself : MergeResult::other;
    }

private:
    void split(std::string_view text) {
        symbols_.clear();
        for (std::size_t i = 0; i < text.size();) {
            const std::string_view next = text.substr(i, character_length(text[i]));
            symbols_.push_back(rules_.character(next));
            i += next.size();
        }
        ranks_.clear();
        for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) {
            ranks_.push_back(rules_.rank(symbols_[i], symbols_[i + 1]));
        }
    }

    // The place of the first merge of lowest rank; behind the last where none applies.
    std::size_t next() const {
        std::size_t best = ranks_.size();
        std::int32_t rank = std::numeric_limits<std::int32_t>::max();
        for (std::size_t i = 0; i < ranks_.size(); ++i) {
            if (ranks_[i] != no_rank && ranks_[i] < rank) {
                rank = ranks_[i];
                best = i;
            }
        }
        return best;
    }

    void join(std::size_t place) {
        const auto next = static_cast<std::ptrdiff_t>(place) + 1;
        symbols_[place] = rules_.merge(ranks_[place]).result;
        symbols_.erase(symbols_.begin() + next);
        ranks_.erase(ranks_.begin() + next - 1);
        if (place > 0) {
            ranks_[place - 1] = rules_.rank(symbols_[place - 1], symbols_[place]);
        }
        if (place < ranks_.size()) {
            ranks_[place] = rules_.rank(symbols_[place], symbols_[place + 1]);
        }
    }

    const MergeRules & rules_;
    std::vector<Symbol> symbols_;
    std::vector<std::int32_t> ranks_; // of each with the next, or no_rank
};

bool is_text_array(const GgufValue * value) {
    return value != nullptr && value->is_array && value->type == GGUF_TYPE_STRING;
}

} // namespace

std::vector<MergeResult> merge_own_texts(const std::string & path) {
    const GgufFile file(path);
    const GgufValue * tokens = file.find("tokenizer.ggml.tokens");
    const GgufValue * merges = file.find("tokenizer.ggml.merges");
    if (!is_text_array(tokens) || !is_text_array(merges)) {
        return {};
    }
    const MergeRules rules(*tokens, *merges);
    const MergeSteps steps(rules);
    Word word(rules);
    std::vector<MergeResult> results(rules.n_tokens(), MergeResult::unknown);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (!rules.is_repeated(i) && rules.text(i).size() <= longest) {
            results[i] = steps.is_proved(i) ? MergeResult::itself : word.merge(i);
        }
    }
    return results;
}

} // namespace pyengine
