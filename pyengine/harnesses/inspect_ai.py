"""inspect_ai: models of the kind `pyengine`, such as `--model pyengine//path/model.gguf`.

inspect_ai finds this module by its entry point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    TopLogprob,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pyengine.models.generation import Continuation

# Tokens of a conversation, unless the model was trained with fewer or `context` says otherwise.
ROOM = 4096
POLL_SECONDS = 0.005
STOP_REASONS = {"end-of-generation": "stop", "stopped": "stop", "length": "max_tokens"}


@modelapi(name="pyengine")
class PyengineAPI(ModelAPI):
    """A GGUF file as a model of inspect_ai.

    Requests queue inside: `parallel` of them are written side by side, each in a sequence of
    `context` tokens.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - as inspect_ai has it
        *,
        parallel: int = 8,
        context: int | None = None,
        threads: int | None = None,
        gpu_layers: int = 0,
        **variables: Any,  # noqa: ANN401 - whatever a template reads
    ) -> None:
        """Open a model.

        Args:
            model_name: a file or reference.
            base_url, api_key: not used.
            config: of all requests.
            parallel: requests that are written side by side.
            context: tokens of each.
            threads: CPU threads; None for the cores less one.
            gpu_layers: layers on the GPU; -1 for all.
            variables: what else the chat template is given, such as `enable_thinking`.
        """
        from pyengine.api.open import open as open_model
        from pyengine.measure.pairs import PairEncoder
        from pyengine.models.serving import Server, parallel_session

        super().__init__(model_name, base_url, api_key, [], config)
        self.opened = open_model(model_name, threads=threads, gpu_layers=gpu_layers)
        model = self.opened.model
        room = context or min(model.n_ctx_train or ROOM, ROOM)
        session = parallel_session(model, parallel=parallel, room=room, threads=threads)
        self._server, self._parallel = Server(session), parallel
        self._encode = PairEncoder(model.vocabulary, parse_special=True)
        self._variables = variables

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 - as inspect_ai has it
        tools: list[ToolInfo],
        tool_choice: ToolChoice,  # noqa: ARG002
        config: GenerateConfig,
    ) -> ModelOutput:
        """Write the assistant's next message."""
        tokens = self._encode.started(self._prompt(input, tools))
        room = self._server.room - len(tokens)
        if room < 1:
            return ModelOutput.from_content(self.model_name, "", stop_reason="model_length")
        futures = self._submit(tokens, room, config)
        try:
            while not all(future.done() for future in futures):
                await anyio.sleep(POLL_SECONDS)
        finally:  # those who wait may be cancelled
            for future in futures:
                future.cancel()
        written = [future.result() for future in futures]
        n_written = sum(len(one.tokens) for one in written)
        return ModelOutput(
            model=self.model_name,
            choices=[self._choice(one, tools, config) for one in written],
            usage=ModelUsage(
                input_tokens=len(tokens),
                output_tokens=n_written,
                total_tokens=len(tokens) + n_written,
            ),
        )

    def _submit(
        self, tokens: list[int], room: int, config: GenerateConfig
    ) -> list[Future[Continuation]]:
        from pyengine.models.generation import Request, SamplingOptions, holds_any

        most = min(config.max_tokens or self.max_tokens() or room, room)
        return [
            self._server.submit(
                Request(
                    tokens,
                    most,
                    sampling=SamplingOptions(
                        temperature=config.temperature or 0.0,
                        top_k=config.top_k or 0,
                        top_p=1.0 if config.top_p is None else config.top_p,
                        seed=(config.seed or 0) + number,
                    ),
                    stop=holds_any(config.stop_seqs or []),
                    top=(config.top_logprobs or 0) if config.logprobs else 0,
                )
            )
            for number in range(config.num_choices or 1)
        ]

    def _prompt(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo]) -> str:
        """Write a conversation by the model's template; role and text in turn where it has none."""
        if not self.opened.model.chat_template:
            return "".join(f"{message.role}: {message.text}\n" for message in messages)
        told = [
            {"type": "function", "function": tool.model_dump(exclude_none=True)} for tool in tools
        ]
        variables = {**self._variables, **({"tools": told} if told else {})}
        return self.opened.chat([_as_openai(message) for message in messages], **variables)

    def _choice(
        self, written: Continuation, tools: list[ToolInfo], config: GenerateConfig
    ) -> ChatCompletionChoice:
        text = written.text.decode("utf-8", "replace")
        for end in config.stop_seqs or []:
            text = text.split(end)[0]
        message = ChatMessageAssistant(content=text, model=self.model_name, source="generate")
        if tools:
            from inspect_ai.model._providers.util import HFHandler

            message = HFHandler(self.model_name).parse_assistant_response(text, tools)
        reason = "tool_calls" if message.tool_calls else STOP_REASONS[str(written.finish)]
        return ChatCompletionChoice(
            message=message,
            stop_reason=reason,
            logprobs=Logprobs(content=self._logprobs(written)) if config.logprobs else None,
        )

    def _logprobs(self, written: Continuation) -> list[Logprob]:
        tops = written.top or [[] for _ in written.tokens]
        return [
            Logprob(
                **self._token(token, log_p),
                top_logprobs=[TopLogprob(**self._token(*one)) for one in top] or None,
            )
            for token, log_p, top in zip(
                written.tokens, written.log_probabilities, tops, strict=True
            )
        ]

    def _token(self, token: int, log_p: float) -> dict[str, Any]:
        """Return a token as text and bytes: half a character is no text."""
        piece = self.opened.model.vocabulary.piece(token)
        return {"token": piece.decode("utf-8", "replace"), "logprob": log_p, "bytes": [*piece]}

    def max_tokens(self) -> int | None:
        """Tokens to write where nobody says how many."""
        return 2048

    def max_connections(self) -> int:
        """Requests that are worth sending at once."""
        return 2 * self._parallel

    def connection_key(self) -> str:
        """Tell models apart that have queues of their own."""
        return f"pyengine/{self.model_name}"

    def should_retry(self, ex: BaseException) -> bool:  # noqa: ARG002
        """Nothing fails here that would not fail again."""
        return False

    def close(self) -> None:
        """End what generates, and free the model."""
        self._server.close()
        self.opened.close()


def _as_openai(message: ChatMessage) -> Mapping[str, Any]:
    """Return a message in the shape that chat templates read."""
    found: dict[str, Any] = {"role": message.role, "content": message.text}
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        found["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if isinstance(message, ChatMessageTool):
        found |= {"tool_call_id": message.tool_call_id, "name": message.function}
    return found
