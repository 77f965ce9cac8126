"""Inputs that were measured as something else: names, ends of texts, sizes, records of others."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tiny_models
from command_line import run
from test_quantize_engine import write_imatrix
from tiny_models import Tiny, write_bpe

from pyengine.choose.conditions import parse_size
from pyengine.code.likelihood import reference_text
from pyengine.code.prompting import PromptStyle, build_prompts
from pyengine.code.tasks import fill_in_the_middle, own_tasks
from pyengine.commands.app import COMMANDS
from pyengine.errors import ModelFileError, OptionError, ResultFileError, TokenizerError
from pyengine.inputs import read_bytes
from pyengine.measure.llama_perplexity.emulate import chunk_text
from pyengine.models.model import open_model
from pyengine.plain_text import escape_json, usable_name
from pyengine.run import Run, to_json
from pyengine.run.storage import parse

HOSTILE = "evil\0\u202e\x1b[31m\u200bname\x7f"


def with_metadata(source: Path, target: Path, **changes: str | bool) -> Path:
    """Copy a model with some of its metadata replaced; names have two underscores for a dot."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    new = {name.replace("__", "."): value for name, value in changes.items()}
    for field in reader.fields.values():
        if (
            field.name in new
            or field.name.startswith("GGUF.")
            or field.name.endswith("architecture")
        ):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    for name, value in new.items():
        add = writer.add_bool if isinstance(value, bool) else writer.add_string
        add(name, value)  # type: ignore[arg-type]
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, np.array(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bpe(tmp_path_factory.mktemp("inputs") / "plain-f32.gguf", Tiny())


@pytest.fixture(scope="module")
def ending(plain: Path) -> Path:
    """The same model with a tokenizer that adds EOS after every text."""
    return with_metadata(plain, plain.with_name("ending.gguf"), tokenizer__ggml__add_eos_token=True)


def test_no_prompt_and_no_measured_text_has_the_end_of_text_added(
    plain: Path, ending: Path
) -> None:
    tasks = own_tasks(["python"])[:3]
    with open_model(plain) as without, open_model(ending) as adding:
        assert adding.vocabulary.add_eos
        assert not without.vocabulary.add_eos
        for task in tasks:
            texts = [reference_text(task, m.vocabulary, longest=10_000) for m in (without, adding)]
            ids = [text.context.ids.tolist() for text in texts if text is not None]
            assert len(ids) == 2
            assert ids[0] == ids[1]
        with pytest.raises(TokenizerError, match="add_eos_token"):
            chunk_text(adding, b"a b c " * 200, 16, None)


TEMPLATES = {
    "with BOS": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}A:",
    "without": "{{ messages[0].content }}A:",
}


@pytest.mark.parametrize("written", TEMPLATES)
@pytest.mark.parametrize("style", PromptStyle)
def test_no_prompt_ends_in_the_end_of_text(
    plain: Path, ending: Path, tmp_path: Path, style: PromptStyle, written: str
) -> None:
    holes = [hole for task in own_tasks(["python"]) if (hole := fill_in_the_middle(task))][:3]
    tasks = holes if style is PromptStyle.FIM else own_tasks(["python"])[:3]
    made = (
        with_metadata(path, tmp_path / path.name, tokenizer__chat_template=TEMPLATES[written])
        for path in (plain, ending)
    )
    without, adding = (open_model(path) for path in made)
    assert (without.vocabulary.add_eos, adding.vocabulary.add_eos) == (False, True)
    prompts = build_prompts(tasks, adding, style)
    assert prompts == build_prompts(tasks, without, style)
    assert prompts
    assert all(prompt.tokens[-1] != adding.vocabulary.eos for prompt in prompts)
    if style is PromptStyle.CHAT:  # that of the template is a turn's
        counts = {prompt.tokens.count(adding.vocabulary.eos or 0) for prompt in prompts}
        assert counts == {1 if written == "with BOS" else 0}


