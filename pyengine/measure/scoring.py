"""How probable a model finds texts, alone or after prompts, token by token."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from pyengine.errors import OptionError
from pyengine.measure.contexts import Chunk, Context
from pyengine.measure.decode import observe
from pyengine.measure.documents import rows_at_once
from pyengine.measure.observers import Columns, target_columns, target_rank, top_columns
from pyengine.measure.pairs import EncodedPair, PairEncoder
from pyengine.measure.variants import Variant
from pyengine.models.model import Model
from pyengine.models.options import SessionOptions, used_threads
from pyengine.models.sharing import SharingSession

if TYPE_CHECKING:
    from pyengine.run.record import Setting

# Probabilities are over all entries of a row.
NO_PADDING: npt.NDArray[np.int32] = np.empty(0, dtype=np.int32)
Ints = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]
N_BATCH = 512
N_SEQUENCES = 64


@dataclass(frozen=True, kw_only=True)
class ScoringOptions:
    """How texts are scored.

    Attributes:
        top: most probable tokens to list at each place.
        exact: decode each text alone, so that its numbers depend on no other; slower.
        context: tokens that the model sees at most; None for what it was trained with.
        flash_attention: "auto" as llama.cpp decides, "on" or "off".
        n_ubatch: tokens that are computed at once.
        parse_special: read control tokens in texts as such.
        threads: CPU threads; None for one less than the cores this process may use.
    """

    top: int = 0
    exact: bool = False
    context: int | None = None
    flash_attention: Literal["auto", "on", "off"] = "auto"
    n_ubatch: int = N_BATCH
    parse_special: bool = False
    threads: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Score:
    """How probable a model finds a text after its prompt.

    Attributes:
        text: the text.
        ids: its tokens, int32 (n_tokens,).
        log_probabilities: of each token after those before it, nats, float64 (n_tokens,).
        ranks: place of each token among all, from 1, int32 (n_tokens,); 1 is greedy.
        offsets: where each begins in the text's UTF-8, and the end of the last, int64
            (n_tokens + 1,); negative within the prompt; None where pieces do not spell the text.
        prompt: what it follows; empty for the natural start.
        merged: tokenized together with the prompt, it has tokens that hold bytes of the prompt.
        n_left_out: first tokens of the prompt that did not fit into the context.
        n_windows: contexts that it was cut into; 1 where it fits.
        top_ids, top_log_probabilities: of the most probable tokens at each place, most probable
            first, int32 and float64 (n_tokens, top).
        settings: how it was decoded.
    """

    text: str
    ids: Ints
    log_probabilities: Doubles
    ranks: Ints
    offsets: npt.NDArray[np.int64] | None = None
    prompt: str = ""
    merged: bool = False
    n_left_out: int = 0
    n_windows: int = 1
    top_ids: Ints = field(default_factory=lambda: np.empty((0, 0), np.int32))
    top_log_probabilities: Doubles = field(default_factory=lambda: np.empty((0, 0)))
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def log_probability(self) -> float:
        """The sum over the tokens, nats: that a text goes on with these tokens."""
        return float(self.log_probabilities.sum())

    @property
    def is_greedy(self) -> bool:
        """Whether each token is the most probable one."""
        return bool((self.ranks == 1).all())

    @property
    def bits_per_byte(self) -> float:
        """-log2 of the probability, for each byte of the text in UTF-8."""
        return -self.log_probability / math.log(2) / len(self.text.encode())

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        return f"<Score {text!r}: {self.log_probability:.4g} nats, {len(self.ids)} tokens>"


class Scorer:
    """Scores texts and token ids with one open model; its session stays open between calls."""

    def __init__(self, model: Model, options: ScoringOptions) -> None:
        """Take a model.

        Raises:
            OptionError: an option is out of range.
        """
        trained = model.n_ctx_train or N_BATCH
        self.limit = options.context or min(trained, model.n_positions or trained)
        most = model.n_positions
        if self.limit < 1 or (most is not None and self.limit > most):
            upto = "" if most is None else f" to {most}, as many as the model has"
            raise OptionError(f"a context must be from 1 token{upto}, not {options.context}")
        if not 0 <= options.top <= model.n_vocab:
            raise OptionError(f"top must be from 0 to {model.n_vocab} tokens, not {options.top}")
        self.model, self.options = model, options
        self.encode = PairEncoder(model.vocabulary, parse_special=options.parse_special)
        self._session: SharingSession | None = None

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Score]:
        """Score (prompt, text) pairs.

        Raises:
            OptionError: a text is empty.
            TokenizerError: the tokenizer cannot split a text.
            NumbersError: a logit is NaN or infinite.
        """
        if not all(text for _, text in pairs):
            raise OptionError("a text is empty: only text has a probability")
        encoded = [self.encode(*pair) for pair in pairs]
        return [
            self._score(pair, ids, columns)
            for pair, ids, columns in zip(pairs, encoded, self.columns(encoded), strict=True)
        ]

    def columns(self, pairs: Sequence[EncodedPair]) -> list[Columns]:
        """Return what the model gives the tokens of each pair from its first one on.

        Columns: log_p (nats) and rank; with `top` also top_ids and top_log_p.
        """
        cut = [windows(pair.ids, pair.first, self.limit) for pair in pairs]
        contexts = tuple(context for some in cut for context in some)
        if not contexts:
            return [_no_columns(self.options.top) for _ in pairs]
        session = self._session_for(max(len(context.ids) for context in contexts))
        chunk = Chunk("score", contexts, session.options)
        observers = [target_columns, target_rank]
        if self.options.top:
            observers.append(partial(top_columns, self.options.top))
        variant = Variant(id="", path=str(self.model.path), sha256="")
        seen = observe(variant, chunk, observers, {}, NO_PADDING, within=session).columns
        bounds = np.cumsum([0, *(len(pair.ids) - pair.first for pair in pairs)])[1:-1]
        parts = {name: np.split(column, bounds) for name, column in seen.items()}
        return [{name: parts[name][i] for name in parts} for i in range(len(pairs))]

    @property
    def settings(self) -> dict[str, Setting]:
        """How texts are decoded: what numbers depend on beside the file and the texts."""
        options = self.options
        return {
            "exact": options.exact,
            "sharing": not options.exact and not self.model.is_recurrent,
            "flash_attention": options.flash_attention,
            "n_batch": N_BATCH,
            "n_ubatch": options.n_ubatch,
            "context": self.limit,
            "threads": used_threads(options.threads),
            **self.model.options.described(),
        }

    def _session_for(self, longest: int) -> SharingSession:
        """Return a session that holds the longest context, and one batch of others beside it."""
        share = bool(self.settings["sharing"])
        n_ctx = -(-longest // N_BATCH) * N_BATCH + share * N_BATCH
        if self._session is None or self._session.options.n_ctx < n_ctx:
            at_once = min(N_BATCH, rows_at_once(self.model.n_vocab))
            options = SessionOptions(
                n_ctx=n_ctx,
                n_batch=N_BATCH,
                n_ubatch=self.options.n_ubatch,
                n_seq_max=N_SEQUENCES if share else 1,
                max_rows=at_once,
                threads=self.options.threads,
                flash_attention=self.options.flash_attention,
            )
            self._session = None  # first: two would be in memory
            self._session = SharingSession(self.model, options=options, share=share)
        return self._session

    def _score(self, pair: tuple[str, str], encoded: EncodedPair, seen: Columns) -> Score:
        prompt, text = pair
        cut = list(windows(encoded.ids, encoded.first, self.limit))
        fed = len(cut[0].ids) if cut else 0
        end = encoded.first + len(cut[0]) if cut else 1
        return Score(
            text,
            np.array(encoded.ids[encoded.first :], dtype=np.int32),
            seen["log_p"],
            seen["rank"].astype(np.int32),
            encoded.offsets(self.model.vocabulary, prompt, text),
            prompt,
            encoded.merged,
            end - 1 - fed,
            len(cut),
            seen.get("top_ids", np.empty((0, 0), np.int32)),
            seen.get("top_log_p", np.empty((0, 0))),
            self.settings,
        )


def windows(ids: Sequence[int], first: int, limit: int) -> Iterator[Context]:
    """Yield the contexts in which the tokens from `first` on are scored, each once.

    One context where limit + 1 tokens hold what is scored: it loses what is too much of its
    beginning. Else rolling windows as lm-evaluation-harness defines them
    (`get_rolling_token_windows` with a context of 1): each scores `limit` tokens and feeds as
    many; the last one scores what is left, behind as many tokens as fit.
    """
    done = first
    while done < len(ids):
        end = min(len(ids), done + limit)
        begin = max(0, end - 1 - limit)
        rows = np.arange(done - 1 - begin, end - 1 - begin, dtype=np.int64)
        fed = np.array(ids[begin : end - 1], dtype=np.int32)
        yield Context(fed, rows, np.array(ids[done:end], dtype=np.int32))
        done = end


def _no_columns(top: int) -> Columns:
    none = np.empty(0)
    wide: Columns = {"top_ids": np.empty((0, top), np.int32), "top_log_p": np.empty((0, top))}
    return {"log_p": none, "rank": none, **(wide if top else {})}
