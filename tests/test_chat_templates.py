"""Chat templates: what they render to, and that none can harm, hang or fill the memory."""

from pathlib import Path
from typing import Any

import pytest
from command_line import run
from template_cases import BOS, CASES, DAY, EOS, FAILING
from tiny_models import Tiny, write_bpe

from pyengine.errors import TokenizerError
from pyengine.models import chat
from pyengine.models.chat import DAY as DEFAULT_DAY
from pyengine.models.chat import ChatRenderer
from pyengine.models.template import ChatTemplate

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HOSTILE = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.__class__.__init__.__globals__['os'].system('true') }}",
    "{{ '\\ud800' }}",  # half a character
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{% for i in range(10**9) %}{{ i }}{% endfor %}",
    "{{ undefined_function() }}",
    "{% for",
    "{% if %}",
    "{{ 1 / 0 }}",
    "{{ messages[99]['role']['x'] }}",
    "{{ raise_exception('no empty messages') }}",
    "{% include '/etc/passwd' %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
)
ENDLESS = (
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{{ 'x' * 10**10 }}",
    "{{ 9**(9**9) }}",
    "{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x = n.x * 2 %}{% endfor %}",
    "{{ '%9999999999d' % 1 }}",
    "{{ [[[0] * 99999] * 99999] | tojson }}",
)
PARTS = "{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}"
ANY = [{"role": "user", "content": "x"}]


def render_template(
    template: str,
    conversations: list[list[dict[str, str]]],
    **words: Any,  # noqa: ANN401 - bos, eos and day
) -> list[str]:
    """What a new process makes of conversations."""
    with ChatRenderer(template, **words) as renderer:
        return renderer.render(conversations)


@pytest.mark.parametrize("name", CASES)
def test_a_template_gives_what_transformers_gives(name: str) -> None:
    case = CASES[name]
    template = ChatTemplate(case.template, bos=BOS, eos=EOS, day=DAY)
    assert template.render(case.messages, answering=case.answering) == case.text


@pytest.mark.parametrize("name", FAILING)
def test_a_template_that_fails_names_its_line_in_one_sentence(name: str) -> None:
    template, line, word = FAILING[name]
    with pytest.raises(TokenizerError) as failed:
        ChatTemplate(template, bos="", eos="", day=DAY).render(ANY, answering=True)
    said = str(failed.value)
    assert said.startswith("" if line is None else f"line {line}: ")
    assert word in said
    assert "\n" not in said


def test_templates_are_rendered_for_many_tasks_at_once() -> None:
    conversations = [[{"role": "user", "content": text}] for text in ("one", "two")]
    first, second = render_template(CHATML, conversations, bos="<s>", eos="</s>")
    assert first == "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n"
    assert "two" in second


def test_equal_runs_are_told_the_same_day() -> None:
    now = "{{ strftime_now('%Y-%m-%d %H:%M') }}"
    assert render_template(now, [ANY]) == [f"{DEFAULT_DAY} 00:00"]
    assert render_template(now, [ANY], day=DAY) == [f"{DAY} 00:00"]


def test_contents_are_given_in_parts_where_a_template_shows_only_those() -> None:
    assert render_template(PARTS, [[{"role": "user", "content": " a < b "}]]) == [" a < b "]
    both = "{% if messages[0].content is string %}text{% else %}parts{% endif %}"
    assert render_template(both + "{{ messages[0].content }}", [ANY]) == ["textx"]
    assert render_template(both, [ANY]) == ["text"]  # it shows neither
    only = "{% if messages[0].content is string %}{{ raise_exception('no') }}{% endif %}"
    assert render_template(only + PARTS, [ANY]) == ["x"]


def test_a_template_is_given_tools_and_variables_in_one_process() -> None:
    source = (
        "{% if tools is none %}no tools{% else %}{{ tools[0].name }}{% endif %} "
        "{{ enable_thinking is defined }} {{ bos_token }}{{ messages[-1].content }}"
        "{% if messages[-1].tool_calls %}{{ messages[-1].tool_calls[0].id }}{% endif %}"
        "{% if add_generation_prompt %}>{% endif %}"
    )
    with ChatRenderer(source, bos="<s>") as renderer:
        assert renderer.render([ANY]) == ["no tools False <s>x>"]
        assert renderer._child is not None
        first = renderer._child.pid
        variables = {"tools": [{"name": "f"}], "enable_thinking": False, "bos_token": "B"}
        rendered = renderer.render([ANY], answering=False, variables=variables)
        assert rendered == ["f True Bx"]
        called = [{"role": "assistant", "content": None, "tool_calls": [{"id": "7"}]}]
        assert renderer.render([called]) == ["no tools False <s>None7>"]
        assert renderer._child.pid == first


def test_what_ends_one_process_does_not_end_the_renderer() -> None:
    source = "{% if messages[0].content == 'x' %}" + ENDLESS[0] + "{% endif %}ok"
    with ChatRenderer(source) as renderer:
        with pytest.raises(TokenizerError, match="does not end"):
            renderer.render([ANY])
        assert renderer.render([[{"role": "user", "content": "y"}]]) == ["ok"]


@pytest.mark.parametrize("template", HOSTILE)
def test_a_hostile_template_is_an_error(template: str) -> None:
    with pytest.raises(TokenizerError, match="the chat template cannot be used: "):
        render_template(template, [ANY])


@pytest.mark.parametrize("template", ENDLESS)
def test_a_template_has_limits_of_time_and_memory(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "CPU_S", 1)
    with pytest.raises(TokenizerError, match="chat template cannot be used: it does not end, or"):
        render_template(template, [ANY])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a\n{% for m in messages %}", "the chat template cannot be used: line 2: Unexpected end"),
        (
            "\n{{ raise_exception('No\nthanks') }}",
            "line 2: it refuses what it was given: No thanks",
        ),
        (ENDLESS[0], "it does not end, or takes too much memory"),
    ],
)
def test_evaluate_ends_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: str, said: str
) -> None:
    monkeypatch.setattr(chat, "CPU_S", 1)
    made = write_bpe(tmp_path / "m-instruct.gguf", Tiny(chat_template=template))
    ended = run("evaluate", made, "--limit", "1", "--results", tmp_path / "kept")
    assert ended.code == 2
    assert said in ended.err
    assert "m-instruct.gguf: " in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "01.02.2026"])
def test_a_day_that_is_none_is_refused(tmp_path: Path, day: str) -> None:
    ended = run("evaluate", "--day", day, "--results", tmp_path)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "is no day" in ended.err
