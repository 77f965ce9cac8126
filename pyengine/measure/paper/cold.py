"""D.5: what cold starts say of the paper's words and tokens, at every start of a model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.errors import OptionError
from pyengine.measure.cold_rows import ColdRows, ProbeOptions, decode_cold
from pyengine.measure.engine import Progress
from pyengine.measure.exhibits import text_of, top_content
from pyengine.measure.found import Finding, measured
from pyengine.measure.keyword_mass import language_metrics, paper_metrics
from pyengine.measure.observers import top_tokens
from pyengine.measure.paper.lines import Line, relative
from pyengine.measure.paper.published import (
    BASELINE,
    COLD_MODEL,
    cold_rows,
    is_model,
    plain_name,
    union_table,
)
from pyengine.measure.probe import CODE_CLASSES
from pyengine.measure.start_tokens import default_starts, resolve_start
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.models.settings import ModelSpec
from pyengine.run.record import Exhibit, ModelInfo
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
LEVELS = ("pkp", "kap", "stp", "other")
CHANGES = ("pkp_change", "stp_change", "total_variation")
SHARES = {"import_share", "pkp_change", "stp_change"}
Ours = Mapping[str, Doubles]


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

    @property
    def is_full_row(self) -> bool:
        """Whether it is the row of the paper's table to which the others are related."""
        return self.info.file_type == BASELINE

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

    def mass(self, name: str) -> Doubles:
        """Return the mass of a set of tokens at each of its own starts."""
        return self._sets.sets[name].mass

    @property
    def log_keywords(self) -> Doubles:
        """ln p of each keyword that is one token, at each of its own starts."""
        return self._sets.sets["keywords"].log_probability

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
        kw, special = (np.exp(self._sets.sets[n].log_probability) for n in ("keywords", "special"))
        words = np.zeros((self.n_own, len(union_table())))
        words[:, : kw.shape[1]] = kw  # words that are no token count 0
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
        rows = self.decoded.rows
        statistics = TokenSets(rows.shape[1], {}).look_up(rows)
        top = top_tokens(rows, statistics.log_sum_exp, MOST)
        for start, best in zip(self.decoded.starts, top, strict=True):
            vocabulary = self.decoded.vocabulary
            content = {
                "name": start.name,
                "ids": list(start.ids),
                "pieces": [text_of(vocabulary.piece(token)) for token in start.ids],
                "reason": start.reason,
                "top": top_content(best, vocabulary),
            }
            yield Exhibit(kind="start", model=self.info.id, content=content)


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


def changes(one: Cold, baseline: Cold) -> Ours:
    """Return how the masses of a model differ from another's, at each start that both have."""
    mine, its = same_starts(one, baseline)
    a, b = one.numbers, baseline.numbers
    moved = sum(np.abs(a[name][mine] - b[name][its]) for name in ("pkp", "stp", "other"))
    return {
        "pkp_change": relative(a["pkp"][mine], b["pkp"][its]),
        "stp_change": relative(a["stp"][mine], b["stp"][its]),
        "total_variation": np.asarray(moved) / 2,
    }


def baseline_of(one: Cold, models: Mapping[str, Cold]) -> Cold | None:
    """Return the Q8_0 of the same model among those that were given."""
    for other in models.values():
        if other.is_full_row and plain_name(other.info) == plain_name(one.info):
            return other if len(same_starts(one, other)[0]) else None
    return None


def number_exhibit(one: Cold, baseline: Cold | None) -> Exhibit:
    """Hold what D.5 states of one model, number by number at each own start."""
    against = baseline is not None and baseline is not one
    numbers = {**one.numbers, **(changes(one, baseline) if against and baseline else {})}
    content = {
        "starts": [start.name for start in one.decoded.starts[: one.n_own]],
        "numbers": {
            name: [x if math.isfinite(x) else None for x in values.tolist()]
            for name, values in numbers.items()
        },
    }
    return Exhibit(kind="paper-cold", model=one.info.id, content=content)


def published_numbers(file_type: str) -> dict[str, float]:
    """Return what D.5 states of a quantization; some of it follows from what is printed."""
    row, first = cold_rows()[file_type], cold_rows()[BASELINE]
    kw, special = row["keywords"], row["special"]
    other = 1 - row["pkp"] - row["stp"]
    moved = [row[n] - first[n] for n in ("pkp", "stp")]
    return {
        **{name: value for name, value in row.items() if isinstance(value, float)},
        "other": other,
        "import_share": (kw["import"] + kw["package"]) / row["pkp"],
        "pkp_without_import": row["pkp"] - kw["import"],
        "stp_without_markdown": row["stp"] - special["**"],
        "pkp_change": row["pkp"] / first["pkp"] - 1,
        "stp_change": row["stp"] / first["stp"] - 1,
        "total_variation": (abs(moved[0]) + abs(moved[1]) + abs(sum(moved))) / 2,
    }


def cold_lines(models: Mapping[str, Cold]) -> Iterator[Line]:
    """Yield D.5, for each file whose quantization has a row there."""
    for one in models.values():
        file_type = one.info.file_type
        if file_type not in cold_rows():
            yield Line(table="D.5", quantity="row", about=file_type, model=one.info.id).unless(
                "no-such-row"
            )
            continue
        yield from _row_lines(one, baseline_of(one, models))


def input_lines(models: Mapping[str, Cold]) -> Iterator[Line]:
    """Yield what a cold start is fed (C), which the paper does not say, and its missing row."""
    for one in models.values():
        ids = " ".join(map(str, one.decoded.starts[0].ids))
        line = Line(table="C", quantity="input", model=one.info.id, here=ids)
        yield line.unless("not-in-paper")
    for word in warm_words():
        yield Line(table="A", quantity="warm", about=word).unless("not-in-paper")


def _row_lines(one: Cold, baseline: Cold | None) -> Iterator[Line]:
    info, file_type = one.info, one.info.file_type
    other = "" if is_model(info, COLD_MODEL) else "other-model"
    line = partial(Line, table="D.5", about=file_type, model=info.id)
    changed = {} if baseline is None else changes(one, baseline)
    for quantity, paper in published_numbers(file_type).items():
        if quantity in CHANGES and one.is_full_row:
            continue
        made = line(
            quantity=quantity, unit="share" if quantity in SHARES else "probability", paper=paper
        )
        ours = one.numbers.get(quantity, changed.get(quantity))
        if ours is None:
            yield made.unless("no-baseline")
        else:
            yield made.over_starts(ours).unless(other)
    row = cold_rows()[file_type]
    for name, set_name in (("keywords", "keywords"), ("special", "special")):
        best = dict(list(row[name].items())[:MOST])
        ours_best = [t["text"] for t in one.shown("set-tokens", set=set_name)["tokens"][:MOST]]
        shared = len(best.keys() & set(ours_best))
        top = line(quantity=f"{name}_top", unit="count", paper=len(best), here=shared)
        yield top.exact().unless(other)
        for text, p in row[name].items():
            told = line(quantity=f"{name}_token", unit="probability", paper=p)
            yield (
                replace(told, about=f"{file_type} {text}")
                .over_starts(one.token(text))
                .unless(other)
            )
    needed = one.shown("items-needed")
    for name, ours_name in (("keywords", "keywords"), ("special", "special_tokens")):
        paper_text = "/".join(str(n + 1) for n in row[f"{name}_needed"])  # printed one less
        here = "/".join(map(str, needed[ours_name]))
        told = line(quantity=f"{name}_needed", paper=paper_text, here=here)
        yield told.exact().unless(other)


def _share(part: Doubles, whole: Doubles) -> Doubles:
    shares: Doubles = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares
