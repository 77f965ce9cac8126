"""What is said of cold starts: what a model wants to write first, and what its keywords hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyengine.choose.keywords import standing_of_keywords
from pyengine.report.numbers import count
from pyengine.report.probed import ProbedModel, shown
from pyengine.report.words import say
from pyengine.run.record import ModelInfo, Note, Run


def reason_words(reason: str) -> str:
    """Say why a start has its tokens."""
    words = say("starts", reason.removesuffix("-after-bos"))
    return say("starts", "after-bos", words=words) if reason.endswith("-after-bos") else words


def probe_sentence(model: ProbedModel) -> str:
    """Say what a model wants to write, then which keywords stand out."""
    told = say(
        "probe",
        "answer",
        model=model.info,
        best=[_quoted(token) for token in model.top[:3]],
        effective=model.of_start("effective_tokens", model.starts[0]),
        entropy=model.of_start("entropy", model.starts[0]),
    )
    return told + standing_sentence(model)


def first_choices_sentence(models: Sequence[ProbedModel]) -> str:
    """Say what each of several models most wants to write."""
    best = [f"{model.label} {_quoted(model.top[0])}" for model in models if model.top]
    return say("probe", "several", best="; ".join(best))


def _quoted(token: Mapping[str, Any]) -> str:
    return say("probe", "token", token=shown(token), probability=token["probability"])


def standing_sentence(model: ProbedModel) -> str:
    """Say which language's keywords stand out; nothing where none was compared."""
    found = standing_of_keywords(model.run, model.model)
    if found is None:
        return ""
    n_compared, out = len(found.compared), found.standing_out
    if not out:
        return say("keywords", "nothing", n_compared=n_compared, least_p=found.least_p)
    return say(
        "keywords",
        "one-standing-out" if len(out) == 1 else "standing-out",
        n=len(out),
        n_compared=n_compared,
        leading=model.languages[out[0]],
        mass=model.value("matched_mass", language=out[0]),
        english=model.value("english_mass", language=out[0]),
    )


def keyword_sentences(model: ProbedModel) -> list[str]:
    """Say which words are not in the numbers of keywords, where some are not."""
    told = []
    n = sum(
        model.value("keyword_count", language=name, tokens="none") or 0 for name in model.languages
    )
    if n:
        told.append(say("probe", "unspellable", n=round(n)))
    if Note(code="split-words-not-measured", model=model.model) in model.run.notes:
        told.append(say("probe", "not-measured"))
    return told


def vocabulary_sentences(models: Sequence[ProbedModel]) -> list[str]:
    """Say what may be set side by side, where not all models have the same vocabulary."""
    return [] if same_vocabulary(models) else [say("probe", "different-vocabularies")]


def same_vocabulary(models: Sequence[ProbedModel]) -> bool:
    """Whether all models have the same vocabulary."""
    return len({model.info.vocabulary_sha256 for model in models}) == 1


def not_compared_words(run: Run, model: str) -> str:
    """Say why a model was not compared with the first, token by token; nothing where it was."""
    reasons = [n.values["why"] for n in run.notes if n.code == "not-compared" and n.model == model]
    return say("not-compared", reasons[-1]) if reasons else ""


def paper_words(metric: str, n: int) -> str:
    """Say what one of the paper's metrics is over."""
    return say("paper-metrics", metric, n=count(n))


def pre_tokenizer_words(info: ModelInfo) -> str:
    """Name the pre-tokenizer, or say that there is none."""
    return info.pre_tokenizer or say("probe", "no-pre-tokenizer")
