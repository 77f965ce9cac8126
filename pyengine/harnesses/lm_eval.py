"""lm-evaluation-harness: a model of the name `pyengine`, and its own command line with it.

Importing this module registers the model: lm_eval has no entry point for models.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from lm_eval.models.utils import normalize_gen_kwargs
from tqdm import tqdm

from pyengine.api.open import open as open_model
from pyengine.errors import OptionError
from pyengine.measure.scoring import Scorer, ScoringOptions
from pyengine.models.generation import Generator, Request, SamplingOptions, holds_any
from pyengine.models.model import vocabulary_sha256
from pyengine.models.serving import parallel_session

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

NAME = "pyengine"
# Requests that share what they have in common; the progress goes on behind them.
AT_ONCE = 2048
UNUSED = {"batch_size", "max_batch_size", "device"}
T = TypeVar("T")


@register_model(NAME)
class PyengineLM(LM):
    """A GGUF file as a model of lm-evaluation-harness.

    A prompt and its continuation are tokenized together, with control tokens read as such and no
    second BOS; an empty prompt is the model's natural start.
    """

    def __init__(
        self,
        pretrained: str = "",
        *,
        exact: bool = False,
        context: int | None = None,
        flash_attention: Literal["auto", "on", "off"] = "auto",
        ubatch: int = 512,
        threads: int | None = None,
        gpu_layers: int = 0,
        parallel: int = 8,
        max_gen_toks: int = 256,
        **others: object,
    ) -> None:
        """Open a model.

        Args:
            pretrained: a file or reference; empty for the embedded model.
            exact: decode each request alone, see `OpenModel.score`.
            context: tokens that it sees at most; None for what it was trained with.
            flash_attention: "auto", "on" or "off".
            ubatch: tokens that are computed at once.
            threads: CPU threads; None for the cores less one.
            gpu_layers: layers on the GPU; -1 for all.
            parallel: continuations that are written side by side.
            max_gen_toks: tokens to write where a task does not say how many.
            others: what the harness gives every model; not used.

        Raises:
            OptionError: an argument is unknown.
        """
        super().__init__()
        if unknown := sorted(others.keys() - UNUSED):
            raise OptionError(f"lm-eval: unknown model argument {unknown[0]!r}")
        self.opened = open_model(pretrained or None, threads=threads, gpu_layers=gpu_layers)
        self.scorer = Scorer(
            self.opened.model,
            ScoringOptions(
                exact=exact,
                context=context,
                flash_attention=flash_attention,
                n_ubatch=ubatch,
                parse_special=True,
                threads=threads,
            ),
        )
        self._parallel, self._max_gen_toks = parallel, max_gen_toks

    def loglikelihood(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """Return log-probability (nats) and whether it is greedy of each continuation."""

        def answer(pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
            scores = iter(self.scorer.score([pair for pair in pairs if pair[1]]))
            found = (next(scores) if text else None for _, text in pairs)
            return [(one.log_probability, one.is_greedy) if one else (0.0, True) for one in found]

        return self._answers("loglikelihood", requests, answer, quiet=disable_tqdm)

    def loglikelihood_rolling(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[float]:
        """Return the log-probability of each whole text, in nats, see `scoring.windows`."""

        def answer(texts: Sequence[tuple[str]]) -> list[float]:
            scores = iter(self.scorer.score([("", text) for (text,) in texts if text]))
            return [next(scores).log_probability if text else 0.0 for (text,) in texts]

        return self._answers("loglikelihood_rolling", requests, answer, quiet=disable_tqdm)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Return what the model writes behind each context, without the string that ended it."""
        asked = [self._request(*request.args) for request in requests]
        if not asked:
            return []
        room = max(len(request.tokens) + request.max_tokens for request, _ in asked)
        session = parallel_session(
            self.opened.model,
            parallel=min(self._parallel, len(asked)),
            room=room,
            threads=self.opened.threads,
        )
        found: dict[int, str] = {}
        running = Generator(session).run([request for request, _ in asked])
        for index, written in tqdm(running, total=len(asked), disable=disable_tqdm):
            text = written.text.decode("utf-8", "replace")
            for end in asked[index][1]:
                text = text.split(end)[0]
            found[index] = text
            self.cache_hook.add_partial("generate_until", requests[index].args, text)
        return [found[index] for index in range(len(asked))]

    def _request(self, context: str, settings: Mapping[str, Any]) -> tuple[Request, list[str]]:
        """Return a request, with as much of its context's end as fits, and its stop strings."""
        told: dict[str, Any] = {**normalize_gen_kwargs(dict(settings), self._max_gen_toks)}
        ends = [end for end in told["until"] if end]
        most = min(int(told["max_gen_toks"]), self.scorer.limit - 1)
        tokens = self.scorer.encode.started(context)[-(self.scorer.limit - most) :]
        sampling = SamplingOptions(
            **{
                name: kind(told[name])
                for name, kind in SAMPLING.items()
                if told.get(name) is not None
            }
        )
        return Request(tokens, most, sampling=sampling, stop=holds_any(ends)), ends

    def _answers(
        self,
        kind: str,
        requests: Sequence[Instance],
        answer: Callable[[Sequence[Any]], list[T]],
        *,
        quiet: bool,
    ) -> list[T]:
        found: list[T] = []
        with tqdm(total=len(requests), disable=quiet, desc=kind) as progress:
            for begin in range(0, len(requests), AT_ONCE):
                group = [request.args for request in requests[begin : begin + AT_ONCE]]
                for asked, one in zip(group, answer(group), strict=True):
                    self.cache_hook.add_partial(kind, asked, one)
                    found.append(one)
                progress.update(len(group))
        return found

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return a conversation as the model's template writes it.

        Without `add_generation_prompt` the last message is gone on with: what the template writes
        behind it is left out.
        """
        text = self.opened.chat(chat_history, add_generation_prompt=add_generation_prompt)
        last = str(chat_history[-1]["content"]).strip()
        if add_generation_prompt or last not in text:
            return text
        return text[: text.rindex(last) + len(last)]

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the template of the file; it has one."""
        return (self.opened.model.chat_template or "") if chat_template else None

    @property
    def tokenizer_name(self) -> str:
        """What tells tokenizers and templates apart in the harness's caches."""
        return vocabulary_sha256(self.opened.model.vocabulary)

    def get_model_info(self) -> dict[str, Any]:
        """Return what the harness's result file tells of the model, its file's hash first."""
        model = self.opened.model
        return {
            "model_sha256": model.sha256,
            "model_num_parameters": model.n_params,
            "model_dtype": model.file_type,
            "pyengine_settings": self.scorer.settings,
        }


SAMPLING: Mapping[str, Callable[[Any], Any]] = {
    "temperature": float,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "seed": int,
}


def main(arguments: Sequence[str]) -> None:
    """Run lm_eval's own command line; a run is one of this model unless another is named."""
    from lm_eval.__main__ import cli_evaluate

    named = any(word.partition("=")[0] in ("--model", "-M", "--config", "-C") for word in arguments)
    other = not arguments or arguments[0] in ("ls", "validate", "-h", "--help")
    before = sys.argv
    sys.argv = ["lm-eval", *arguments, *([] if named or other else ["--model", NAME])]
    try:
        cli_evaluate()
    finally:
        sys.argv = before
