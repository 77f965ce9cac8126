"""The cold starts of a model: what they say of the paper's words and tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.errors import OptionError
from pyengine.measure.cold_rows import ColdRows, ProbeOptions, decode_cold
from pyengine.measure.engine import Progress
from pyengine.measure.exhibits import start_exhibit
from pyengine.measure.found import Finding, measured
from pyengine.measure.keyword_mass import language_metrics, paper_metrics
from pyengine.measure.observers import top_tokens
from pyengine.measure.paper.published import BASELINE, cold_rows, union_table
from pyengine.measure.probe import CODE_CLASSES
from pyengine.measure.start_tokens import default_starts, resolve_start
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.models.settings import ModelSpec
from pyengine.run.record import Exhibit, ModelInfo
from pyengine.statistics.rows import pair_statistics
from pyengine.vocabulary.controls import english_like_words, english_words
from pyengine.vocabulary.coverage import bare_tokens
from pyengine.vocabulary.keywords import load_tables
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.token_classes import TokenClasses, classify
from pyengine.vocabulary.token_sets import Doubles, Ids, RowLookup, TokenSets
from pyengine.vocabulary.tokens import Pieces

# `import` and the other words with which files open.
OPENERS = ("import", "package", "include", "from", "using", "require")
MOST = 10  # tokens of a warm start, and of the paper's lists of most probable ones


def warm_words() -> tuple[str, ...]:
    """Return the words after which a model is asked too: the ten best of the paper's Q8_0."""
    return tuple(cold_rows()[BASELINE]["keywords"])[:MOST]


def decode(spec: ModelSpec, options: ProbeOptions, progress: Progress) -> Cold:
    """Decode a model's own starts, and the warm starts behind them.

    Raises:
        ModelFileError, ModelKindError, NumbersError, WorkerError: as `decode_cold`.
    """
    with open_model(spec.path, options=ModelOptions(vocabulary_only=True)) as model:
        own = [start.name for start in default_starts(model)]
        warm = []
        for word in warm_words():
            try:
                warm.append(resolve_start(f"text:{word}", model).name)
            except OptionError:  # the tokenizer makes no token of it
                continue
    asked = replace(options, starts=(*own, *warm), tables={"union": union_table()})
    return Cold(decode_cold(spec, asked, progress), len(own))


