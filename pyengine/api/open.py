"""`open`: one model, asked again and again."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pyengine.api.arguments import Named, Words, usable_spec
from pyengine.api.arguments import words as named
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Self

    from pyengine.measure.cold_start import ColdStart, TokenProbability
    from pyengine.measure.pairs import EncodedPair
    from pyengine.measure.scoring import Score, Scorer, ScoringOptions
    from pyengine.measure.start_tokens import Start
    from pyengine.measure.word_ranks import RankedWord
    from pyengine.models.chat import ChatRenderer
    from pyengine.models.generation import Continuation
    from pyengine.models.model import LoadProgress, Model
    from pyengine.models.options import ModelOptions
    from pyengine.models.settings import Keyword


class OpenModel:
    """A model that is open; see `pyengine.open`.

    Probabilities are softmax at temperature 1 over the whole vocabulary, as those of `cold_start`.
    """

    def __init__(self, model: Model, threads: int | None) -> None:
        self.model = model
        self.threads = threads
        self._scores: Scorer | None = None
        self._chats: ChatRenderer | None = None

    @property
    def path(self) -> Path:
        """The model's file."""
        return self.model.path

    def score(
        self,
        texts: Words,
        prompts: Words = None,
        *,
        top: int = 0,
        exact: bool = False,
        context: int | None = None,
        flash_attention: Literal["auto", "on", "off"] = "auto",
        ubatch: int = 512,
        special: bool = False,
    ) -> list[Score]:
        """Return how probable the model finds each text, alone or after a prompt.

        Without a prompt a text follows what the model begins a document with (`natural_start`), so
        that its first token is scored too. A prompt and its text are tokenized together. What
        texts have in common with each other, such as their prompt, is decoded once.

        Args:
            texts: one text or several, none of them empty.
            prompts: what they follow: one prompt for all, or one for each.
            top: most probable tokens to list at each place.
            exact: decode each text alone and in one order, so that its numbers depend on no other
                text; else batches move those of quantized files a little.
            context: tokens that the model sees at most; None for what it was trained with. What is
                longer loses the beginning of its prompt, or is cut into rolling windows.
            flash_attention: "auto" as llama.cpp decides, "on" or "off".
            ubatch: tokens that are computed at once.
            special: read control tokens such as <|im_end|> as such, not as plain text.

        Returns:
            one `Score` for each: log-probabilities in nats, float64 (n_tokens,), ranks from 1.

        Raises:
            OptionError: a text is empty, prompts and texts are not equally many, or an option is
                out of range.
            TokenizerError: the tokenizer cannot split a text.
            NumbersError: a logit is NaN or infinite.

        Examples:
            >>> model.score([" yes", " no"], "Is the sky blue?")[0].log_probability
        """
        from pyengine.measure.scoring import ScoringOptions

        given, before = named(texts), named(prompts) or [""]
        if isinstance(prompts, str) or prompts is None:
            before = before * len(given)
        if len(before) != len(given):
            raise OptionError(f"{len(before)} prompts for {len(given)} texts; give one, or as many")
        options = ScoringOptions(
            top=top,
            exact=exact,
            context=context,
            flash_attention=flash_attention,
            n_ubatch=ubatch,
            parse_special=special,
            threads=self.threads,
        )
        return self._scorer(options).score(list(zip(before, given, strict=True)))

    def rank(self, prefix: str, words: Words) -> list[RankedWord]:
        """Return how probable each word is after a prefix, in all its forms, most probable first.

        Forms are those of the keywords: bare, after a space, a newline or a tab, and in another
        case. One that is no single token counts with the product over its tokens.

        Args:
            prefix: the text before; empty for the model's natural start.
            words: one word or several.

        Returns:
            of each word its probability over all forms, that of each form, and the best rank.

        Raises:
            OptionError: a word is empty.
            NumbersError: a logit is NaN or infinite.

        Examples:
            >>> model.rank("The sky is", ["blue", "green"])[0].word
        """
        from pyengine.measure.scoring import ScoringOptions
        from pyengine.measure.word_ranks import rank_words

        scorer = self._scorer(ScoringOptions(threads=self.threads))
        return rank_words(scorer, prefix, named(words))

    def encode_pair(self, prompt: str, text: str, *, special: bool = False) -> EncodedPair:
        """Return the tokens of a prompt and its continuation, as `score` counts them.

        Returns:
            ids, index of the first that is scored, and whether a token spans the border.

        Raises:
            TokenizerError: the tokenizer cannot split the text.

        Examples:
            >>> model.encode_pair("def f", "oo():").merged
        """
        from pyengine.measure.pairs import encode_pair

        return encode_pair(self.model.vocabulary, prompt, text, parse_special=special)

    @property
    def natural_start(self) -> Start:
        """The tokens with which the model begins a document, and why these."""
        from pyengine.measure.start_tokens import natural_start

        return natural_start(self.model.vocabulary)

    @property
    def padding_ids(self) -> npt.NDArray[np.int32]:
        """The entries of a row of logits that belong to no token; scores count them all the same.

        int32, ascending.
        """
        from pyengine.measure.subjects import padding_ids

        return padding_ids(self.model.vocabulary, self.model.n_vocab)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        **variables: Any,  # noqa: ANN401 - whatever a template reads
    ) -> str:
        """Return a conversation as the model's chat template writes it.

        The template runs in a process of its own, which compiles it once.

        Args:
            messages: dictionaries with "role" and "content".
            add_generation_prompt: end with the opening of the assistant's turn.
            variables: what else the template is given, such as `tools` or `enable_thinking`.

        Raises:
            OptionError: the model has no chat template.
            TokenizerError: the template fails, or refuses the messages.

        Examples:
            >>> model.chat([{"role": "user", "content": "Hello"}], tools=[])
        """
        from pyengine.models.chat import ChatRenderer

        self._chats = self._chats or ChatRenderer.of(self.model)
        (text,) = self._chats.render(
            [messages], answering=add_generation_prompt, variables=variables
        )
        return text

    def generate(
        self,
        prompts: Words,
        *,
        max_tokens: int = 256,
        stop: Words = None,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int = 0,
        top: int = 0,
        special: bool = False,
        parallel: int = 8,
    ) -> list[Continuation]:
        """Return how the model continues each prompt.

        Args:
            prompts: one prompt or several.
            max_tokens: most tokens to write.
            stop: strings behind which a continuation ends; it holds the one that ended it.
            temperature: divides the logits; 0 takes the most probable token.
            top_k, top_p, min_p: filters on the tokens that are drawn; 0, 1 and 0 keep all.
            seed: of each continuation's own random numbers.
            top: most probable tokens to list beside each token.
            special: read control tokens such as <|im_end|> in prompts as such.
            parallel: how many are written side by side.

        Returns:
            of each its tokens, text (bytes), log-probabilities in nats and, with `top`, the most
            probable tokens, as many as tokens; and why it ended.

        Raises:
            OptionError: a prompt makes no token, or an option is out of range.
            TokenizerError: the tokenizer cannot split a prompt.

        Examples:
            >>> model.generate("def fib(n):", max_tokens=64, stop=["\n\n"])[0].text
        """
        from pyengine.measure.pairs import PairEncoder
        from pyengine.models.generation import Generator, Request, SamplingOptions, holds_any
        from pyengine.models.serving import parallel_session

        encode = PairEncoder(self.model.vocabulary, parse_special=special)
        sampling = SamplingOptions(
            temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, seed=seed
        )
        ended = holds_any(named(stop))
        requests = [
            Request(encode.started(text), max_tokens, sampling=sampling, stop=ended, top=top)
            for text in named(prompts)
        ]
        if not requests:
            return []
        room = max(len(request.tokens) for request in requests) + max_tokens
        session = parallel_session(
            self.model, parallel=min(parallel, len(requests)), room=room, threads=self.threads
        )
        found = dict(Generator(session).run(requests))
        return [found[index] for index in range(len(requests))]

    def _scorer(self, options: ScoringOptions) -> Scorer:
        """Return what scores; its session stays open as long as the options are the same."""
        from pyengine.measure.scoring import Scorer

        if self._scores is None or self._scores.options != options:
            self._scores = None  # first: two sessions would be in memory
            self._scores = Scorer(self.model, options)
        return self._scores

    def next(self, text: str = "") -> ColdStart:
        """Return the distribution of the next token after a text; after nothing, the cold start.

        The text follows BOS where the tokenizer puts it before every text.

        Returns:
            log-probabilities in nats, float64 (n_vocab,), with `.top(k)`, `.mass(words)`,
            `.probability(word)` and `.entropy_bits`.

        Raises:
            OptionError: the text makes no token, or has too many.
            NumbersError: a logit is NaN or infinite.

        Examples:
            >>> model.next("def ").top(3)
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

        Examples:
            >>> model.top(10)
        """
        return self._cold.top(k)

    @cached_property
    def _cold(self) -> ColdStart:
        return self.next()

    def close(self) -> None:
        """Free the model's memory."""
        if self._chats is not None:
            self._chats.close()
        self._scores = None
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

    Examples:
        >>> with pyengine.open("ollama:qwen2.5-coder:1.5b") as model:
        ...     model.next("def ").top(3)
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

    Examples:
        >>> with pyengine.open_model("embedded:base") as model:
        ...     pyengine.Session(model).logits([1]).argmax()
    """
    from pyengine.models import model as engine
    from pyengine.models.references import resolve_model

    return engine.open_model(resolve_model(model), options=options, progress=progress)
