"""lm-evaluation-harness on a model of ours: local tasks against an independent computation."""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from tiny_models import Tiny, write_bpe

from pyengine.errors import OptionError
from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.references import resolve_model
from pyengine.models.session import Session

pytest.importorskip("lm_eval", reason="lm_eval is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = "embedded:small"
DOCUMENTS = [
    {"q": "import os\nimport ", "choices": ["sys", "re", "json", "zzz"], "gold": 0},
    {"q": "def f(x):\n    return ", "choices": ["x", "None", "1 + x", "self"], "gold": 1},
]
TASKS = {
    "local_choice": (
        "output_type: multiple_choice\ndoc_to_text: '{{q}}'\ndoc_to_target: gold\n"
        "doc_to_choice: '{{choices}}'\ntarget_delimiter: ''\nmetric_list: [{metric: acc}]\n"
    ),
    "local_target": (
        "output_type: loglikelihood\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{choices[2]}}'\n"
        "target_delimiter: ''\nmetric_list: [{metric: perplexity}]\n"
    ),
    "local_rolling": (
        "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{q * 40}}'\n"
        "metric_list: [{metric: bits_per_byte}]\n"
    ),
    "local_writing": (
        "output_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{choices[0]}}'\n"
        'generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}\n'
        "metric_list: [{metric: exact_match}]\n"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tasks")
    (made / "documents.json").write_text("\n".join(map(json.dumps, DOCUMENTS)))
    for name, text in TASKS.items():
        data = (
            "dataset_path: json\ndataset_name: null\n"
            f"dataset_kwargs: {{data_files: {{test: {made / 'documents.json'}}}}}\n"
            "test_split: test\nmetadata: {version: 1}\n"
        )
        (made / f"{name}.yaml").write_text(f"task: {name}\n{data}{text}")
    return made


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with open_model(resolve_model(SMALL)) as opened:
        yield opened


def slow(model: Model, ids: list[int], first: int) -> tuple[float, bool]:
    """Sum of ln p of the tokens from `first` on, and whether each is the most probable one."""
    rows = Session(model, options=SessionOptions(n_ctx=512, threads=1)).logits_at(
        ids[:-1], range(first - 1, len(ids) - 1)
    )
    targets = ids[first:]
    each = [
        row[t] - top - math.log(math.fsum(math.exp(x - top) for x in row))
        for row, top, t in zip(rows.tolist(), rows.max(axis=1).tolist(), targets, strict=True)
    ]
    return math.fsum(each), np.argmax(rows, axis=1).tolist() == targets


def started(model: Model, text: str) -> list[int]:
    bos = model.vocabulary.bos
    assert bos is not None
    return [bos, *model.vocabulary.tokenize(text).tolist()]


def test_three_local_tasks_equal_an_independent_computation(folder: Path, model: Model) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    from pyengine.harnesses.lm_eval import PyengineLM

    lm = PyengineLM(SMALL, exact=True, threads=1, context=64)
    found: Any = simple_evaluate(
        model=lm,
        tasks=list(TASKS),
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    assert found["config"]["model_sha256"] == model.sha256
    assert found["config"]["pyengine_settings"]["exact"]
    samples = found["samples"]
    assert [len(samples[task]) for task in TASKS] == [2] * 4
    adds = model.vocabulary.add_bos
    for sample in samples["local_choice"]:
        for choice, ((value, greedy),) in zip(
            sample["doc"]["choices"], sample["resps"], strict=True
        ):
            check_pair(model, sample["doc"]["q"], choice, float(value), str(greedy), adds=adds)
    for sample in samples["local_target"]:
        ((value, greedy),) = sample["resps"][0]
        check_pair(
            model,
            sample["doc"]["q"],
            sample["doc"]["choices"][2],
            float(value),
            str(greedy),
            adds=adds,
        )
    for sample in samples["local_rolling"]:
        text = sample["doc"]["q"] * 40
        ids, total, done = started(model, text), 0.0, 1
        assert len(ids) > 2 * 64
        while done < len(ids):
            end = min(len(ids), done + 64)
            begin = max(0, end - 65)
            total += slow(model, ids[begin:end], done - begin)[0]
            done = end
        assert float(sample["resps"][0][0]) == pytest.approx(total, abs=1e-6 * len(ids))
    for sample in samples["local_writing"]:
        ids, text = model.vocabulary.tokenize(sample["doc"]["q"], add_special=True).tolist(), b""
        session = Session(model, options=SessionOptions(threads=1))
        for _ in range(8):
            ids.append(int(session.logits(ids).argmax()))
            text += model.vocabulary.piece(ids[-1])
        assert sample["resps"][0][0] == text.decode().split("\n")[0]


def check_pair(
    model: Model, prompt: str, text: str, value: float, greedy: str, *, adds: bool
) -> None:
    before = model.vocabulary.tokenize(prompt, add_special=adds).tolist()
    ids = model.vocabulary.tokenize(prompt + text, add_special=adds).tolist()
    first = next(
        (i for i, pair in enumerate(zip(before, ids, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(ids)),
    )
    expected, is_greedy = slow(model, ids, first)
    assert value == pytest.approx(expected, abs=1e-6 * (len(ids) - first))
    assert greedy == str(is_greedy)


@pytest.mark.slow  # the harness reads all of its own tasks' files
def test_the_command_hands_over(folder: Path, tmp_path: Path) -> None:
    words = ["run", "--model_args", f"pretrained={SMALL},threads=1", "--tasks", "local_target"]
    ended = run("lm-eval", *words, "--include_path", folder, "--output_path", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "local_target" in ended.out
    (result,) = (tmp_path / "out").rglob("results_*.json")
    told = json.loads(result.read_text())
    assert told["config"]["model"] == "pyengine"
    assert told["config"]["model_sha256"]


def test_unknown_arguments_are_refused() -> None:
    from pyengine.harnesses.lm_eval import PyengineLM

    with pytest.raises(OptionError, match="unknown model argument 'thread'"):
        PyengineLM.create_from_arg_string(f"pretrained={SMALL},thread=1", {"batch_size": 1})
    lm = PyengineLM(SMALL, threads=1)
    assert lm.loglikelihood([]) == []
    assert lm.generate_until([]) == []
    assert sys.argv[0] != "lm-eval"


def test_the_files_own_template_writes_chats(tmp_path: Path) -> None:
    from pyengine.harnesses.lm_eval import PyengineLM

    template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    lm = PyengineLM(str(write_bpe(tmp_path / "chat.gguf", Tiny(chat_template=template))), threads=1)
    asked = {"role": "user", "content": "a"}
    begun = {"role": "assistant", "content": "b b"}
    assert lm.apply_chat_template([asked]) == "<user>a</user><assistant>"
    left_open = lm.apply_chat_template([asked, begun], add_generation_prompt=False)
    assert left_open == "<user>a</user><assistant>b b"
    assert lm.chat_template(True) == template
    assert lm.chat_template(False) is None
    assert len(lm.tokenizer_name) == 64
