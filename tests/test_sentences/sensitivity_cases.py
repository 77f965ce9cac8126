"""Cases of what is said of groups of tensors that are rounded."""

import math
from dataclasses import asdict, replace

from said import Cases, case
from sensitivity_samples import sample_group, sample_sensitivity

from pyengine.measure.sensitivity_groups import TensorGroup
from pyengine.report.sensitivity_view import leaves_of, sensitivity_document
from pyengine.report.sentences.sensitivity import group_words, sensitivity_sentences
from pyengine.run import Run

RUN = sample_sensitivity()
ALONE = sample_group("ffn_down", (0, 3), 0.02)
LARGER = replace(sample_group("ffn_up", (0, 3), 0.01), n_weights=1)
WIDE = replace(ALONE, low=-0.01, high=0.05)
UNKNOWN = replace(ALONE, low=math.nan, high=math.nan)
ZERO = sample_group("attn_q", (0, 3), 0.0)


def said(groups: list[TensorGroup], *, joint: bool = True) -> list[str]:
    """What is said of some groups."""
    run = sample_sensitivity(groups)
    if not joint:
        run = run.model_copy(update={"measurements": []})
    return sensitivity_sentences(run, leaves_of(run))


def words(group: TensorGroup) -> str:
    """How a group is called."""
    return group_words(asdict(group))


def document(imatrix: str) -> object:
    """A whole document."""
    run: Run = sample_sensitivity(imatrix=imatrix)
    return sensitivity_document(run)


CASES: Cases = {
    "sensitivity": [
        case("answer[interval,least] joint", sensitivity_sentences, RUN, leaves_of(RUN)),
        case("answer joint", said, [UNKNOWN]),
        case("answer[interval]", said, [ALONE], joint=False),
        case("answer[interval,least] dear joint", said, [ALONE, LARGER]),
        case("answer[interval,least,within] dear joint", said, [WIDE, LARGER]),
        case("nothing", said, [ZERO]),
        case("nothing", said, []),
    ],
    "tensor-group": [
        case("outside", words, sample_group("token_embd", None, 0.1)),
        case("one", words, sample_group("attn_q", (2, 2), 0.1)),
        case("several", words, sample_group("attn_q", (2, 3), 0.1)),
    ],
    "facts": [
        case(["sensitivity-method/importance"], document, ""),
        case(["sensitivity-method/importance[imatrix]"], document, "m.gguf"),
    ],
}
