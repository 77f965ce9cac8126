"""Over how much numbers are, and how it was cut."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pyengine.choose.verdicts import divergence, variants_of
from pyengine.report.measured import cluster_name
from pyengine.report.words import say
from pyengine.run.measurement import Measurement
from pyengine.run.record import Population, Run

# The language of conversations.
CHAT = "chat"


def amount_words(n_tokens: int, n: int, cluster: str = "document", *, most: bool = False) -> str:
    """Say over how much something was measured: 8,000 tokens of 18 documents, or at most that."""
    return say("scored", "at-most" if most else "over", tokens=n_tokens, n=n, cluster=cluster)


def scored_words(run: Run) -> str:
    """Say over how much was measured; nothing where over no text.

    Where variants stopped at different documents, that is what the longest has.
    """
    p = run.population
    if p is None:
        return ""
    counts = {kl.n for m in variants_of(run) if (kl := divergence(run, m.id))}
    return amount_words(p.n_tokens, p.n_scored_documents, most=len(counts) > 1)


def over_words(run: Run, row: Measurement) -> str:
    """Say over how much a number is, where that is not what was scored as a whole."""
    words = amount_words(row.n, row.n_clusters, cluster_name(run))
    return "" if words == scored_words(run) else words


def scored_sentence(population: Population) -> str:
    """Say how much was scored, and how it was cut."""
    languages = len(population.scored_languages)
    windows = windows_sentence(population)
    code = "chats" if CHAT in population.scored_languages else "scored"
    return say("scored", code, p=population, languages=languages, windows=windows)


def windows_sentence(population: Population) -> str:
    """Say how documents are cut into windows, and what every token is scored after."""
    p = population
    start = say("scored", "start" if p.prefix else "no-start", p=p)
    if CHAT in p.scored_languages:
        return say("scored", "turns", p=p, most=p.document_tokens or None, start=start)
    if p.document_tokens:
        return say("scored", "pieces", p=p, start=start)
    before = max(p.n_ctx - p.stride - len(p.prefix), 0)
    return say("scored", "windows", p=p, start=start, before=before)


def looks_sentence(population: Population) -> str:
    """Say when it was looked whether enough is known; nothing where that was once, at the end."""
    if population.looks == 1:
        return ""
    fewest = population.level_documents or None
    return say("scored", "looks", looks=population.looks, fewest=fewest)


def levels_sentence(population: Population) -> str:
    """Say through which variant levels were told; nothing where each was told by itself."""
    return say("scored", "anchor", anchor=population.anchor) if population.anchor else ""


def errors_sentences(n_clusters: Collection[int], cluster: str) -> list[str]:
    """Say over how many documents the errors in a table are; nothing where there is none."""
    if not n_clusters:
        return []
    least, most = min(n_clusters), max(n_clusters)
    least_of_several = least if least < most else None
    return [say("errors", "errors", least=least_of_several, most=most, cluster=cluster)]


def unknown_error_sentences(cells: Iterable[str]) -> list[str]:
    """Say what an unknown error means, where one is shown."""
    return [say("errors", "unknown")] if any(text.endswith("± ?") for text in cells) else []


def longest_sentences(counts: Collection[int], longest: str) -> list[str]:
    """Say of which model the counts in a table are, where those of all are not the same."""
    return [say("errors", "counts-of-longest", model=longest)] if len(set(counts)) > 1 else []