@pytest.mark.parametrize("special", [False, True])
def test_tokenize_shows_what_the_model_adds_only_where_asked(ending: Path, special: bool) -> None:
    shown = run("tokenize", ending, "ab", *(["--special"] if special else []), "--json")
    with open_model(ending) as model:
        eos = model.vocabulary.eos
    (content,) = parse(json.loads(shown.out), "stdout").shown("tokens")
    ids = [token["id"] for token in content["tokens"]]
    assert (ids[-1] == eos) is special


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Qwen2.5 Coder\n0.5B", "Qwen2.5 Coder 0.5B"),
        ("/home/u/models/Llama-3-8B/", "Llama-3-8B"),
        ("C:\\models\\Phi-3", "Phi-3"),
        ("meta-llama/Llama-3", "meta-llama/Llama-3"),
        ("a\u202eb", "a<U+202E>b"),
        ("deadbeef", "deadbeef"),
        *(
            (junk, None)
            for junk in ("", " ", ".", "---", "model", "Snapshots", "8c3d0fe", "a" * 121)
        ),
        ("e0b5bdb2c1f3f6d8e9a7c4b3a2d1e0f9c8b7a6d5", None),
        ("../models", None),
        ("checkpoint-1200", None),
    ],
)
def test_a_name_is_one_or_the_file_gives_it(written: str, name: str | None) -> None:
    assert usable_name(written) == name


def test_a_hostile_name_steers_nothing(plain: Path, tmp_path: Path) -> None:
    model = with_metadata(plain, tmp_path / "m.gguf", general__name=HOSTILE)
    page, rows = tmp_path / "page.html", tmp_path / "rows.csv"
    probe: list[str | Path] = ["probe", model, "--language", "go", "--draws", "10"]
    commands: list[list[str | Path]] = [probe, ["models", tmp_path]]
    for form in ([], ["--json"], ["--markdown"], ["--json", "--html", str(page)]):
        for command in commands:
            if form and form[-1] == str(page) and command[0] == "models":
                continue
            shown = run(*command, *form)
            assert shown.code == 0, shown.err
            assert_harmless(shown.out)
            assert "evil" in shown.out
    (record := tmp_path / "r.json").write_text(run(*probe, "--json").out)
    assert run("report", record, "--csv", rows).code == 0
    for file in (page, rows, record):
        assert_harmless(file.read_text(encoding="utf-8"))


def assert_harmless(text: str) -> None:
    found = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert found <= {"\n", "\t"}


def test_json_with_escapes_reads_back_as_the_same() -> None:
    text = '{"\u202e": "\U000e0001\x7fä語\\n"}'
    escaped = escape_json(text)
    assert_harmless(escaped)
    assert json.loads(escaped) == json.loads(text)
    assert "ä語" in escaped


@pytest.mark.parametrize(
    "arguments",
    [
        *([command, ""] for command in COMMANDS if command not in ("tokenize", "doctor")),
        ["compare", "embedded:small", ""],
        ["compare", "embedded:small", "embedded:small", "--corpus", ""],
        ["sweep", "--variants="],
        ["probe", "--html", ""],
        ["evaluate", "--tasks="],
    ],
)
def test_an_empty_name_is_a_sentence(arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.endswith(" is empty; name something, or leave it out\n")


def test_only_a_text_may_be_empty() -> None:
    assert run("tokenize", "embedded:small", "").code == 0
    assert run("tokenize", "", "text").code == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6", 6 << 30),
        ("0.5", 1 << 29),
        ("6GiB", 6 << 30),
        ("6GB", 6 * 10**9),
        ("6000M", 6000 << 20),
        ("6g", 6 << 30),
        ("800B", 800),
    ],
)
def test_a_size_without_a_unit_counts_gibibytes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_a_number_of_bytes_needs_its_unit() -> None:
    with pytest.raises(OptionError, match="6442450944B"):
        parse_size("6442450944")


def test_an_importance_matrix_says_how_much_of_it_is_used(tmp_path: Path) -> None:
    source = tiny_models.write_plain(tmp_path / "wide-f32.gguf", n_embd=256)
    matrix = tmp_path / "imatrix.gguf"
    arguments: list[str | Path] = [
        "quantize",
        source,
        "--to",
        "Q4_K_M",
        "--dry-run",
        "--imatrix",
        matrix,
    ]
    write_imatrix(matrix, source)
    n = importance(run(*arguments, "--json").out)
    assert n["used"] == n["entries"] > 4
    write_imatrix(matrix, source, rename=lambda name: name.replace("blk.1", "blk.9"))
    some = importance(run(*arguments, "--json").out)
    assert 0 < some["used"] < some["entries"] == n["entries"]
    said = f"{some['used']} of {some['entries']} entries are used"
    assert said in " ".join(run(*arguments).out.split())


