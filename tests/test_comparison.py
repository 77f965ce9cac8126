"""Whole comparisons of tiny models, against a slow reading of the same logits."""

from pathlib import Path

import numpy as np
import pytest
import row_oracle as oracle
from comparison_samples import (
    PLAIN,
    SOURCES,
    WINDOWS,
    Quantize,
)
from tiny_models import Tiny, write_plain, write_spm, write_spread

from pyengine.choose.verdicts import pairs
from pyengine.measure.compare import compare
from pyengine.measure.engine import Processes
from pyengine.measure.options import CompareOptions
from pyengine.measure.other_vocabulary import Alone, alone, keyword_log_probabilities
from pyengine.measure.start_tokens import document_prefix
from pyengine.measure.starts import ALL_LANGUAGES, keyword_sets, start_chunk
from pyengine.measure.subjects import identify, padding_ids
from pyengine.models.gguf import read_tensor_table, vectors_sha256
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session
from pyengine.report.compare_view import compare_document
from pyengine.report.numbers import significant
from pyengine.report.sentences.comparison import damage_sentence, pair_sentence
from pyengine.run import Measurement, Run
from pyengine.text.documents import Corpus
from pyengine.text.tokens import tokenize
from pyengine.text.windows import cut_windows

Q8, Q4 = "tiny-Q8_0", "tiny-Q4_0"


def found(run: Run, metric: str, model: str, **members: str) -> Measurement:
    """The measurement that there must be."""
    row = run.find(metric, model, **members)
    assert row is not None
    return row


