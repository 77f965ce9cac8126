"""Whether a model is talked to is decided by what its file shows, and said."""

from datetime import date
from pathlib import Path

import pytest
from tiny_models import Tiny, write_bpe

from pyengine.code.prompting import PromptStyle, build_prompts
from pyengine.code.style import choose_style, how_asked, told_by_name
from pyengine.code.tasks import own_tasks
from pyengine.models.chat import DAY
from pyengine.models.model import open_model
from pyengine.report.words import WORDS

RAW, CHAT = PromptStyle.RAW, PromptStyle.CHAT
TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}END\n{% endfor %}"
# A tiny model's text ends with <|end|>; <|fim_middle|> is another of its control tokens.
OWN_END, OTHER_END, NO_END = (
    TURNS.replace("END", end) for end in ("<|end|>", "<|fim_middle|>", "")
)
# Of a turn in the midst and of the last one, as Phi-3 and Command A do.
BOTH_ENDS = OTHER_END + "{{ eos_token }}"
BROKEN = "{% if add_generation_prompt %}{% else %}{{ nothing.at_all }}{% endif %}x"
NAME, FINETUNE, TUNED = "general.name", "general.finetune", "general.base_model.0.name"

FOUND = {
    "no template": (None, {NAME: "Qwen2.5 Instruct"}, "m", RAW, "no-template"),
    "Qwen2.5-Coder-7B-Instruct": (OTHER_END, {NAME: "C 7B Instruct"}, "m", CHAT, "card-chat"),
    "gemma-3-270m-it": (OTHER_END, {NAME: "Gemma 3 270m It"}, "m", CHAT, "card-chat"),
    "DeepSeek-V3-Base": (OWN_END, {FINETUNE: "Base"}, "m", RAW, "card-base"),
    "Qwen3-8B, phi-4, SmolLM3, Hermes": (OWN_END, {NAME: "Qwen3 8B"}, "m", CHAT, "eos-ends-turn"),
    "a chat model kept as base.gguf": (OWN_END, {}, "base", CHAT, "eos-ends-turn"),
    "Command A": (BOTH_ENDS, {}, "m", CHAT, "eos-ends-turn"),
    "a chat model tuned on": (OTHER_END, {TUNED: "Gemma 2 9b It"}, "m", CHAT, "parent-chat"),
    "no name but the file's": (OTHER_END, {}, "gemma-3-4b-it-Q4_K_M", CHAT, "file-chat"),
    "no name but the file's, base": (NO_END, {}, "glm-base-Q8_0", RAW, "file-base"),
    "Qwen2.5-Coder-1.5B": (
        OTHER_END,
        {NAME: "Qwen2.5 Coder 1.5B", TUNED: "Qwen2.5 1.5B"},
        "m",
        RAW,
        "other-token-ends-turn",
    ),
    "GLM-4, where no mark ends a turn": (NO_END, {NAME: "GLM 4"}, "m", CHAT, "template-alone"),
    "a template that fails": (BROKEN, {}, "m", CHAT, "template-alone"),
}


@pytest.mark.parametrize("kind", FOUND)
def test_the_strongest_evidence_decides(tmp_path: Path, kind: str) -> None:
    template, card, file, style, reason = FOUND[kind]
    tiny = Tiny(chat_template=template, card=tuple(card.items()))
    with open_model(write_bpe(tmp_path / f"{file}.gguf", tiny)) as model:
        assert choose_style(model) == (style, reason)
        assert choose_style(model, asked=PromptStyle.FIM) == (PromptStyle.FIM, "asked")
    assert WORDS["style-reasons"][reason]


def test_every_reason_has_words_and_a_line_in_the_documentation() -> None:
    reasons = {reason for *_, reason in FOUND.values()} | {"asked"}
    assert set(WORDS["style-reasons"]) == reasons
    page = (Path(__file__).parent.parent / "docs" / "evaluate.md").read_text()
    assert [reason for reason in sorted(reasons) if f"| `{reason}` |" not in page] == []


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("Qwen2.5-Coder-7B-Instruct", CHAT),
        ("DeepSeek-R1-Distill-Qwen-7B", CHAT),
        ("codellama-7b-instruct-hf", CHAT),
        ("gemma-2-2b-it", CHAT),
        ("chatglm3-6b", CHAT),
        ("Qwen3-8B-Base", RAW),
        ("chatglm3-6b-base", RAW),
        ("Qwen3-8B-Base-SFT", CHAT),
        ("Qwen2.5-Coder-7B", None),
        ("Granite-4.0-Tiny", None),
        ("database-lm", None),
        ("smollm2 8k-lc100k-mix1-ep2", None),
    ],
)
def test_the_last_telling_word_of_a_name_counts(name: str, style: PromptStyle | None) -> None:
    assert told_by_name(name) is style


def test_the_day_is_recorded_where_the_template_can_ask_for_it(tmp_path: Path) -> None:
    asking = OWN_END + "{{ strftime_now('%d %b %Y') }}"
    for template, day in ((asking, {"day": "2026-01-01"}), (OWN_END, {})):
        with open_model(write_bpe(tmp_path / "m.gguf", Tiny(chat_template=template))) as model:
            style = {"style": "chat", "style_reason": "eos-ends-turn"}
            assert how_asked(model, choose_style(model), DAY) == style | day
            (prompt,) = build_prompts(own_tasks(["c"])[:1], model, CHAT, day=date(2024, 2, 29))
            assert prompt.text.endswith("29 Feb 2024") is bool(day)
