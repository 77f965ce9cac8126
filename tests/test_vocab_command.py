"""`pyengine vocab` and `pyengine tokenize` through the entry point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from rich.cells import cell_len
from vocabulary_files import write_vocabulary

from pyengine.report.vocab_found import Found, found_of
from pyengine.run.record import Run
from pyengine.run.storage import parse


def read(text: str) -> Run:
    return parse(json.loads(text), "stdout")


def tokens_of(*arguments: str | Path) -> dict[str, Any]:
    (content,) = read(run("tokenize", *arguments, "--json").out).shown("tokens")
    return content


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vocabulary(tmp_path_factory.mktemp("toy") / "toy.gguf", "bpe")


def test_one_tokenizer_fits_in_eighty_columns(toy: Path) -> None:
    outcome = run("vocab", toy)
    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    for heading in ("Keywords that are one bare token", "What code costs", "Integrity"):
        assert any(heading in line for line in lines)


def test_several_tokenizers_stand_side_by_side(toy: Path, tmp_path: Path) -> None:
    other = write_vocabulary(tmp_path / "other.gguf", "spm")
    outcome = run("vocab", toy, other, toy)
    assert outcome.code == 0
    assert "3 models, 2 different tokenizers (A = C)." in outcome.out
    answer = " ".join(outcome.out.split("Models\n")[0].split())
    found = found_of(read(run("vocab", toy, other, "--json").out))
    bare = [model.union.bare for model in found]
    spent = [sum(text.tokens for text in model.texts()) for model in found]
    assert bare[0] == bare[1]
    assert f"All keep as many keywords whole: {bare[0]} of" in answer
    assert f"code are spent by {'A' if spent[0] < spent[1] else 'B'} (" in answer
    for heading in ("Bytes per token", "Tokens per occurrence of a keyword", "on indentation"):
        assert heading in outcome.out
    assert max(cell_len(line) for line in outcome.out.splitlines()) <= 80


def test_eight_tokenizers_fit_beside_each_other(toy: Path) -> None:
    outcome = run("vocab", *[toy] * 8, "--language", "python", "--corpus", __file__)
    lines = outcome.out.splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    assert {"Keywords that are one token in any spacing", "Classes of tokens, %"} <= set(lines)
    counts = [line.split() for line in lines if line.startswith("Python") and "." not in line]
    assert counts[:2] == [["Python", "109", *["8"] * 8]] * 2


def blocks_of(title: str, lines: list[str]) -> list[list[list[str]]]:
    """The blocks of one table as rows of words, each with its head first."""
    begin = next(i for i, line in enumerate(lines) if title in line) + 1
    table = "\n".join(lines[begin:]).split("\n\n")
    blocks = [[line.replace(" %", "%").split() for line in block.splitlines()] for block in table]
    same = [block for block in blocks if block and block[0][:1] == blocks[0][0][:1]]
    return same[: next((i for i, b in enumerate(same) if b[0][-1] == "L"), 0) + 1]


@pytest.mark.parametrize(
    ("title", "n_blocks"),
    [
        ("Keywords that are one bare token", 1),
        ("Bytes per token on code", 1),
        ("Tokens per occurrence of a keyword", 2),
        ("Tokens spent on indentation", 2),
        ("Mean id of bare keywords", 2),
        ("Classes of tokens, %", 2),
    ],
)
def test_twelve_tokenizers_stand_in_blocks(twelve: list[str], title: str, n_blocks: int) -> None:
    blocks = blocks_of(title, twelve)
    assert len(blocks) == n_blocks
    heads = [[word for word in block[0] if len(word) == 1] for block in blocks]
    assert [letter for head in heads for letter in head] == list("ABCDEFGHIJKL")
    for block, head in zip(blocks, heads, strict=True):
        first = block[2]  # behind the head and the rule; the models are one and the same
        assert first[0] == blocks[0][2][0]
        assert first[-len(head) :] == first[-1:] * len(head)


@pytest.fixture(scope="module")
def twelve(toy: Path) -> list[str]:
    outcome = run("vocab", *[toy] * 12, "--language", "python", "--corpus", __file__)
    lines = outcome.out.splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    return lines


def test_json_is_the_whole_record_and_nothing_else(toy: Path) -> None:
    first, second = run("vocab", toy, "--json"), run("vocab", toy, "--json")
    assert first.out == second.out
    record = read(first.out)
    assert json.loads(first.out)["schema_version"] == record.schema_version
    assert record.models[0].path == str(toy)
    assert record.models[0].sha256 == ""  # the file is not read whole


def test_markdown_has_tables(toy: Path) -> None:
    outcome = run("vocab", toy, "--markdown")
    assert outcome.code == 0
    assert outcome.out.startswith("# Tokenizer of")
    assert "| Python |" in outcome.out


def test_own_text_and_own_keywords(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "b.txt").write_text("words in no language\n")
    table = tmp_path / "zig.toml"
    table.write_text(ZIG)
    outcome = run(
        *("vocab", toy, "--json", "--keywords", table, "--language", "zig"),
        *("--corpus", tmp_path / "a.py", "--corpus", tmp_path / "b.txt"),
    )
    record = read(outcome.out)
    found = Found(record, record.models[0])
    assert [part.title for part in found.languages()] == ["zig"]
    assert found.union.bare == 1
    python, text = found.texts()
    assert [part.members["language"] for part in (python, text)] == ["python", "text"]
    per_keyword = found.row("tokens_per_keyword", **python.members)
    assert per_keyword is not None
    assert (per_keyword.n, per_keyword.value) == (2, 1.0)
    assert {row.members["language"] for row in record.select("syntax_token_share")} == {"python"}


ZIG = (
    'language = "zig"\nversion = "0"\n[[groups]]\nclass = "reserved"\nsource = "me"\n'
    'words = ["comptime", "if"]\n'
)


def test_the_papers_lists_can_be_changed_and_stand_unchanged_beside(
    shared: Path, tmp_path: Path
) -> None:
    qwen2 = shared / "vocabs" / "ggml-vocab-qwen2.gguf"
    (tmp_path / "zig.toml").write_text(ZIG)
    (tmp_path / "a.py").write_text("x = 1\n")
    outcome = run(
        *("vocab", qwen2, "--json", "--collection", "paper", "--keywords", tmp_path / "zig.toml"),
        *("--language", "python", "--language", "zig", "--corpus", tmp_path / "a.py"),
    )
    record = read(outcome.out)
    assert record.options["collections"] == ["paper, changed", "paper"]
    tables = record.shown("keyword-table")
    changed = [table["language"] for table in tables if table["collection"] == "paper, changed"]
    assert changed == ["python", "zig"]
    assert sum(table["collection"] == "paper" for table in tables) == 8


def test_words_of_one_class_are_counted_in_the_answer(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "zig.toml").write_text(ZIG)
    zig = run(
        *("vocab", toy, "--keywords", tmp_path / "zig.toml", "--language", "zig"),
        *("--corpus", __file__),
    )
    assert "keeps 1 of 2 reserved words of 1 languages whole" in " ".join(zig.out.split())
    paper = run("vocab", toy, "--collection", "paper", "--corpus", __file__)
    assert "reserved words of 8 languages" in " ".join(paper.out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.gguf"], "absent.gguf"),
        (["TOY", "--json", "--markdown"], "exclude"),
        (["TOY", "--language", "cobol"], "cobol"),
        (["TOY", "--collection", "mine"], "mine"),
        (["TOY", "--corpus", "nowhere"], "nowhere"),
        (["TOY", "--keywords", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_two(
    toy: Path, arguments: list[str], message: str
) -> None:
    given = [str(toy) if argument == "TOY" else argument for argument in arguments]
    outcome = run("vocab", *given)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_tokenize_shows_pieces_ids_and_places(toy: Path, tmp_path: Path) -> None:
    outcome = run("tokenize", toy, "if x\n")
    assert outcome.code == 0
    assert "if«·x»⏎" in outcome.out.replace(" ", "").replace("\n", "")
    text = tmp_path / "a.py"
    text.write_bytes("return é\n".encode())
    record = read(run("tokenize", toy, text, "--json").out)
    (content,) = record.shown("tokens")
    assert [(t["start"], t["end"]) for t in content["tokens"][:2]] == [(0, 6), (6, 7)]
    assert content["n_bytes"] == 10
    failures = record.find("round_trip_failures", record.models[0].id)
    assert failures is not None
    assert failures.value == 0
    assert tokens_of(toy, "--text", str(text))["n_bytes"] == len(str(text))


def test_tokenize_takes_an_empty_text_and_special_tokens(toy: Path) -> None:
    assert run("tokenize", toy, "").code == 0
    tokens = tokens_of(toy, "if<|end|>", "--parse-special")["tokens"]
    assert [token["kind"] for token in tokens] == ["normal", "control"]
    assert [token["start"] for token in tokens] == [0, 2]
    assert len(tokens_of(toy, "if<|end|>")["tokens"]) > 2


def test_tokens_are_shown_again_from_their_record(toy: Path, tmp_path: Path) -> None:
    saved = tmp_path / "tokens.json"
    saved.write_text(run("tokenize", toy, "if x\n", "--json").out)
    assert run("report", saved).out == run("tokenize", toy, "if x\n").out


def test_tokenize_refuses_what_it_cannot_read(toy: Path, tmp_path: Path) -> None:
    outcome = run("tokenize", toy, tmp_path)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert run("tokenize", toy, "--text").code == 2