def test_averages_equal_a_slow_reading_of_the_logits(
    result: Run, tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    kl, same, outside, clear, ratio, delta = [], [], [], [], [], []
    with open_model(tiny) as p, open_model(quantized("Q4_0")) as q:
        padding = padding_ids(p.vocabulary, p.n_vocab).tolist()
        assert padding == [262, 263, 264]
        documents = tokenize(corpus.documents, p.vocabulary)
        windows = cut_windows(documents, document_prefix(p.vocabulary), WINDOWS, seed=PLAIN.seed)
        sessions = [Session(m, options=SessionOptions(threads=1)) for m in (p, q)]
        for window in windows:
            rows_p, rows_q = (s.logits_at(window.ids, window.rows) for s in sessions)
            for row_p, row_q, target in zip(rows_p, rows_q, window.targets, strict=True):
                a = oracle.log_softmax(row_p, padding)
                b = oracle.log_softmax(row_q, padding)
                kl.append(oracle.kl(a, b))
                same.append(np.argmax(a) == np.argmax(b))
                sure = np.exp(a.max()) > 0.5
                clear.append(sure and np.argmax(a) != np.argmax(b))
                outside.append(np.argmax(b) not in np.argsort(-a, kind="stable")[:5])
                ratio.append(a[target] - b[target])
                delta.append(np.exp(b[target]) - np.exp(a[target]))
    mean = found(result, "kl", Q4)
    assert mean.n == len(kl) == sum(len(d.ids) for d in documents)
    assert mean.n_clusters == len(corpus)
    for metric, value in (
        ("kl", np.mean(kl)),
        ("same_first_choice", np.mean(same)),
        ("outside_first_five", np.mean(outside)),
        ("clear_change", np.mean(clear)),
        ("log_ppl_ratio", np.mean(ratio)),
        ("delta_p", np.mean(delta)),
        ("delta_p_rms", np.sqrt(np.mean(np.square(delta)))),
    ):
        assert found(result, metric, Q4).value == pytest.approx(value, rel=1e-5, abs=1e-9), metric
    assert found(result, "kl", Q4, quantile="0.95").value == pytest.approx(
        np.quantile(kl, 0.95), rel=1e-6
    )


def test_parts_add_up_to_the_whole(result: Run) -> None:
    for model in (Q8, Q4):
        mean = found(result, "kl", model)
        for dimension in ("language", "class", "confidence"):
            parts = result.select("kl", model=model, dimension=dimension)
            parts = [part for part in parts if set(part.members) == {dimension}]
            assert sum(part.n for part in parts) == mean.n
            total = sum(part.n * part.value for part in parts)
            assert total / mean.n == pytest.approx(mean.value)
    names = {part.members["class"] for part in result.select("kl", model=Q8, dimension="class")}
    assert {"keyword", "identifier", "literal", "comment", "bracket", "indentation"} <= names


def test_the_mass_of_keywords_is_that_of_the_reference_and_its_change(result: Run) -> None:
    python = {"language": "python"}
    reference = found(result, "keyword_mass", "tiny", **python)
    for model in (Q8, Q4):
        variant = found(result, "keyword_mass", model, **python)
        change = found(result, "keyword_mass_change", model, **python)
        assert variant.value - change.value == pytest.approx(reference.value)
        assert 0 < reference.value < 1
        assert variant.n == change.n == reference.n
    table = next(
        t for t in compare_document(result).tables() if t.title.startswith("Keywords in any")
    )
    assert table.rows[0][3].value == reference.value


def test_the_files_tell_what_separates_them(
    result: Run, tiny: Path, tmp_path: Path, corpus: Corpus
) -> None:
    assert [axis["kind"] for axis in result.shown("axis")] == ["quantization", "quantization"]
    tuned = write_spread(tmp_path / "tuned.gguf", n_extra=8, seed=2, spread=2.0)
    same = tmp_path / "copy.gguf"
    same.write_bytes(tiny.read_bytes())
    other = compare(tiny, [tuned, same], corpus=corpus, options=PLAIN)
    assert [axis["kind"] for axis in other.shown("axis")] == ["fine-tuning", "identical"]
    named = CompareOptions(windows=WINDOWS, threads=1, corpus=False, axis="scaling")
    (axis,) = compare(tiny, [tuned], corpus=corpus, options=named).shown("axis")
    assert axis["kind"] == "scaling"
    assert found(other, "kl", "copy", quantile="1").value == 0.0
    assert damage_sentence(other, "copy").startswith("copy: at the floor")
    (pair,) = pairs(other, 0.1)
    assert (pair.verdict, pair.second) == ("one-exact", "copy")


def test_variants_are_told_apart_on_the_same_tokens(result: Run) -> None:
    (pair,) = pairs(result, 0.1)
    assert pair.ratio is not None
    expected = found(result, "kl", Q8).value / found(result, "kl", Q4).value
    assert pair.ratio.value == pytest.approx(expected)
    assert pair.verdict == "different"
    words = pair_sentence(result, pair.reversed(), 0.1)
    assert words.startswith(f"tiny-Q4_0 has {significant(1 / expected)} times the damage of tiny-Q")


def test_starts_cover_every_language(result: Run, tiny: Path) -> None:
    def languages(metric: str, kind: str) -> set[str]:
        rows = result.select(metric, model=Q8, dimension="start")
        return {r.members["language"] for r in rows if r.group.startswith(f"start={kind};")}

    assert languages("kl", "keyword") == languages("kl", "sequence")
    assert len(languages("kl", "keyword")) == 12
    assert languages("kl", "cold") == set()  # one context, whatever the language
    masses = result.select("keyword_mass", model=Q8, dimension="start")
    assert all(0 <= row.value <= 1 for row in masses)
    # A language none of whose keywords is one token has no mass of them.
    known = languages("keyword_mass", "cold")
    assert known == languages("keyword_mass", "keyword") == languages("keyword_mass", "sequence")
    with open_model(tiny) as model:
        sets = keyword_sets(model.vocabulary, padding_ids(model.vocabulary, model.n_vocab))
    assert known == {name for name, ids in sets.items() if len(ids)} - {ALL_LANGUAGES}
    assert "python" in known
    kls = [row.value for row in result.select("kl", model=Q8, dimension="start")]
    assert len(kls) == 25  # nothing, and for each language one keyword and all
    assert all(0 <= value < 1 for value in kls)


def test_cold_start_equals_the_oracle(result: Run, tiny: Path, quantized: Quantize) -> None:
    with open_model(tiny) as p, open_model(quantized("Q4_0")) as q:
        padding = padding_ids(p.vocabulary, p.n_vocab).tolist()
        a, b = (
            oracle.log_softmax(Session(m, options=SessionOptions(threads=1)).logits([256]), padding)
            for m in (p, q)
        )
    (cold,) = result.shown("cold-start", Q4)
    assert cold["ids"] == [256]
    assert found(result, "kl", Q4, start="cold").value == pytest.approx(oracle.kl(a, b), rel=1e-5)


def test_positions_are_the_largest_divergences(result: Run) -> None:
    contents = result.shown("position", Q4)
    kls = [position["kl"] for position in contents]
    assert len(kls) == 3
    assert kls[0] == found(result, "kl", Q4, quantile="1").value
    assert kls == sorted(kls, reverse=True)
    for position in contents:
        number = position["document"].removeprefix(position["language"])
        source = SOURCES[position["language"]] + number.encode()
        line, column = position["place"]
        lines = source.decode().split("\n")
        before = "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])
        assert before.endswith(position["before"])
        assert source.decode()[len(before) :].startswith(position["target"])


def test_first_divergence_equals_writing_with_both(
    result: Run, tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    def write(path: Path, prompt: list[int], n: int) -> list[int]:
        with open_model(path) as model:
            padding = padding_ids(model.vocabulary, model.n_vocab)
            session = Session(model, options=SessionOptions(threads=1))
            ids = list(prompt)
            for _ in range(n):
                row = session.logits(ids).copy()
                row[padding] = -np.inf
                ids.append(int(np.argmax(row)))
        return ids[len(prompt) :]

    contents = result.shown("continuation", Q4)
    assert len(contents) == 2
    for continuation in contents:
        document = next(d for d in corpus if d.name == continuation["document"])
        with open_model(tiny) as model:
            ids = model.vocabulary.tokenize(document.content)
        prompt = [256, *(int(i) for i in ids[: continuation["n_prompt"] - 1])]
        ours = write(tiny, prompt, continuation["n_generated"])
        theirs = write(quantized("Q4_0"), prompt, continuation["n_generated"])
        differ = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
        assert continuation["first_divergence"] == (differ[0] if differ else None)


def test_other_vocabularies_are_compared_by_bytes_and_strings_only(
    tiny: Path, tmp_path: Path, corpus: Corpus
) -> None:
    other = write_spread(tmp_path / "other.gguf", n_extra=3, seed=5, spread=2.0)
    options = CompareOptions(windows=WINDOWS, threads=1)
    run = compare(tiny, [other], corpus=corpus, options=options)
    assert run.find("kl", "other") is None
    assert [note.code for note in run.notes] == ["other-vocabulary"]
    total, n_bytes = 0.0, 0
    with open_model(tiny) as model:
        session = Session(model, options=SessionOptions(threads=1))
        padding = padding_ids(model.vocabulary, model.n_vocab).tolist()
        documents = [(d, model.vocabulary.tokenize(d.content).tolist()) for d in corpus]
        for document, own in documents:
            ids = [256, *own]
            rows = session.logits_at(ids[:-1], list(range(len(ids) - 1)))
            for row, target in zip(rows, ids[1:], strict=True):
                total -= oracle.log_softmax(row, padding)[target] / np.log(2)
            n_bytes += len(document.content)
    whole = {"documents": "whole"}
    reference = found(run, "bits_per_byte", "tiny", **whole)
    variant = found(run, "bits_per_byte", "other", **whole)
    change = found(run, "bits_per_byte_change", "other", **whole)
    assert reference.n == corpus.n_bytes == n_bytes
    # Here windows overlap by half, so that a token has less before it than in one long context.
    assert reference.value == pytest.approx(total / n_bytes, rel=0.05)
    assert change.value == pytest.approx(variant.value - reference.value)
    python = found(run, "keyword_string_mass", "tiny", language="python")
    assert python.n > 30
    assert 0 < python.value < 1


def own_tokens(path: Path, model: Model) -> Alone:
    return alone(identify("model", path, ModelOptions()), model)


def test_string_probabilities_follow_the_chain_rule(tiny: Path) -> None:
    with open_model(tiny) as model, Processes() as processes:
        words = ["if", "in", "int"]
        got = keyword_log_probabilities(processes, own_tokens(tiny, model), words, 1)
        session = Session(model, options=SessionOptions(threads=1))
        padding = padding_ids(model.vocabulary, model.n_vocab).tolist()
        ids = model.vocabulary.tokenize("int").tolist()
        assert len(ids) == 2  # "in" is one token here
        expected = 0.0
        for i, token in enumerate(ids):
            row = session.logits([256, *ids[:i]])
            expected += oracle.log_softmax(row, padding)[token]
    assert got.keys() == set(words)
    assert got["int"] == pytest.approx(expected, rel=1e-5)


def test_words_that_a_tokenizer_cannot_spell_are_left_out(tmp_path: Path) -> None:
    path = write_spm(tmp_path / "no_bytes.gguf", Tiny(byte_tokens=False))
    with open_model(path) as model, Processes() as processes:
        _, kinds = start_chunk(model.vocabulary, [1], [1], threads=1)
        words = ["const_cast", "let"]
        got = keyword_log_probabilities(processes, own_tokens(path, model), words, 1)
    assert set(kinds) == {"cold", "keyword", "sequence"}
    assert got.keys() == {"let"}


def test_a_split_model_has_the_tensors_of_all_its_parts(tmp_path: Path) -> None:
    whole, first = tmp_path / "whole.gguf", tmp_path / "m-00001-of-00002.gguf"
    write_plain(whole)
    write_plain(first, parts=2)
    table = read_tensor_table(whole)
    assert len(table) == 20
    assert sorted(read_tensor_table(first)) == sorted(table)
    assert vectors_sha256(first) == vectors_sha256(whole) != ""
