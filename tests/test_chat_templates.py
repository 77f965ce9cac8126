"""Chat templates: what they render to, and that none can harm, hang or fill the memory."""

import pytest

from pyengine.code.prompting import is_chat_model
from pyengine.errors import TokenizerError
from pyengine.models.chat import render_chat, render_chats

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
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
HUGE = "{{ 'x' * 10**10 }}"


def test_templates_are_rendered_for_many_tasks_at_once() -> None:
    conversations = [[{"role": "user", "content": text}] for text in ("one", "two")]
    first, second = render_chats(CHATML, conversations, bos="<s>", eos="</s>")
    assert first == "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n"
    assert "two" in second


@pytest.mark.parametrize("template", HOSTILE)
def test_a_hostile_template_is_an_error(template: str) -> None:
    with pytest.raises(TokenizerError, match="chat template"):
        render_chat(template, [{"role": "user", "content": ""}])
    with pytest.raises(TokenizerError, match="chat template"):
        render_chats(template, [[{"role": "user", "content": "x"}]])


@pytest.mark.parametrize("template", [ENDLESS, HUGE])
def test_a_template_has_limits_of_time_and_memory(template: str) -> None:
    with pytest.raises(TokenizerError, match="chat template cannot be used: it does not end, or"):
        render_chats(template, [[{"role": "user", "content": ""}]])


def test_chat_models_are_known_by_template_and_name() -> None:
    assert is_chat_model(["Qwen2.5-Coder-7B-Instruct"], CHATML)
    assert is_chat_model(["DeepSeek-R1-Distill-Qwen-7B"], CHATML)
    assert not is_chat_model(["Qwen2.5-Coder-7B"], CHATML)
    assert not is_chat_model(["Some-Instruct"], None)