def test_a_sweep_says_how_much_of_an_importance_matrix_is_used(tmp_path: Path) -> None:
    source = tiny_models.write_plain(tmp_path / "wide-f32.gguf", n_embd=256)
    matrix = tmp_path / "imatrix.gguf"
    write_imatrix(matrix, source, rename=lambda name: name.replace("blk.1", "blk.9"))
    (tmp_path / "text.py").write_text("def add(a, b):\n    return a + b\n" * 3)
    sweep: list[str | Path] = ["sweep", source, "--to", "Q4_K_M", "--imatrix", matrix, "--no-speed"]
    sweep += ["--corpus", tmp_path / "text.py", "--tokens", "20", "--context", "32"]
    sweep += ["--output-dir", tmp_path / "sweep", "--workers", "1"]
    shown = " ".join(run(*sweep).out.split())
    used = importance((tmp_path / "sweep" / "results.json").read_text())
    assert 0 < used["used"] < used["entries"]
    assert f"{used['used']} of {used['entries']} entries are used" in shown


def importance(printed: str) -> dict[str, int]:
    (content,) = parse(json.loads(printed), "stdout").shown("importance")
    return content


def test_an_importance_matrix_of_another_model_is_refused(tmp_path: Path) -> None:
    source = tiny_models.write_plain(tmp_path / "wide-f32.gguf", n_embd=256)
    other = tiny_models.write_plain(tmp_path / "other-f32.gguf", n_embd=512)
    matrix = tmp_path / "imatrix.gguf"
    refusals = []
    write_imatrix(matrix, source, rename=lambda name: f"x.{name}")
    refusals.append((matrix, "none of its"))
    write_imatrix(wrong := tmp_path / "wrong.gguf", other)
    refusals.append((wrong, "columns"))
    name = b"blk.0.attn_q.weight"
    head = np.array([3, len(name)], dtype="<i4").tobytes()
    (old := tmp_path / "old.dat").write_bytes(head + name + bytes(400))
    refusals.append((old, "old .dat format"))
    for path, reason in refusals:
        shown = run("quantize", source, "--to", "Q8_0", "--dry-run", "--imatrix", path)
        assert shown.code == 2, shown.err
        assert reason in shown.err
        assert shown.err.count("\n") == 1


def test_what_is_too_large_to_be_held_is_refused(tmp_path: Path) -> None:
    with (path := tmp_path / "huge.json").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(ResultFileError, match="256 MiB"):
        read_bytes(path, error=ResultFileError)
    assert run("report", path).code == 2
    with pytest.raises(ModelFileError, match="a folder, not"):
        read_bytes(tmp_path, error=ModelFileError)


def of_unequal_columns(record: dict[str, Any]) -> None:
    record["measurements"]["value"].pop()


def of_a_huge_size(record: dict[str, Any]) -> None:
    record["models"][1]["file_bytes"] = 10**400


def of_another_version(record: dict[str, Any]) -> None:
    record["schema_version"] = 99


def of_wrong_types(record: dict[str, Any]) -> None:
    record["models"] = "many"


def of_wrong_numbers(record: dict[str, Any]) -> None:
    record["measurements"]["value"][0] = "many"


@pytest.mark.parametrize(
    "damage",
    [of_unequal_columns, of_a_huge_size, of_another_version, of_wrong_types, of_wrong_numbers],
)
def test_a_record_whose_values_contradict_each_other_is_a_sentence(
    result: Run, tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    record = json.loads(to_json(result))
    damage(record)
    (path := tmp_path / "record.json").write_text(json.dumps(record))
    shown = run("recommend", path)
    assert shown.code == 2, shown.err
    assert shown.err.startswith(f"pyengine: {path}: ")
    assert shown.err.count("\n") == 1
    assert run("report", path).code in (0, 2)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe\x00", b'{"kind": [1]}', b"1", b""])
def test_what_is_no_record_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "record.json").write_bytes(content)
    for command in ("report", "recommend"):
        shown = run(command, path)
        assert shown.code == 2
        assert shown.err.count("\n") == 1
