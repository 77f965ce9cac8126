"""Importance matrices: against NumPy, against llama-imatrix, merged, killed and resumed."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import damage
import gguf
import numpy as np
import pytest
import tiny_architectures
from imatrix_oracle import Sums, add_context, read_tensors
from tiny_models import Tiny, write_bpe, write_plain, write_spm

import pyengine
from pyengine.errors import CorpusError, InputError, ModelFileError, NumbersError, OptionError
from pyengine.measure import importance_coverage
from pyengine.models import imatrix as files
from pyengine.models.model import open_model
from pyengine.text.documents import Corpus, Document, load_corpus
from pyengine.text.stream import stream_contexts

DATA = Path(__file__).parent / "data"
TEXT = DATA / "llama_perplexity" / "text.txt"
FIGURES: dict[str, Any] = json.loads((DATA / "llama_imatrix.json").read_text())
N_CTX = 64


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a matrix, each flat."""
    return {tensor.name: np.array(tensor.data).ravel() for tensor in gguf.GGUFReader(path).tensors}


def made(model: Path, target: Path, **options: Any) -> dict[str, np.ndarray]:  # noqa: ANN401
    """The tensors of a matrix that is made now."""
    usual: dict[str, Any] = {"corpus": TEXT, "context": N_CTX, "tokens": 5 * N_CTX, "threads": 1}
    run = pyengine.imatrix(model, output=target, **{**usual, **options})
    assert run.shown("imatrix")[0]["path"] == str(target)
    return read(target)


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Whether two matrices have the same bits."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixture of four experts, of which two are used, with a tied embedding."""
    return tiny_architectures.write(tmp_path_factory.mktemp("moe") / "moe.gguf", "qwen3moe")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bpe(tmp_path_factory.mktemp("tiny") / "tiny-f32.gguf")


def test_sums_are_those_of_numpy(mixture: Path, tmp_path: Path) -> None:
    found = made(mixture, tmp_path / "m.gguf", process_output=True)
    with open_model(mixture) as model:
        contexts = stream_contexts(
            load_corpus([TEXT]), model.vocabulary, n_ctx=N_CTX, max_tokens=5 * N_CTX, seed=20260102
        )
    sums, tensors = Sums(), read_tensors(mixture)
    assert contexts.ids.shape == (5, N_CTX)
    for ids in contexts.ids:
        add_context(sums, tensors, ids)
    names = {name for name, _ in sums.squares}
    assert found.keys() == {f"{name}.{what}" for name in names for what in ("in_sum2", "counts")}
    for name in names:
        experts = sorted(expert for known, expert in sums.squares if known == name)
        counts = found[f"{name}.counts"]
        rows = found[f"{name}.in_sum2"].reshape(len(counts), -1)
        assert [sums.counts.get((name, i), 0) for i in range(len(counts))] == counts.tolist()
        for expert in experts:
            expected = sums.squares[name, expert]
            assert rows[expert] == pytest.approx(expected, rel=0.01, abs=0.01 * expected.mean())
    assert len(found["blk.1.ffn_down_exps.weight.counts"]) == 4


@pytest.mark.parametrize("architecture", ["gemma3", "phi3", "falcon", "deepseek2", "jamba"])
def test_other_architectures_are_covered(architecture: str, tmp_path: Path) -> None:
    model = tiny_architectures.write(tmp_path / "model.gguf", architecture)
    run = pyengine.imatrix(model, output=tmp_path / "m.gguf", corpus=TEXT, context=64, tokens=128)
    (covered,), (left,) = run.shown("covered"), run.shown("not-covered")
    assert len(covered["weights"]) > 6
    reasons = {weight["name"]: weight["reason"] for weight in left["weights"]}
    assert reasons.pop("token_embd.weight") == "tied"
    assert all("conv1d" in name for name in reasons)


def test_the_figures_of_llama_imatrix(stories: Path, tmp_path: Path) -> None:
    found = made(stories, tmp_path / "m.gguf", context=FIGURES["n_ctx"], tokens=0)
    assert sorted(found) == sorted(FIGURES["tensors"])
    for name, figures in FIGURES["tensors"].items():
        assert len(found[name]) == figures["n"]
        assert float(found[name].sum(dtype=np.float64)) == pytest.approx(figures["sum"], rel=1e-4)
        assert found[name][:3] == pytest.approx(figures["first"], rel=1e-3)
    fields = gguf.GGUFReader(tmp_path / "m.gguf").fields
    for key in ("imatrix.chunk_count", "imatrix.chunk_size", "general.type"):
        assert fields[key].contents() == FIGURES["metadata"][key]


def test_merged_matrices_are_one_over_both(tiny: Path, tmp_path: Path) -> None:
    text = TEXT.read_bytes()
    halves = [tmp_path / "a.txt", tmp_path / "b.txt"]
    with open_model(tiny) as model:
        # Cut where a context ends, so that both ways decode the same contexts.
        ids = model.vocabulary.tokenize(text)[: 10 * N_CTX]
        for path, part in zip(halves, (ids[: 4 * N_CTX], ids[4 * N_CTX :]), strict=True):
            path.write_bytes(model.vocabulary.detokenize(part))
            assert model.vocabulary.tokenize(path.read_bytes()).tolist() == part.tolist()
    first = made(tiny, tmp_path / "first.gguf", corpus=halves[0], tokens=0)
    both = made(
        tiny, tmp_path / "both.gguf", corpus=halves[1], tokens=0, merge=tmp_path / "first.gguf"
    )
    whole = made(tiny, tmp_path / "whole.gguf", corpus=halves, tokens=0)
    assert first["blk.0.attn_q.weight.counts"] == [4 * N_CTX]
    assert same(both, whole)
    datasets = gguf.GGUFReader(tmp_path / "both.gguf").fields["imatrix.datasets"].contents()
    assert datasets == [str(path) for path in halves]


def test_an_interrupted_run_goes_on(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(tiny, tmp_path / "whole.gguf")
    monkeypatch.setattr(files, "SAVE_SECONDS", 0.0)
    target = tmp_path / "m.gguf"

    def stop(what: str, fraction: float) -> None:
        if what == "sum activations" and fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(tiny, target, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.gguf.part", "whole.gguf"]
    with pytest.raises(InputError, match="not the importance matrix of this model"):
        made(tiny, target, seed=1)
    begun: list[tuple[str, float]] = []
    found = made(tiny, target, progress=lambda what, part: begun.append((what, part)))
    assert [part for what, part in begun if "sum" in what] == pytest.approx([0.6, 0.8, 1.0])
    assert same(found, whole)
    assert target.read_bytes() == (tmp_path / "whole.gguf").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.gguf", "whole.gguf"]


def test_a_killed_run_goes_on(tiny: Path, tmp_path: Path) -> None:
    options = ["imatrix", str(tiny), "--corpus", str(TEXT), "--context", "16", "--tokens", "640"]
    target, part = tmp_path / "m.gguf", tmp_path / "m.gguf.part"
    program = (
        "import sys; from pyengine.models import imatrix; from pyengine.commands.app import run; "
        "imatrix.SAVE_SECONDS = 0.0; sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *options, "--output", str(target)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 60
        while not part.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        child.kill()
    assert part.exists()
    assert not target.exists()
    found = made(tiny, target, context=16, tokens=640)
    assert same(found, made(tiny, tmp_path / "whole.gguf", context=16, tokens=640))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.gguf", "whole.gguf"]


def test_a_finished_file_is_kept(tiny: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.gguf"
    made(tiny, target)
    before = target.stat()
    run = pyengine.imatrix(tiny, output=target, corpus=TEXT, context=64, tokens=320, threads=2)
    assert run.shown("imatrix")[0]["reused"]
    assert target.stat() == before
    with pytest.raises(InputError, match="remove it or name another file"):
        made(tiny, target, process_output=True)
    assert target.stat() == before


def test_what_is_covered_is_told(mixture: Path, tmp_path: Path) -> None:
    usual: dict[str, Any] = {"corpus": TEXT, "context": 64, "tokens": 64, "threads": 1}
    run = pyengine.imatrix(mixture, output=tmp_path / "m.gguf", **usual)
    (covered,), (left,) = run.shown("covered"), run.shown("not-covered")
    weights = {weight["name"]: weight for weight in covered["weights"]}
    assert weights["blk.0.attn_q.weight"]["counts"] == [64]
    experts = weights["blk.1.ffn_down_exps.weight"]
    assert sum(experts["counts"]) == 128
    counts = [count for w in weights.values() if len(w["counts"]) > 1 for count in w["counts"]]
    notes = {note.code: note.values for note in run.notes}
    assert notes["seldom-experts"] == {
        "n": len(counts),
        "never": counts.count(0),
        "seldom": sum(0 < count < importance_coverage.SELDOM for count in counts),
        "fewest": 100,
    }
    assert notes["tied-embedding"] == {"name": "token_embd.weight"}
    assert [(w["name"], w["reason"]) for w in left["weights"]] == [("token_embd.weight", "tied")]
    assert run.population is not None
    assert (run.population.n_tokens, run.population.n_windows) == (64, 1)
    more = pyengine.imatrix(mixture, output=tmp_path / "o.gguf", process_output=True, **usual)
    assert not more.shown("not-covered")[0]["weights"]
    assert not [note for note in more.notes if note.code == "tied-embedding"]
    assert same(
        {k: v for k, v in read(tmp_path / "o.gguf").items() if "embd" not in k},
        read(tmp_path / "m.gguf"),
    )


def test_the_quantizer_takes_it(tmp_path: Path) -> None:
    model = write_plain(tmp_path / "tiny-f32.gguf", n_embd=256, architecture="qwen2")
    weights = {}
    for name, options in (("none", None), ("blocks", False), ("output", True)):
        matrix = None
        if options is not None:
            matrix = tmp_path / f"{name}.gguf"
            made(model, matrix, process_output=options)
        run = pyengine.quantize(
            model, to="Q2_K", pure=True, imatrix=matrix, output_dir=tmp_path / name
        )
        path = run.shown("quantized")[0]["path"]
        weights[name] = {t.name: bytes(t.data) for t in gguf.GGUFReader(path).tensors}
        if options is not None:
            entries = 14 + options
            assert run.shown("importance") == [{"entries": entries, "used": entries}]
    query, embedding = "blk.0.attn_q.weight", "token_embd.weight"
    assert weights["none"][query] != weights["blocks"][query] == weights["output"][query]
    assert weights["none"][embedding] == weights["blocks"][embedding]
    assert weights["none"][embedding] != weights["output"][embedding]


def test_a_model_without_numbers_is_refused(tmp_path: Path) -> None:
    model = write_bpe(tmp_path / "broken.gguf")
    damage.fill_tensor(model, "blk.1.attn_norm.weight", float("nan"))
    with pytest.raises(NumbersError, match="activations that are NaN or infinite"):
        made(model, tmp_path / "m.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.gguf"]


def test_contexts_are_those_of_llama_cpp(stories: Path) -> None:
    with open_model(stories) as model:
        vocabulary = model.vocabulary
        whole = vocabulary.tokenize(TEXT.read_bytes(), add_special=True)
        found = stream_contexts(load_corpus([TEXT]), vocabulary, n_ctx=100, max_tokens=None, seed=1)
        n = len(whole) // 100
        expected = whole[: n * 100].reshape(n, 100).copy()
        expected[:, 0] = vocabulary.bos
        assert np.array_equal(found.ids, expected)
        some = stream_contexts(load_corpus([TEXT]), vocabulary, n_ctx=100, max_tokens=599, seed=1)
    places = [expected.tolist().index(ids) for ids in some.ids.tolist()]
    assert len(places) == 5
    assert np.diff(places).min() >= n // 5
    assert np.diff(places).max() <= n // 5 + 1


def test_a_rest_and_a_refused_document_are_left_out(tmp_path: Path) -> None:
    model = write_spm(tmp_path / "tiny.gguf", Tiny(byte_tokens=False))
    texts = (b"~", b"a" * 30, b"b" * 30)
    documents = tuple(Document(str(i), "text", text) for i, text in enumerate(texts))
    with open_model(model) as opened:
        found = stream_contexts(
            Corpus(documents, "here"), opened.vocabulary, n_ctx=20, max_tokens=None, seed=0
        )
        assert found.refused == ["0"]
        assert found.documents == [1, 2]
        with pytest.raises(CorpusError, match=r"makes .* without 1 documents .* has 2000"):
            stream_contexts(
                Corpus(documents, "here"), opened.vocabulary, n_ctx=2000, max_tokens=None, seed=0
            )


@pytest.mark.parametrize(
    ("options", "error", "complaint"),
    [
        ({"context": 8}, OptionError, "use at least 16"),
        ({"tokens": 63}, OptionError, "no whole context of 64"),
        ({"corpus": "/nowhere"}, CorpusError, "/nowhere"),
        ({"merge": "/nowhere"}, ModelFileError, "/nowhere"),
        ({"merge": TEXT}, ModelFileError, "text.txt"),
    ],
)
def test_impossible_options_are_refused(
    tiny: Path, tmp_path: Path, options: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        made(tiny, tmp_path / "m.gguf", **options)
    assert not list(tmp_path.iterdir())


def test_a_matrix_of_another_model_is_not_merged(tiny: Path, mixture: Path, tmp_path: Path) -> None:
    made(mixture, tmp_path / "moe.gguf")
    with pytest.raises(ModelFileError, match=r"moe.gguf: holds sums of 'blk.0.attn_k.*other rows"):
        made(tiny, tmp_path / "m.gguf", merge=tmp_path / "moe.gguf")
    with pytest.raises(ModelFileError, match="is not an importance matrix"):
        made(tiny, tmp_path / "m.gguf", merge=tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["moe.gguf"]


def test_a_learned_end_of_positions_cuts_contexts(tmp_path: Path) -> None:
    model = tiny_architectures.write(tmp_path / "gpt2.gguf", "gpt2")
    run = pyengine.imatrix(model, output=tmp_path / "m.gguf", corpus=TEXT, tokens=512)
    assert [note.code for note in run.notes] == ["tied-embedding", "fitted-to-positions"]
    assert run.shown("imatrix")[0]["n_ctx"] == 128
