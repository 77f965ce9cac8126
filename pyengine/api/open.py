"""`open`: one model, asked again and again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.api.arguments import Named, Words, usable_spec, words
from pyengine.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Self

    from pyengine.measure.cold_start import ColdStart, TokenProbability
    from pyengine.measure.contexts import Context
    from pyengine.models.model import LoadProgress, Model
    from pyengine.models.options import ModelOptions
    from pyengine.models.settings import Keyword


@dataclass(frozen=True, eq=False, repr=False)
class Score:
    """How probable a model finds a text.

    Attributes:
        text: the text.
        ids: its tokens, int32 (n_tokens,).
        log_probabilities: of each token after those before it, nats, float64 (n_tokens,).
    """

    text: str
    ids: npt.NDArray[np.int32]
    log_probabilities: npt.NDArray[np.float64]

    @property
    def log_probability(self) -> float:
        """The sum over the tokens, nats: that a document begins with these tokens."""
        return float(self.log_probabilities.sum())

    @property
    def bits_per_byte(self) -> float:
        """-log2 of the probability, for each byte of the text in UTF-8."""
        return -self.log_probability / math.log(2) / len(self.text.encode())

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        return f"<Score {text!r}: {self.log_probability:.4g} nats, {len(self.ids)} tokens>"


class OpenModel:
    """A model that is open; see `pyengine.open`.

    Probabilities are softmax at temperature 1 over the whole vocabulary, as those of `cold_start`.
    """

    def __init__(self, model: Model, threads: int | None) -> None:
        self.model = model
        self.threads = threads

    @property
    def path(self) -> Path:
        """The model's file."""
        return self.model.path

    def score(self, texts: Words) -> list[Score]:
        """Return how probable the model finds each text.

        A text follows what the model begins a document with (its natural start, see `cold_start`),
        so that its first token is scored too. Control tokens in it are plain text.

        Args:
            texts: one text or several, none of them empty.

        Returns:
            one `Score` for each: log-probabilities in nats, float64 (n_tokens,).

        Raises:
            OptionError: a text is empty, or longer than the positions that the model has.
            TokenizerError: the tokenizer cannot split a text.
            NumbersError: a logit is NaN or infinite.

        Example:
            model.score(["def f(", "class A:"])[0].log_probability
        """
        from pyengine.measure.cold_rows import NO_PADDING
        from pyengine.measure.contexts import Chunk
        from pyengine.measure.decode import observe
        from pyengine.measure.documents import window_session
        from pyengine.measure.observers import target_columns
        from pyengine.measure.variants import Variant
        from pyengine.models.options import default_threads
        from pyengine.models.session import Session

        given = words(texts)
        contexts = [self._context(text) for text in given]
        if not contexts:
            return []
        threads = self.threads or default_threads()
        options = window_session(contexts, n_ctx=1, n_vocab=self.model.n_vocab, threads=threads)
        chunk = Chunk("score", tuple(contexts), options)
        variant = Variant(id="", path=str(self.path), sha256="")
        session = Session(self.model, options=options)
        seen = observe(variant, chunk, [target_columns], {}, NO_PADDING, within=session)
        bounds = chunk.offsets.tolist()
        return [
            Score(text, context.targets, seen.columns["log_p"][begin:end])
            for text, context, begin, end in zip(
                given, contexts, bounds[:-1], bounds[1:], strict=True
            )
        ]

    def next(self, text: str = "") -> ColdStart:
        """Return the distribution of the next token after a text; after nothing, the cold start.

        The text follows BOS where the tokenizer puts it before every text.

        Returns:
            log-probabilities in nats, float64 (n_vocab,), with `.top(k)`, `.mass(words)`,
            `.probability(word)` and `.entropy_bits`.

        Raises:
            OptionError: the text makes no token, or has too many.
            NumbersError: a logit is NaN or infinite.

        Example:
            model.next("def ").top(3)
        """
        from pyengine.measure.cold_start import cold_start
        from pyengine.measure.start_tokens import NATURAL

        return cold_start(
            self.model, start=f"text:{text}" if text else NATURAL, threads=self.threads
        )

    def top(self, k: int = 10) -> list[TokenProbability]:
        """Return the k most probable first tokens when nothing was asked, most probable first.

        Returns:
            of each token id, text, probability from 0 to 1, and rank from 1.

        Raises:
            OptionError: k is not positive.
            NumbersError: a logit is NaN or infinite.

        Example:
            model.top(10)
        """
        return self._cold.top(k)

    @cached_property
    def _cold(self) -> ColdStart:
        return self.next()

    def _context(self, text: str) -> Context:
        import numpy as np

        from pyengine.measure.contexts import Context
        from pyengine.measure.start_tokens import natural_start

        if not text:
            raise OptionError("a text is empty: only text has a probability")
        start = natural_start(self.model).ids
        ids = self.model.vocabulary.tokenize(text.encode())
        fed = np.concatenate([np.asarray(start, dtype=np.int32), ids[:-1]])
        most = self.model.n_positions
        if most is not None and len(fed) > most:
            raise OptionError(f"a text of {len(ids)} tokens: this model has {most} positions")
        return Context(fed, np.arange(len(start) - 1, len(fed), dtype=np.int64), ids)

    def close(self) -> None:
        """Free the model's memory."""
        self.model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<OpenModel {self.path.name}>"


def open(  # noqa: A001 - pyengine.open
    model: Named | None = None,
    *,
    threads: int | None = None,
    gpu_layers: int = 0,
    **settings: Keyword,
) -> OpenModel:
    """Open a model, to ask it again and again; a context manager that closes it.

    Args:
        model: a path or a reference, as everywhere; None for the embedded model.
        threads: CPU threads; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        settings: as `with_settings` takes them, such as kv="q8_0".

    Raises:
        ModelFileError: there is no such file, or it cannot be opened.
        OptionError: a setting is impossible.

    Example:
        with pyengine.open("ollama:qwen2.5-coder:1.5b") as model:
            model.next("def ").top(3)
    """
    from pyengine.models.model import open_model
    from pyengine.models.options import ModelOptions
    from pyengine.models.references import DEFAULT_MEMBER
    from pyengine.models.settings import with_settings

    named = model if model is not None else f"embedded:{DEFAULT_MEMBER}"
    spec = usable_spec(with_settings(named, **settings))
    how = spec.opening(ModelOptions(n_gpu_layers=gpu_layers))
    return OpenModel(open_model(spec.path, options=how), threads)


def open_model(
    model: Named | None = None,
    *,
    options: ModelOptions | None = None,
    progress: LoadProgress | None = None,
) -> Model:
    """Open a model for the layer below: its tokenizer, its metadata, and sessions that decode.

    Args:
        model: a path or a reference, as everywhere; None for the embedded model.
        options: how to open it.
        progress: called with a fraction from 0 to 1 while the weights load.

    Returns:
        a context manager; `pyengine.Session(model)` gives rows of logits, float32 (n, n_vocab).

    Raises:
        ModelFileError: the file is missing, truncated, corrupt or not a usable GGUF.
        KeyboardInterrupt: Ctrl-C while loading.

    Example:
        with pyengine.open_model("embedded:base") as model:
            pyengine.Session(model).logits([1]).argmax()
    """
    from pyengine.models import model as engine
    from pyengine.models.references import resolve_model

    return engine.open_model(resolve_model(model), options=options, progress=progress)
