"""Conversations are rendered by the model's template and scored where the assistant speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import Tiny, write_bpe

import pyengine
from pyengine.errors import CorpusError, InputError, OptionError, TokenizerError
from pyengine.models.model import open_model
from pyengine.text.chats import load_chats, render
from pyengine.text.documents import Corpus
from pyengine.text.tokens import TokenizedText, tokenize
from pyengine.text.windows import WindowOptions, cut_windows

# In the manner of reasoning models: thoughts stay only behind the user's last message.
TEMPLATE = (
    "<|begin|>{% for m in messages %}[{{ m.role }}]"
    "{% set later = messages[loop.index0 + 1:] | selectattr('role', 'equalto', 'user') | list %}"
    "{% if m.reasoning_content and not later %}({{ m.reasoning_content }}){% endif %}"
    "{{ m.content }}"
    "{% for call in m.tool_calls or [] %}!{{ call.function | tojson }}{% endfor %}"
    "<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
ASKED = {"role": "user", "content": "Why?"}
ANSWER = {"role": "assistant", "content": "return if"}
CALL = {"type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}


def written(tmp_path: Path, *conversations: object) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in conversations))
    return path


def rendered(
    tmp_path: Path, *conversations: object, template: str = TEMPLATE
) -> tuple[Corpus, int, list[TokenizedText], list[list[bytes]]]:
    """Return the corpus, what is left out, its tokens, and the pieces that are scored of each."""
    path = write_bpe(tmp_path / "chat.gguf", Tiny(chat_template=template))
    with open_model(path) as model:
        corpus, left_out = render(load_chats([written(tmp_path, *conversations)]), model)
        texts = tokenize(corpus.documents, model.vocabulary)
        pieces = [
            [model.vocabulary.piece(int(text.ids[i])) for i in text.spoken]
            for text in texts
            if text.spoken is not None
        ]
    return corpus, left_out, texts, pieces


def test_what_the_assistant_wrote_is_scored_with_the_end_of_its_turn(tmp_path: Path) -> None:
    corpus, left_out, _, pieces = rendered(
        tmp_path, {"messages": [ASKED, ANSWER, ASKED, ANSWER, ASKED]}, [ASKED, ANSWER]
    )
    (first, second) = corpus
    turn = b"[user]Why?<|end|>\n[assistant]return if<|end|>\n"
    assert (first.content, second.content) == (turn + turn, turn)  # begun by BOS all the same
    assert [b"".join(p) for p in pieces] == [b"return if<|end|>" * 2, b"return if<|end|>"]
    assert left_out == 0
    assert first.name.endswith("chats.jsonl:1")


def test_tools_are_told_and_their_calls_are_written_as_values(tmp_path: Path) -> None:
    calls = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    told = TEMPLATE.replace("<|begin|>", "<|begin|>{{ tools[0].name if tools }}")
    talk = {"messages": [ASKED, calls], "tools": [{"name": "look"}]}
    corpus, _, _, (pieces,) = rendered(tmp_path, talk, template=told)
    assert corpus.documents[0].content.startswith(b"look[user]Why?")
    assert b"".join(pieces) == b'!{"name": "look", "arguments": {"at": "sky"}}<|end|>'


def test_turns_that_are_shown_otherwise_later_are_not_scored(tmp_path: Path) -> None:
    thought = {**ANSWER, "reasoning_content": "for"}
    _, left_out, _, (pieces,) = rendered(tmp_path, [ASKED, thought, ASKED, thought])
    assert (b"".join(pieces), left_out) == (b"(for)return if<|end|>", 1)


def test_a_template_that_knows_no_calls_shows_nothing_of_them(tmp_path: Path) -> None:
    without = TEMPLATE.replace("m.tool_calls or []", "[]")
    calls = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    _, left_out, _, (pieces,) = rendered(tmp_path, [ASKED, calls, ASKED, ANSWER], template=without)
    assert (b"".join(pieces), left_out) == (b"return if<|end|>", 1)
    with pytest.raises(CorpusError, match=r"chats.jsonl:1: .*shows nothing"):
        rendered(tmp_path, [ASKED, calls], template=without)


@pytest.mark.parametrize("n_ctx", [512, 16])
def test_windows_score_only_what_was_spoken_after_all_before(tmp_path: Path, n_ctx: int) -> None:
    _, _, texts, _ = rendered(tmp_path, [ASKED, ANSWER, ASKED, ANSWER])
    (text,) = texts
    assert text.spoken is not None
    options = WindowOptions(n_ctx=n_ctx, document_tokens=None)
    windows = cut_windows(texts, [7], options, seed=1)
    assert np.concatenate([window.tokens for window in windows]).tolist() == text.spoken.tolist()
    for window in windows:
        assert window.targets.tolist() == text.ids[window.tokens].tolist()
        past = window.ids[1:]
        last = int(window.tokens[-1])
        assert past.tolist() == text.ids[last - len(past) : last].tolist()
        assert len(past) == last or len(past) >= n_ctx // 2 - 1
    (piece,) = cut_windows(texts, [7], WindowOptions(document_tokens=2), seed=1)
    assert len(piece.tokens) == 2
    assert set(piece.tokens.tolist()) < set(text.spoken.tolist())
    assert len(piece.ids) == piece.tokens[-1] + 1


def test_a_comparison_over_conversations(tmp_path: Path) -> None:
    path = write_bpe(tmp_path / "a.gguf", Tiny(chat_template=TEMPLATE))
    other = write_bpe(tmp_path / "b.gguf", Tiny(seed=1, chat_template=TEMPLATE))
    talk = written(tmp_path, *([ASKED, {**ANSWER, "content": f"return {i}"}] for i in range(3)))
    run = pyengine.compare(path, other, chat=talk, starts=False, context=64)
    assert run.population is not None
    assert run.population.scored_languages == {"chat": 3}
    kl = run.find("kl", run.models[1].id)
    assert kl is not None
    # return, a space, a digit and the end of the turn
    assert (kl.n, kl.n_clusters) == (12, 3)
    shown = run.shown("continuation")
    assert [one["n_prompt"] for one in shown] == [len("[user]Why?\n[assistant]") + 2] * 3


BAD: dict[str, tuple[str, Any]] = {
    "nothing": ("holds no conversation", []),
    "no messages": ("no conversation", [{"text": "a"}]),
    "a list of words": ('message 1: needs a "role"', [["a"]]),
    "no role": ('message 1: needs a "role"', [[{"content": "a"}]]),
    "a picture": ("is not text", [[{"role": "user", "content": [{"type": "image_url"}]}, ANSWER]]),
    "no answer": ("the assistant says nothing", [[ASKED]]),
    "calls": ("no list of functions", [[ASKED, {**ANSWER, "tool_calls": [1]}]]),
    "a name": ("no list of functions", [[ASKED, {**ANSWER, "tool_calls": [{"function": "f"}]}]]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_conversation_is_named(tmp_path: Path, name: str) -> None:
    reason, conversations = BAD[name]
    with pytest.raises(CorpusError, match=reason) as caught:
        load_chats([written(tmp_path, *conversations)])
    assert "chats.jsonl" in str(caught.value)


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, [ASKED, ANSWER])
    path.write_text(path.read_text() + "\n{\n")
    with pytest.raises(CorpusError, match=r"chats.jsonl:3: no JSON"):
        load_chats([path])


def test_what_is_nested_too_deep_is_named(tmp_path: Path) -> None:
    tools = json.loads("[" * 900 + "]" * 900)
    with pytest.raises(TokenizerError, match=r"chats.jsonl:1: .* nested too deep"):
        rendered(tmp_path, {"messages": [ASKED, ANSWER], "tools": tools})


def test_a_conversation_that_a_template_refuses_is_named(tmp_path: Path) -> None:
    refusing = (
        "{% if messages | length > 2 %}{{ raise_exception('too long') }}{% endif %}" + TEMPLATE
    )
    with pytest.raises(TokenizerError, match=r"chats.jsonl:2: .*too long"):
        rendered(tmp_path, [ASKED, ANSWER], [ASKED, ANSWER, ASKED, ANSWER], template=refusing)


def test_a_model_without_a_template_and_two_kinds_of_text_are_refused(tmp_path: Path) -> None:
    path, talk = write_bpe(tmp_path / "a.gguf"), written(tmp_path, [ASKED, ANSWER])
    with pytest.raises(InputError, match="no chat template"):
        pyengine.compare(path, path, chat=talk, starts=False)
    with pytest.raises(OptionError, match="--corpus and --chat exclude"):
        pyengine.compare(path, path, chat=talk, corpus=talk)
    with pytest.raises(OptionError, match="--recipe chooses by documents"):
        pyengine.pick(path, chat=talk, recipe=True)