@dataclass(frozen=True, eq=False)
class Cold:
    """The cold starts of one model.

    Attributes:
        decoded: its own starts, the natural one first, and then the warm ones.
        n_own: of these the own ones.
    """

    decoded: ColdRows
    n_own: int

    @property
    def info(self) -> ModelInfo:
        """The model."""
        return self.decoded.info

    @cached_property
    def classes(self) -> TokenClasses:
        """The classes of its tokens."""
        return classify(PieceFeatures(Pieces.of(self.decoded.vocabulary)))

    @cached_property
    def keywords(self) -> Mapping[str, int]:
        """The words that are one bare token."""
        return bare_tokens(self.decoded.vocabulary, union_table().words())

    @cached_property
    def _sets(self) -> RowLookup:
        english = set(english_words())
        sets: dict[str, Ids] = {
            "keywords": sorted(set(self.keywords.values())),
            "special": self.classes.sets["paper: special"],
            "english": sorted({i for word, i in self.keywords.items() if word in english}),
            "openers": sorted({i for word, i in self.keywords.items() if word in OPENERS}),
            **{name: self.classes.sets[name] for name in CODE_CLASSES},
        }
        rows = self.decoded.rows[: self.n_own]
        return TokenSets(rows.shape[1], sets).look_up(rows)

    def _members(self, name: str, least: int) -> Doubles:
        """Return p of each token of a set at each own start, and 0 for members that are none."""
        p: Doubles = np.exp(self._sets.sets[name].log_probability)
        return np.pad(p, ((0, 0), (0, max(least - p.shape[1], 0))))

    def mass(self, name: str) -> Doubles:
        """Return the mass of a set of tokens at each of its own starts."""
        return self._sets.sets[name].mass

    @property
    def effective_keywords(self) -> float:
        """Return e to the entropy of the natural start's keywords among themselves."""
        p = np.exp(self._sets.sets["keywords"].log_probability[0])
        p = p[p > 0] / p.sum()
        return float(np.exp(-np.sum(p * np.log(p))))

    @property
    def warm_divergence(self) -> float | None:
        """Return the mean JS divergence between the rows after one warm word and the next."""
        rows = self.decoded.rows[self.n_own :]
        if len(rows) < 2:
            return None
        targets = np.zeros(len(rows) - 1, np.int32)
        return float(pair_statistics(rows[:-1], rows[1:], targets)["jensen_shannon"].mean())

    def token(self, text: str) -> Doubles:
        """Return a token's probability at each own start, by its text; 0 where there is none."""
        token = self.decoded.vocabulary.token(text.encode())
        if token is None:
            return np.zeros(self.n_own)
        logits = self.decoded.rows[: self.n_own, token].astype(np.float64)
        p: Doubles = np.exp(logits - self._sets.log_sum_exp)
        return p

    @cached_property
    def numbers(self) -> dict[str, Doubles]:
        """What D.5 states of one model, by quantity, at each own start."""
        words = self._members("keywords", len(union_table()))
        special = self._members("special", 2)  # of one alone there is no deviation
        pkp, stp = self.mass("keywords"), self.mass("special")
        quarters = np.quantile(special, (0.25, 0.5, 0.75), axis=1)
        return {
            "pkp": pkp,
            "kap": pkp / len(union_table()),
            "stp": stp,
            "other": 1 - pkp - stp,
            "import_share": _share(self.token("import") + self.token("package"), pkp),
            "pkp_without_import": pkp - self.token("import"),
            "pkp_without_openers": pkp - self.mass("openers"),
            "stp_without_markdown": stp - self.token("**"),
            "keyword_std": words.std(axis=1, ddof=1),
            "keyword_max": words.max(axis=1),
            "keyword_q75": np.quantile(words, 0.75, axis=1),
            "special_mean": special.mean(axis=1),
            "special_std": special.std(axis=1, ddof=1),
            **dict(zip(("special_q25", "special_q50", "special_q75"), quarters, strict=True)),
        }

    @cached_property
    def found(self) -> list[Finding]:
        """What `probe` measures of it at the natural start, over the 276 words."""
        table, vocabulary = union_table(), self.decoded.vocabulary
        english = english_like_words(vocabulary, {**load_tables("reference"), "union": table})
        return [
            *language_metrics(self.decoded, self.classes, table, english, draws=1000, seed=0),
            *paper_metrics(self.decoded, self.classes, {"union": table}),
        ]

    def shown(self, kind: str, **content: str) -> Mapping[str, Any]:
        """Return the content of an exhibit among what was found."""
        return next(
            one.content
            for one in self.found
            if isinstance(one, Exhibit)
            and one.kind == kind
            and content.items() <= one.content.items()
        )

    def findings(self) -> Iterator[Finding]:
        """Yield the measurements of D.5 at each own start, and the exhibits."""
        yield from self.found
        for i, start in enumerate(self.decoded.starts[: self.n_own]):
            members = {"collection": "paper", "start": start.name}
            for metric in ("pkp", "stp"):
                yield measured(self.info.id, metric, self.numbers[metric][i], members=members)
        for name in CODE_CLASSES:
            yield measured(self.info.id, "class_mass", self.mass(name)[0], members={"class": name})
        rows, vocabulary = self.decoded.rows, self.decoded.vocabulary
        top = top_tokens(rows, TokenSets(rows.shape[1], {}).look_up(rows).log_sum_exp, MOST)
        for start, best in zip(self.decoded.starts, top, strict=True):
            yield start_exhibit(self.info.id, start, best, vocabulary)


def same_starts(first: Cold, other: Cold) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return which own starts of two models are the same tokens; the natural ones must be.

    None are where those differ, or the vocabularies do.
    """
    none = np.empty(0, np.intp)
    if first.info.vocabulary_sha256 != other.info.vocabulary_sha256:
        return none, none
    mine, its = (
        {start.ids: i for i, start in enumerate(one.decoded.starts[: one.n_own])}
        for one in (first, other)
    )
    pairs = [(i, its[ids]) for ids, i in mine.items() if ids in its]
    if (0, 0) not in pairs:
        return none, none
    return np.array([i for i, _ in pairs]), np.array([j for _, j in pairs])


def _share(part: Doubles, whole: Doubles) -> Doubles:
    shares: Doubles = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares
