"""Models whose logits are no numbers are refused by name; the others go on."""

from pathlib import Path

import damage
import pytest
import tiny_models
from codegen_samples import evaluate
from command_line import run
from comparison_samples import PLAIN, Quantize

from pyengine.errors import NumbersError
from pyengine.measure.compare import compare
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.text.documents import Corpus


def broken_copy(path: Path, name: str, value: float) -> Path:
    target = path.with_name(name)
    target.write_bytes(path.read_bytes())
    damage.fill_tensor(target, "output_norm.weight", value)
    return target


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(tiny: Path, value: float) -> None:
    with open_model(broken_copy(tiny, "broken.gguf", value)) as model:
        session = Session(model, options=SessionOptions(threads=1))
        with pytest.raises(NumbersError, match=r"broken\.gguf: computes logits that are NaN") as it:
            session.logits([1, 2])
    assert it.value.path == str(model.path)


def test_the_other_variants_are_compared(tiny: Path, quantized: Quantize, corpus: Corpus) -> None:
    broken, good = broken_copy(tiny, "broken.gguf", float("nan")), quantized("Q8_0")
    alone = compare(tiny, [good], corpus=corpus, options=PLAIN)
    result = compare(tiny, [broken, good], corpus=corpus, options=PLAIN)
    for model in ("tiny-Q8_0", "tiny"):
        assert repr(result.select(model=model)) == repr(alone.select(model=model))  # NaN is NaN
    assert result.select(model="broken") == []
    (note,) = result.notes
    assert (note.code, note.model) == ("variant-failed", "broken")
    assert note.values["message"].startswith("computes logits that are NaN or infinite")
    for pair in ((tiny, broken), (broken, tiny)):
        with pytest.raises(NumbersError, match="broken"):
            compare(pair[0], [pair[1]], corpus=corpus, options=PLAIN)


def test_an_emulation_goes_on_without_it(tiny: Path, quantized: Quantize) -> None:
    broken, good = broken_copy(tiny, "broken.gguf", float("nan")), quantized("Q8_0")
    text = tiny.with_name("text.py")
    text.write_text("def area(r):\n    return 3.14 * r ** 2\n" * 20)
    how = ["--corpus", str(text), "--emulate", "llama-perplexity", "--context", "64"]
    done = run("compare", tiny, broken, good, *how)
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "broken.gguf failed: computes logits that are NaN or infinite" in said
    assert "nan" not in done.out.replace("NaN or infinite", "")
    for pair in ((tiny, broken), (broken, tiny)):
        done = run("compare", *pair, *how)
        assert (done.code, done.out) == (2, "")
        assert "broken.gguf: computes logits" in done.err


def test_an_evaluation_goes_on_without_it(tmp_path: Path) -> None:
    good = tiny_models.write_bpe(tmp_path / "good.gguf")
    broken = broken_copy(good, "broken.gguf", float("nan"))
    result = evaluate(tmp_path / "kept", [broken, good])
    assert [Path(model.path).name for model in result.models] == ["good.gguf"]
    assert {note.code for note in result.notes if note.model == "broken"} == {"model-failed"}
    with pytest.raises(NumbersError, match=r"broken\.gguf"):
        evaluate(tmp_path / "kept", [broken])
    with pytest.raises(NumbersError, match=r"broken\.gguf"):
        evaluate(tmp_path / "kept", [good], broken)
