"""Cold and warm starts as contexts: before any text, and after keywords."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pyengine.measure.aggregate import aggregate
from pyengine.measure.contexts import Chunk, after, one_batch
from pyengine.measure.observers import Columns
from pyengine.measure.table import TokenTable
from pyengine.models.model import Vocabulary
from pyengine.models.session import FEW_TOKENS
from pyengine.run.measurement import Measurement, group_of
from pyengine.vocabulary.coverage import exact_split, find_forms
from pyengine.vocabulary.keywords import KeywordTable, load_tables

ALL_LANGUAGES = "all"
# What is said of starts, which have no token that followed.
METRICS = (
    *("kl", "kl_reverse", "jensen_shannon", "total_variation", "same_first_choice"),
    *("entropy", "keyword_mass", "keyword_mass_change"),
)
# What differs from language to language where the context is the same.
KEYWORDS = ("keyword_mass", "keyword_mass_change")


def keyword_ids(
    vocabulary: Vocabulary, table: KeywordTable, padding: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Return every token that is a keyword: bare or after a space, newline or tab, as written."""
    found = {token for word in table.words() for token in find_forms(vocabulary, word).values()}
    return np.array(sorted(found - set(padding.tolist())), dtype=np.int32)


def keyword_sets(
    vocabulary: Vocabulary, padding: npt.NDArray[np.int32]
) -> dict[str, npt.NDArray[np.int32]]:
    """Return the keyword tokens of every shipped language, and of all together as "all"."""
    tables = load_tables()
    sets = {name: keyword_ids(vocabulary, table, padding) for name, table in tables.items()}
    sets[ALL_LANGUAGES] = np.unique(np.concatenate(list(sets.values())))
    return sets


def start_chunk(
    vocabulary: Vocabulary,
    prefix: Sequence[int],
    cold: Sequence[int],
    *,
    threads: int,
    n_positions: int | None = None,
) -> tuple[Chunk, list[str]]:
    """Return the cold start, each keyword alone and each language's keywords, with their kinds.

    The cold start stands once for all keywords, and once for those of each language. Every row has
    the bits that it has when its context is decoded alone (see `Session.rows`).

    Args:
        prefix: what the tokenizer puts before a text.
        cold: the start token, even where the tokenizer adds none.
        n_positions: tokens at which a longer context is cut, because no model learned more; None
            for no limit.

    Returns:
        the chunk, whose first context is the cold start, and for each context its kind: "cold",
        "keyword" or "sequence", the keywords of a language joined by spaces.
    """
    tables = load_tables()
    contexts = [after(cold, name) for name in (ALL_LANGUAGES, *tables)]
    kinds = ["cold"] * len(contexts)
    for language, table in tables.items():
        splits = {word: ids for word in table.words() if (ids := exact_split(vocabulary, word))}
        contexts += [after([*prefix, *ids][:n_positions], language) for ids in splits.values()]
        kinds += ["keyword"] * len(splits)
        joined = exact_split(vocabulary, " ".join(splits))
        if splits and joined:
            contexts.append(after([*prefix, *joined][:n_positions], language))
            kinds.append("sequence")
    n_tokens = max(512, *(len(context.ids) for context in contexts))
    session = one_batch(n_tokens, max_rows=FEW_TOKENS, threads=threads, n_seq_max=FEW_TOKENS)
    return Chunk("starts", tuple(contexts), session), kinds


def start_measurements(
    names: npt.NDArray[np.str_],
    kinds: Sequence[str],
    columns: Columns,
    *,
    model: str,
    reference: str,
) -> Iterator[Measurement]:
    """Yield what each start says, averaged over a language's keywords where it is of one each.

    Args:
        names: the token set that is observed at each start.
        kinds: of each start, see `start_chunk`.
    """
    table = TokenTable(
        np.arange(len(names), dtype=np.intp),
        {"start": np.array(kinds), "language": names},
        columns,
    )
    for kind, language in dict.fromkeys(zip(kinds, names.tolist(), strict=True)):
        chosen = (table.labels["start"] == kind) & (names == language)
        members: Mapping[str, str] = {"start": kind}
        if language != ALL_LANGUAGES:
            members = {"start": kind, "language": language}
        yield from aggregate(
            table.where(chosen),
            model=model,
            reference=reference,
            group=group_of(members),
            metrics=KEYWORDS if kind == "cold" and language != ALL_LANGUAGES else METRICS,
        )
