"""The command line that follows on a result, where there is one."""

from typing import Any

import pytest
from run_samples import MADE, info, made_run

from pyengine.choose.candidates import Candidate
from pyengine.report.sentences.hand_over import run_values
from pyengine.report.views import next_facts
from pyengine.run import Exhibit, Run


def result(command: str, *names: str, words: str = "", **options: object) -> Run:
    """A run over models that lie in /models."""
    models = [info(name, 1.0).model_copy(update={"path": f"/models/{name}"}) for name in names]
    run = made_run(models, [], command=command)
    made = MADE.model_copy(update={"words": tuple(words.split())})
    return run.model_copy(update={"provenance": made, "options": options})


def shown(run: Run, kind: str, *contents: dict[str, Any]) -> Run:
    """The same run with exhibits of one kind."""
    more = [Exhibit(kind=kind, model="", content=content) for content in contents]
    return run.model_copy(update={"exhibits": [*run.exhibits, *more]})


def answered(*outcomes: str, words: str = "evaluate a.gguf") -> Run:
    """An evaluation whose tasks t0, t1 and so on ended so."""
    tasks = [{"task": f"t{i}", "samples": [{"outcome": o}]} for i, o in enumerate(outcomes)]
    return shown(result("evaluate", "a.gguf", words=words), "answer", *tasks)


def quantized(*, dry_run: bool) -> Run:
    """Two files that were made of a source."""
    run = shown(result("quantize", dry_run=dry_run), "source", {"path": "/models/f 16.gguf"})
    return shown(run, "quantized", {"path": "./a.gguf"}, {"path": "./b.gguf"})


@pytest.mark.parametrize(
    ("run", "lines"),
    [
        (result("probe", "a.gguf"), ["pyengine evaluate /models/a.gguf"]),
        (result("probe", "a.gguf", "b.gguf"), ["pyengine compare /models/a.gguf /models/b.gguf"]),
        (result("probe", "saved.npz"), []),
        (result("vocab", "a.gguf"), ["pyengine tokenize /models/a.gguf FILE"]),
        (quantized(dry_run=True), []),
        (
            quantized(dry_run=False),
            ["pyengine compare '/models/f 16.gguf' ./a.gguf ./b.gguf"],
        ),
        (
            shown(result("imatrix", "f.gguf"), "imatrix", {"path": "my m.gguf"}),
            ["pyengine quantize /models/f.gguf --to Q4_K_M --imatrix 'my m.gguf'"],
        ),
        (
            result("compare", "f.gguf", "a b.gguf", words="compare f.gguf a --tokens 9"),
            [
                "pyengine pick /models/f.gguf '/models/a b.gguf'",
                "pyengine compare f.gguf a --tokens 9 --json --html compare.html > compare.json",
                "pyengine evaluate '/models/a b.gguf' --reference /models/f.gguf",
            ],
        ),
        (result("compare", "f.gguf"), []),
        (answered("passed", "exception"), ["pyengine evaluate a.gguf --show t1"]),
        (answered("passed", "skipped"), []),
        (answered("exception", words="evaluate a.gguf --show t0"), []),
        (result("recommend", "a.gguf"), []),
        (result("sweep", "a.gguf"), []),
    ],
)
def test_a_result_is_followed_by_what_a_person_needs_next(run: Run, lines: list[str]) -> None:
    follows = next_facts(run)
    assert [line for _, line in follows.pairs] == lines if follows else lines == []


def test_a_sweep_is_followed_where_its_folder_is_known() -> None:
    follows = next_facts(result("sweep", "a.gguf"), "my sweep")
    assert follows is not None
    assert [line for _, line in follows.pairs] == [
        "pyengine recommend 'my sweep'",
        "pyengine report 'my sweep' -o sweep.html",
    ]


def test_settings_are_options_of_the_programs() -> None:
    """Those that llama-server lists: -ctk, -ctv, -fa, -ub, --lora-scaled FILE:SCALE."""
    run = made_run([info("m", 2)], [])
    text = "?kv=q8_0&fa=on&ubatch=64&rope-scale=0.5&lora=a%26b.gguf:0.5&lora=c.gguf&ngl=9"
    values = run_values(run, Candidate(name="m", path="m.gguf", variant=text, metrics={}))
    assert values["settings"] == (
        "-ctk q8_0 -ctv q8_0 -fa on -ub 64 --rope-freq-scale 0.5 "
        "--lora-scaled 'a&b.gguf:0.5' --lora c.gguf -ngl 9"
    )
    assert values["layers"] is None
    assert run_values(run, Candidate(name="m", path="m.gguf", metrics={}))["settings"] == ""
