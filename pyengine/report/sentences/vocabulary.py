"""What is said of tokenizers, of one and of several side by side, and of a text's tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyengine.report.pieces import file_name, visible
from pyengine.report.vocab_found import Found, Words, labels
from pyengine.report.words import say
from pyengine.run.record import Run

# Of so few documents in each language nothing is said of languages.
FEW_DOCUMENTS = 10


def vocab_sentence(found: Found) -> str:
    """Say how many reserved words one tokenizer keeps whole, and what code costs in it."""
    classes = [p.of_class(c) for p in found.languages() for c in ("reserved", "listed")]
    parts = [part for part in classes if part is not None]
    tokens, n_bytes = found.spent()
    return say(
        "vocabulary",
        "answer",
        name=found.info.name,
        whole=sum(part.bare for part in parts),
        words=sum(part.words for part in parts),
        n_languages=len(parts),
        per_token=n_bytes / tokens if tokens else None,
        broken=found.count("unreachable") or None,
    )


def identity_words(found: Found) -> dict[str, str]:
    """Say in which order the tokens stand, which are special, and which are added to a text."""
    identity = found.identity
    special = ", ".join(
        f"{t['name']} {t['id']} {visible(t['piece'])}" for t in identity["special_tokens"]
    )
    added = ", ".join(name for name in ("BOS", "EOS") if identity[f"add_{name.lower()}"])
    return {
        "order": say("vocabulary", "in-cl100k" if identity["cl100k"] else "own-order"),
        "special": special or say("vocabulary", "none-declared"),
        "added": added or say("vocabulary", "nothing-added"),
    }


def special_faults_words(found: Found) -> str:
    """Say what is wrong with the special tokens, or that nothing is."""
    faults = found.notes("special-token")
    told = [say("special-tokens", fault["fault"], **fault) for fault in faults]
    return "; ".join(told) or say("vocabulary", "as-declared")


def reachable_words(found: Found) -> str:
    """Say how many tokens never come from the text that they stand for, or why that is unknown."""
    for note in found.notes("reachability-untested"):
        return say("untested", note["why"])
    broken, tested = found.count("unreachable"), found.n("unreachable")
    examples = examples_words(found, "unreachable")
    return say("vocabulary", "reachable", broken=broken, tested=tested, examples=examples)


def examples_words(found: Found, fault: str) -> str:
    """Show some of the tokens with a fault; nothing where there are none."""
    examples = found.exhibit("pieces", fault=fault)
    pieces = examples["pieces"][:8] if examples else []
    return say("vocabulary", "such-as", pieces=" ".join(map(visible, pieces))) if pieces else ""


def rank_sentences(found: Found) -> list[str]:
    """Say what a place in the order of cl100k means, where the tokens stand in that order."""
    return [say("vocabulary", "cl100k")] if found.identity["cl100k"] else []


def fertility_sentences(found: Found) -> list[str]:
    """Say what to know of what code costs in one tokenizer."""
    texts, told = found.texts(), []
    documents = (text.n("refused_documents") - text.refused for text in texts)
    if max(documents, default=0) < FEW_DOCUMENTS:
        told.append(say("vocabulary", "few-documents"))
    if refused := sum(text.refused for text in texts):
        told.append(say("vocabulary", "refused", n=refused))
    if changes_text(texts):
        told.append(say("vocabulary", "no-places"))
    return told


def changes_text(texts: Iterable[Words]) -> bool:
    """Whether a tokenizer changes a text, so that not all of its tokens have a place in it."""
    return any((text.value("located_share") or 0) < 1 for text in texts)


def no_syntax_sentence(found: Found) -> str:
    """Say that no token has a syntactic class, and why; nothing where some have one."""
    known = found.run.select("syntax_token_share", model=found.model)
    return "" if known else say("vocabulary", "no-syntax")


def summary_sentence(models: Sequence[Found]) -> str:
    """Say which models share a tokenizer, and how different ones compare."""
    groups: dict[str, list[str]] = {}
    for label, found in zip(labels(models), models, strict=True):
        groups.setdefault(found.info.vocabulary_sha256, []).append(label)
    shared = "; ".join(" = ".join(group) for group in groups.values() if len(group) > 1)
    values = {"n": len(models), "different": len(groups), "shared": shared}
    if len(groups) == 1:
        return say("vocabulary", "one", **values)
    told = say("vocabulary", "several", **values)
    return f"{told}{most_whole_sentence(models)}{fewest_tokens_sentence(models)}"


def most_whole_sentence(models: Sequence[Found]) -> str:
    """Say who keeps most keywords whole, counting each word of all languages once."""
    unions = [found.union for found in models]
    whole_words = [union.bare for union in unions]
    values = {"least": min(whole_words), "most": max(whole_words), "n": unions[0].words}
    if values["least"] == values["most"]:
        return say("vocabulary", "equal-words", **values)
    return say("vocabulary", "most-words", **values, **_ends(models, whole_words))


def fewest_tokens_sentence(models: Sequence[Found]) -> str:
    """Say who spends fewest tokens on the same text; nothing where they could not all take it."""
    costs = [found.spent() for found in models]
    spent, n_bytes = [tokens for tokens, _ in costs], {size for _, size in costs}
    if len(n_bytes) > 1 or min(spent) == 0:
        return ""
    (size,) = n_bytes
    values = {"most": size / min(spent), "least": size / max(spent)}
    if min(spent) == max(spent):
        return say("vocabulary", "equal-tokens", **values)
    return say("vocabulary", "fewest-tokens", **values, **_ends(models, [-n for n in spent]))


def _ends(models: Sequence[Found], values: Sequence[int]) -> dict[str, str]:
    """Name the models of the largest and of the smallest value."""
    return {
        "best": _which(models, values, max(values)),
        "worst": _which(models, values, min(values)),
    }


def _which(models: Sequence[Found], values: Sequence[int], wanted: int) -> str:
    """Name the models that have a value by letter and file."""
    named = zip(labels(models), (found.info for found in models), values, strict=True)
    return ", ".join(f"{n} ({file_name(m.path, m.name)})" for n, m, v in named if v == wanted)


def lost_sentences(models: Sequence[Found]) -> list[str]:
    """Say why numbers by keyword and class are missing, where a tokenizer changes the text."""
    changed = any(changes_text(found.texts()) for found in models)
    return [say("vocabulary", "lost")] if changed else []


def tokenize_sentence(run: Run, content: Mapping[str, Any]) -> str:
    """Say how many tokens a text is, and whether it comes back from them."""
    model = run.models[0]
    density = run.find("bytes_per_token", model.id)
    failed = run.find("round_trip_failures", model.id)
    same = None if failed is None else "same" if failed.value == 0 else "other"
    return say(
        "tokens",
        "answer",
        n_bytes=content["n_bytes"],
        n=len(content["tokens"]),
        tokenizer=f"{model.tokenizer} {model.pre_tokenizer}".strip(),
        density=density.value if density is not None and density.value > 0 else None,
        what=say("tokens", same) if same else None,
    )


def marks_sentence() -> str:
    """Say how the tokens of a text are marked."""
    return say("tokens", "marked")


def tokens_sentences(tokens: Sequence[Mapping[str, Any]], rows: int) -> list[str]:
    """Say how many tokens are not in the table, and what a token without a place is."""
    left = len(tokens) - rows
    told = [say("tokens", "more", n=left)] if left > 0 else []
    if any(token["start"] is None for token in tokens):
        told.append(say("tokens", "no-places"))
    return told
