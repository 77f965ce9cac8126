"""`pyengine score`: lines in and out, bad ones, interruptions, and going on where one ended."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import run

import pyengine

SMALL = "embedded:small"
ASKED: list[dict[str, Any]] = [
    {"id": "first", "prompt": "import os\n", "texts": ["import sys", "def f", "ünd"]},
    {"text": "x = 1\n"},
    {"id": [3], "prompt": "for i in", "text": " range"},
    {"prompt": "for i in", "text": " reversed"},
    {"prompt": "impo", "text": "rt os"},
]
WORDS = ("--threads", "1", "--lines", "2")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in ASKED]
    path.write_text("".join([*lines[:2], "\n", *lines[2:]]), encoding="utf-8")
    return path


def test_lines_are_answered_as_in_python(questions: Path) -> None:
    ended = run("score", SMALL, questions, "--exact", "--top", "2", *WORDS)
    assert (ended.code, ended.err) == (0, "")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [answer["line"] for answer in answers] == [1, 2, 4, 5, 6]
    assert [answer.get("id") for answer in answers] == ["first", None, [3], None, None]
    with pyengine.open(SMALL, threads=1) as model:
        for asked, answer in zip(ASKED, answers, strict=True):
            texts = asked.get("texts") or [asked["text"]]
            expected = model.score(texts, asked.get("prompt", ""), exact=True, top=2)
            for score, found in zip(expected, answer["scores"], strict=True):
                assert found["log_probabilities"] == score.log_probabilities.tolist()
                assert found["log_probability"] == score.log_probability
                assert found["ranks"] == score.ranks.tolist()
                assert found["ids"] == score.ids.tolist()
                assert score.offsets is not None
                assert found["offsets"] == score.offsets.tolist()
                assert found["top_ids"] == score.top_ids.tolist()
                assert found["n_tokens"] == len(found["ids"])
            assert answer["settings"]["model_sha256"] == model.model.sha256
            assert answer["settings"].items() >= score.settings.items()
    assert answers[-1]["scores"][0]["merged"]


def test_standard_input_is_a_file_like_others(
    questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run("score", SMALL, questions, *WORDS)
    source = SimpleNamespace(buffer=io.BytesIO(questions.read_bytes()))
    monkeypatch.setattr(sys, "stdin", source)
    assert run("score", SMALL, *WORDS) == whole
    rest = run("score", SMALL, questions, *WORDS, "--skip", "3")
    assert rest.out.splitlines() == whole.out.splitlines()[3:]


@pytest.mark.parametrize("cut", [0, 40, 900, -1])
def test_what_was_cut_off_is_gone_on_with(questions: Path, tmp_path: Path, cut: int) -> None:
    out = tmp_path / "answers.jsonl"
    assert run("score", SMALL, questions, "-o", out, *WORDS).code == 0
    whole = out.read_bytes()
    assert whole.decode() == run("score", SMALL, questions, *WORDS).out
    out.write_bytes(whole[:cut])
    assert run("score", SMALL, questions, "-o", out, *WORDS).code == 0
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (["--exact"], "", "was made with other settings"),
        ([], '{"text": "other"}\n', "answers no line of the input"),
    ],
)
def test_other_answers_are_left_as_they_are(
    questions: Path, tmp_path: Path, words: list[str], text: str, said: str
) -> None:
    out = tmp_path / "answers.jsonl"
    assert run("score", SMALL, questions, "-o", out, *WORDS).code == 0
    whole = out.read_bytes()
    if text:
        questions.write_text(text)
    ended = run("score", SMALL, questions, "-o", out, *WORDS, *words)
    assert (ended.code, ended.out) == (2, "")
    assert f"answers.jsonl, line 1: {said}" in ended.err
    assert out.read_bytes() == whole
    for mine in ("mine\n", "mine", "[" * 100_000 + "\n", questions.read_text().rstrip("\n")):
        out.write_text(mine)
        assert run("score", SMALL, questions, "-o", out).code == 2
        assert out.read_text() == mine


def test_a_question_of_one_line_is_not_taken_for_an_answer_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text('{"text": "a"}')
    ended = run("score", SMALL, path, "-o", path)
    assert (ended.code, "one.jsonl, line 1: answers no line" in ended.err) == (2, True)
    assert path.read_text() == '{"text": "a"}'


@pytest.mark.parametrize("named", ['"\\ud800"', '{"\\udfff": "ü"}'])
def test_an_id_of_half_a_character_comes_back(tmp_path: Path, named: str) -> None:
    path, out = tmp_path / "half.jsonl", tmp_path / "out.jsonl"
    path.write_text(f'{{"id": {named}, "text": "a"}}\n')
    assert run("score", SMALL, path, "-o", out).code == 0
    assert json.loads(out.read_bytes())["id"] == json.loads(named)
    assert out.read_text() == run("score", SMALL, path).out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"x", "is no JSON: Expecting value (column 1)"),
        (b'"x"', "is no object"),
        (b"\xff", "is no UTF-8 (byte 1)"),
        (b'{"prompt": "a"}', 'needs "text", or "texts"'),
        (b'{"text": "a", "texts": ["a"]}', 'needs "text", or "texts"'),
        (b'{"text": ""}', "'text' is no text, or an empty one: \"\""),
        (b'{"texts": []}', '"texts" is no list'),
        (b'{"texts": ["a", 3]}', "'text' is no text, or an empty one: 3"),
        (b'{"text": "a", "prompt": null}', "'prompt' is no text"),
        (b'{"text": "a", "promt": "b"}', "unknown field 'promt'"),
        (b'{"text": "\\ud800"}', "'text' holds half a character"),
        (b'{"text": "a", "id": [NaN]}', "'id' holds a number that JSON does not have"),
        (b'{"text": "a", "id": 1e999}', "'id' holds a number that JSON does not have"),
        (b"[" * 100_000, "is nested too deep"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_written(
    tmp_path: Path, line: bytes, said: str
) -> None:
    path, out = tmp_path / "bad.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(b'{"text": "a"}\n' + line + b"\n")
    ended = run("score", SMALL, path, "-o", out)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert f"bad.jsonl, line 2: {said}" in ended.err
    assert not out.exists()


def test_other_wrong_words_are_refused(tmp_path: Path, questions: Path) -> None:
    for words, said in (
        (["--flash-attention", "maybe"], "auto, on or off, not maybe"),
        (["-o", tmp_path / "x", "--skip", "1"], "--skip goes with standard output"),
        (["-o", tmp_path / "none" / "x"], "cannot be written"),
        (["-o", tmp_path], "not a regular file"),
        (["--ubatch", 2**31], "n_ubatch must be at most 2147483647, not 2147483648"),
        (["--gpu-layers", -(10**11)], "n_gpu_layers must be at most 2147483647"),
        (["--lines", 10**20], "'--lines': Input should be less than or equal"),
        (["--threads", 513], "'--threads': Input should be less than or equal to 512"),
    ):
        ended = run("score", SMALL, questions, *words)
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert said in ended.err
    assert "no such file" in run("score", SMALL, tmp_path / "none").err


def test_ctrl_c_leaves_whole_lines(tmp_path: Path) -> None:
    path, out = tmp_path / "many.jsonl", tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps({"text": f"x = {n}\n" * 20}) + "\n" for n in range(2000)))
    script = Path(sys.executable).with_name("pyengine")
    words: list[str | Path] = [script, "score", SMALL, path, "-o", out, *WORDS]
    with subprocess.Popen(words, stderr=subprocess.PIPE, env={**os.environ}) as child:
        while not (out.exists() and out.stat().st_size):
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (130, b"pyengine: interrupted\n")
    lines = out.read_bytes().splitlines(keepends=True)
    assert 0 < len(lines) < 2000
    assert [json.loads(line)["line"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1].endswith(b"\n")
