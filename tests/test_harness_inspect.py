"""inspect_ai on a model of ours: a run with log-probabilities, tools in templates, cancellation."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_models import Tiny, write_bpe

inspect_ai = pytest.importorskip("inspect_ai", reason="inspect_ai is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

TEMPLATE = (
    "{% if tools %}{{ tools[0].function.name }}!{% endif %}"
    "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from inspect_ai.model import get_model

    import pyengine.harnesses.inspect_ai  # noqa: F401 - registers

    path = tmp_path_factory.mktemp("inspect") / "chat.gguf"
    write_bpe(path, Tiny(chat_template=TEMPLATE))
    model = get_model(f"pyengine/{path}", parallel=2, context=256, threads=1, memoize=False)
    yield model
    model.api.close()


def generate(api: Any, text: str, **config: Any) -> Any:  # noqa: ANN401
    from inspect_ai.model import ChatMessageUser, GenerateConfig

    return asyncio.run(
        api.api.generate([ChatMessageUser(content=text)], [], "none", GenerateConfig(**config))
    )


def test_log_probabilities_are_those_of_the_model(api: Any) -> None:  # noqa: ANN401
    found = generate(api, "ab", max_tokens=5, logprobs=True, top_logprobs=3)
    (choice,) = found.choices
    opened = api.api.opened
    prompt = opened.chat([{"role": "user", "content": "ab"}])
    assert prompt == "user:ab;assistant:"
    (written,) = opened.generate(prompt, max_tokens=5, top=3, special=True, parallel=1)
    content = choice.logprobs.content
    assert [one.logprob for one in content] == pytest.approx(written.log_probabilities, abs=1e-3)
    assert b"".join(bytes(one.bytes) for one in content) == written.text
    assert all(len(one.top_logprobs) == 3 for one in content)
    assert choice.message.text == written.text.decode("utf-8", "replace")
    assert choice.stop_reason == "max_tokens"
    assert found.usage.output_tokens == len(written.tokens) == 5


def test_many_choices_and_a_prompt_that_is_too_long(api: Any) -> None:  # noqa: ANN401
    found = generate(api, "ab", max_tokens=3, num_choices=3, temperature=1.0, seed=4)
    assert len(found.choices) == 3
    assert len({choice.message.text for choice in found.choices}) > 1
    assert generate(api, "ab" * 3000).choices[0].stop_reason == "model_length"


def test_tools_reach_the_template(api: Any) -> None:  # noqa: ANN401
    from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ChatMessageUser
    from inspect_ai.tool import ToolCall, ToolInfo

    from pyengine.harnesses.inspect_ai import _as_openai

    told = api.api._prompt(
        [ChatMessageUser(content="x")], [ToolInfo(name="look", description="Looks.")]
    )
    assert told == "look!user:x;assistant:"
    called = ChatMessageAssistant(
        content="", tool_calls=[ToolCall(id="1", function="look", arguments={"a": 1})]
    )
    function = _as_openai(called)["tool_calls"][0]["function"]
    assert function == {"name": "look", "arguments": {"a": 1}}
    answered = _as_openai(ChatMessageTool(content="7", tool_call_id="1", function="look"))
    assert (answered["tool_call_id"], answered["name"]) == ("1", "look")


def test_who_is_cancelled_gives_up_the_sequence(api: Any) -> None:  # noqa: ANN401
    from inspect_ai.model import ChatMessageUser, GenerateConfig

    async def cancelled() -> None:
        asked = [ChatMessageUser(content="a")]
        tasks = [
            asyncio.create_task(api.api.generate(asked, [], "none", GenerateConfig(max_tokens=200)))
            for _ in range(4)
        ]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(cancelled())
    assert generate(api, "b", max_tokens=1).usage.output_tokens <= 1


def test_a_run_of_inspect(api: Any, tmp_path: Path) -> None:  # noqa: ANN401
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import includes

    task = Task(
        dataset=[Sample(input=text, target="x") for text in ("a", "b", "c")], scorer=includes()
    )
    (log,) = evaluate(
        task, model=api, log_dir=str(tmp_path), display="none", logprobs=True, max_tokens=4
    )
    assert log.status == "success"
    assert len(log.samples or []) == 3
    for sample in log.samples or []:
        assert sample.output.choices[0].logprobs is not None
