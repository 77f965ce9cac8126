"""How likely references are in a chat is measured beside the style that was chosen."""

from pathlib import Path

import numpy as np
import pytest
from codegen_samples import options
from tiny_models import Tiny, write_bpe

from pyengine.code.evaluation import Evaluation
from pyengine.code.likelihood import scored_part
from pyengine.code.prompting import PromptStyle
from pyengine.code.sandbox import open_sandbox
from pyengine.code.tasks import Task
from pyengine.measure.pairs import EncodedPair
from pyengine.measure.subjects import padding_ids
from pyengine.models.model import open_model, prompt_ids
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.report.evaluate_view import evaluate_document
from pyengine.report.markdown import render_markdown
from pyengine.report.words import WORDS
from pyengine.run.record import Run

pytestmark = pytest.mark.usefixtures("sandbox")
GAIN = "chat_log_probability_gain"
TEMPLATE = "{% for m in messages %}[{{ m.content }}]<|end|>{% endfor %}{{ bos_token }}"
TASKS = [
    Task(
        name=f"t{n}",
        language="python",
        prompt=f"def f{n}():",
        entry_point=f"f{n}",
        tests=f"assert f{n}() == {n}",
        reference=f"\n    return {n}\n",
        instruction="Go.",
    )
    for n in range(20)
]


def evaluated(folder: Path, model: Path, **changes: object) -> Run:
    chosen = options(folder, max_tokens=2, **changes)
    return Evaluation(TASKS, "own", chosen, open_sandbox()).run([model])


def log_probability(session: Session, before: str, code: str) -> tuple[float, int]:
    """Sum ln p of the tokens of `before + code` beyond those of `before`, one row at a time."""
    vocabulary = session.model.vocabulary
    first, whole = (
        prompt_ids(vocabulary, text, parse_special=True) for text in (before, before + code)
    )
    n_same = next(i for i in range(len(whole)) if first[i : i + 1] != whole[i : i + 1])
    total = 0.0
    for place in range(n_same, len(whole)):
        row = session.logits(whole[:place]).astype(float)
        row[padding_ids(vocabulary, session.model.n_vocab)] = -np.inf
        total += row[whole[place]] - float(np.log(np.sum(np.exp(row - row.max()))) + row.max())
    return total, len(whole) - n_same


def test_the_gain_is_that_of_eight_tasks_over_the_set(tmp_path: Path) -> None:
    made = write_bpe(tmp_path / "m.gguf", Tiny(chat_template=TEMPLATE))
    run = evaluated(tmp_path / "kept", made)
    row = run.find(GAIN, "m")
    assert row is not None
    assert run.models[0].settings["style_reason"] == "eos-ends-turn"
    page = render_markdown(evaluate_document(run))
    assert "nats per token beside those behind bare code, over 7 ideas" in page
    assert WORDS["style-reasons"]["eos-ends-turn"] in page
    chat, bare = [], []
    with open_model(made) as model:
        session = Session(model, options=SessionOptions(n_ctx=256, n_batch=256, threads=1))
        for task in TASKS[::3]:
            in_chat = f"[Go.]<|end|><|begin|>```python\n{task.prompt}"
            chat.append(log_probability(session, in_chat, task.reference))
            bare.append(log_probability(session, task.prompt, task.reference))
    means = [sum(p for p, _ in found) / sum(n for _, n in found) for found in (chat, bare)]
    assert row.value == pytest.approx(means[0] - means[1], abs=0.01)
    assert abs(row.value) > 0.02
    assert row.n_clusters == len(chat) == 7
    assert row.low < row.value < row.high


def test_a_template_that_goes_unused_is_noted(tmp_path: Path) -> None:
    template = TEMPLATE.replace("<|end|>", "<|fim_middle|>")
    made = write_bpe(tmp_path / "m.gguf", Tiny(chat_template=template))
    run = evaluated(tmp_path / "kept", made)
    assert run.models[0].settings["style"] == "raw"
    assert [note.model for note in run.notes if note.code == "template-unused"] == ["m"]
    page = render_markdown(evaluate_document(run))
    assert "Given bare code although the file holds a chat template" in page
    assert WORDS["style-reasons"]["other-token-ends-turn"] in page


def test_nothing_is_measured_where_there_is_nothing_to_check(tmp_path: Path) -> None:
    plain = write_bpe(tmp_path / "plain.gguf", Tiny())
    assert evaluated(tmp_path / "a", plain).find(GAIN, "plain") is None
    made = write_bpe(tmp_path / "m.gguf", Tiny(chat_template=TEMPLATE))
    asked = evaluated(tmp_path / "b", made, style=PromptStyle.CHAT)
    assert asked.find(GAIN, "m") is None
    thinks = write_bpe(tmp_path / "thinks.gguf", Tiny(chat_template=TEMPLATE + "<think>\n"))
    assert evaluated(tmp_path / "c", thinks, thinking_tokens=0).find(GAIN, "thinks") is None


def test_only_what_is_beyond_the_beginning_is_scored() -> None:
    assert scored_part(EncodedPair((1, 2), 2, 0, False), "python", longest=9) is None
    assert scored_part(EncodedPair((1, 2, 3), 2, 0, False), "python", longest=2) is None
    context = scored_part(EncodedPair((1, 3, 4), 1, 0, True), "python", longest=3)
    assert context is not None
    assert (context.ids.tolist(), context.rows.tolist()) == ([1, 3], [0, 1])
    assert (context.targets.tolist(), context.token_set) == ([3, 4], "python")
