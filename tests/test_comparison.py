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

from pyengine.comparison import (
    CompareOptions,
    ComparisonResult,
    compare,
)
from pyengine.comparison.setting import document_prefix
from pyengine.comparison.subjects import padding_ids
from pyengine.comparison.tensor_table import read_tensor_table
from pyengine.comparison.texts import tokenize
from pyengine.comparison.windows import cut_windows
from pyengine.corpus import Corpus
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.reports.compare_pictures import briefly_named


def test_averages_equal_a_slow_reading_of_the_logits(
    result: ComparisonResult, tiny: Path, quantized: Quantize, corpus: Corpus
) -> None:
    kl, same, ratio, delta = [], [], [], []
    with open_model(tiny) as p, open_model(quantized("Q4_0")) as q:
        padding = padding_ids(p.vocabulary, p.n_vocab).tolist()
        assert padding == [262, 263, 264]
        documents = tokenize(corpus.documents, p.vocabulary)
        windows = cut_windows(documents, document_prefix(p), WINDOWS, seed=PLAIN.seed)
        sessions = [Session(m, options=SessionOptions(threads=1)) for m in (p, q)]
        for window in windows:
            rows_p, rows_q = (s.logits_at(window.ids, window.rows) for s in sessions)
            for row_p, row_q, target in zip(rows_p, rows_q, window.targets, strict=True):
                a = oracle.log_softmax(row_p, padding)
                b = oracle.log_softmax(row_q, padding)
                kl.append(oracle.kl(a, b))
                same.append(np.argmax(a) == np.argmax(b))
                ratio.append(a[target] - b[target])
                delta.append(np.exp(b[target]) - np.exp(a[target]))
    overall = result.variants[1].overall
    assert overall is not None
    assert overall.n == len(kl) == sum(len(d.ids) for d in documents)
    assert overall.kl.mean.value == pytest.approx(np.mean(kl), rel=1e-6)
    assert overall.kl.quantiles["0.95"] == pytest.approx(np.quantile(kl, 0.95), rel=1e-6)
    assert overall.same_top.value == pytest.approx(np.mean(same))
    assert overall.log_ppl_ratio is not None
    assert overall.log_ppl_ratio.value == pytest.approx(np.mean(ratio), rel=1e-5)
    assert overall.delta_p.rms == pytest.approx(np.sqrt(np.mean(np.square(delta))), rel=1e-5)
    assert overall.kl.mean.n_clusters == len(corpus)


def test_parts_add_up_to_the_whole(result: ComparisonResult) -> None:
    for variant in result.variants:
        overall = variant.overall
        assert overall is not None
        for parts in (variant.by_language, variant.by_class, variant.by_confidence):
            assert sum(part.n for part in parts) == overall.n
            total = sum(part.n * part.kl.value for part in parts if part.kl)
            assert total / overall.n == pytest.approx(overall.kl.mean.value)
    names = {part.name for part in result.variants[0].by_class}
    assert {"keyword", "identifier", "literal", "comment", "bracket", "indentation"} <= names


def test_the_files_tell_what_separates_them(
    result: ComparisonResult, tiny: Path, tmp_path: Path, corpus: Corpus
) -> None:
    assert [v.axis.kind for v in result.variants] == ["quantization", "quantization"]
    tuned = write_spread(tmp_path / "tuned.gguf", n_extra=8, seed=2, spread=2.0)
    same = tmp_path / "copy.gguf"
    same.write_bytes(tiny.read_bytes())
    other = compare(tiny, [tuned, same], corpus=corpus, options=PLAIN)
    assert [v.axis.kind for v in other.variants] == ["fine-tuning", "identical"]
    named = CompareOptions(windows=WINDOWS, threads=1, starts=False, axis="scaling", greedy=0)
    assert compare(tiny, [tuned], corpus=corpus, options=named).variants[0].axis.kind == "scaling"
    copy = other.variants[1].overall
    assert copy is not None
    assert copy.kl.quantiles["1"] == 0.0
    assert "cannot be told from the reference" in other.variants[1].verdict


def test_variants_are_told_apart_on_the_same_tokens(result: ComparisonResult) -> None:
    (pair,) = result.pairs
    first, second = (v.overall for v in result.variants)
    assert first is not None
    assert second is not None
    expected = first.kl.mean.value - second.kl.mean.value
    assert pair.difference.value == pytest.approx(expected)
    assert pair.verdict == "different"
    assert pair.words.startswith("tiny-Q8_0 is closer to the reference than tiny-Q4_0")


def test_starts_cover_every_language(result: ComparisonResult) -> None:
    starts = result.variants[0].starts
    assert [s.kind for s in starts].count("cold") == 1
    languages = {s.language for s in starts if s.kind == "keyword"}
    assert languages == {s.language for s in starts if s.kind == "sequence"}
    assert len(languages) == 12
    for start in starts:
        assert 0 <= start.kl < 1
        assert 0 <= start.keyword_mass_reference <= 1


def test_cold_start_equals_the_oracle(
    result: ComparisonResult, tiny: Path, quantized: Quantize
) -> None:
    cold = result.variants[1].starts[0]
    with open_model(tiny) as p, open_model(quantized("Q4_0")) as q:
        padding = padding_ids(p.vocabulary, p.n_vocab).tolist()
        a, b = (
            oracle.log_softmax(Session(m, options=SessionOptions(threads=1)).logits([256]), padding)
            for m in (p, q)
        )
    assert cold.ids == [256]
    assert cold.kl == pytest.approx(oracle.kl(a, b), rel=1e-5)


def test_spots_are_the_largest_divergences(result: ComparisonResult) -> None:
    variant = result.variants[1]
    assert variant.overall is not None
    assert len(variant.spots) == 3
    assert variant.spots[0].kl == variant.overall.kl.quantiles["1"]
    kls = [spot.kl for spot in variant.spots]
    assert kls == sorted(kls, reverse=True)
    for spot in variant.spots:
        source = SOURCES[spot.language] + spot.document.removeprefix(spot.language).encode()
        assert spot.byte_offset is not None
        assert source[: spot.byte_offset].endswith(spot.before.encode())
        assert source[spot.byte_offset :].startswith(spot.target.encode())


def test_first_divergence_equals_writing_with_both(
    result: ComparisonResult, tiny: Path, quantized: Quantize, corpus: Corpus
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

    for continuation in result.variants[1].continuations:
        document = next(d for d in corpus if d.name == continuation.document)
        with open_model(tiny) as model:
            ids = model.vocabulary.tokenize(document.content)
        prompt = [256, *(int(i) for i in ids[: continuation.n_prompt - 1])]
        ours = write(tiny, prompt, continuation.n_generated)
        theirs = write(quantized("Q4_0"), prompt, continuation.n_generated)
        differ = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
        assert continuation.first_divergence == (differ[0] if differ else None)


def test_other_vocabularies_are_compared_by_bytes_and_strings_only(
    tiny: Path, tmp_path: Path, corpus: Corpus
) -> None:
    other = write_spread(tmp_path / "other.gguf", n_extra=3, seed=5, spread=2.0)
    options = CompareOptions(windows=WINDOWS, threads=1)
    (variant,) = compare(tiny, [other], corpus=corpus, options=options).variants
    assert variant.overall is None
    assert "another vocabulary" in variant.refused[0]
    bits = variant.bits_per_byte
    assert bits is not None
    total = 0.0
    with open_model(tiny) as model:
        session = Session(model, options=SessionOptions(threads=1))
        padding = padding_ids(model.vocabulary, model.n_vocab).tolist()
        for document in corpus:
            ids = [256, *model.vocabulary.tokenize(document.content).tolist()]
            if len(ids) > 32:
                break
            rows = session.logits_at(ids[:-1], list(range(len(ids) - 1)))
            for row, target in zip(rows, ids[1:], strict=True):
                total -= oracle.log_softmax(row, padding)[target] / np.log(2)
    assert bits.n_bytes == corpus.n_bytes
    assert 0 < bits.reference.value < 20
    assert bits.difference.value == pytest.approx(bits.variant.value - bits.reference.value)
    (python,) = (s for s in variant.strings if s.language == "python")
    assert python.n_keywords > 30
    assert 0 < python.total_reference < 1


def test_string_probabilities_follow_the_chain_rule(tiny: Path) -> None:
    from pyengine.comparison.bits import string_log_probabilities

    with open_model(tiny) as model:
        options = SessionOptions(threads=1, n_seq_max=4, max_rows=4)
        session = Session(model, options=options)
        padding = padding_ids(model.vocabulary, model.n_vocab).tolist()
        got = string_log_probabilities(session, ["if", "in", "int", "if"])
        ids = model.vocabulary.tokenize("int").tolist()
        assert len(ids) == 2  # "in" is one token here
        expected = 0.0
        for i, token in enumerate(ids):
            row = session.logits([256, *ids[:i]])
            expected += oracle.log_softmax(row, padding)[token]
    assert got[2] == pytest.approx(expected, rel=1e-5)
    assert got[0] == pytest.approx(got[3])


def test_words_that_a_tokenizer_cannot_spell_are_left_out(tmp_path: Path) -> None:
    from pyengine.comparison.bits import string_log_probabilities
    from pyengine.comparison.starts import contexts

    path = write_spm(tmp_path / "no_bytes.gguf", Tiny(byte_tokens=False))
    with open_model(path) as model:
        found = contexts(model.vocabulary, [1], [1])
        session = Session(model, options=SessionOptions(threads=1))
        got = string_log_probabilities(session, ["const_cast", "let"])
    assert {context.kind for context in found} == {"cold", "keyword", "sequence"}
    assert np.isnan(got).tolist() == [True, False]


def test_a_split_model_has_the_tensors_of_all_its_parts(tmp_path: Path) -> None:
    whole, first = tmp_path / "whole.gguf", tmp_path / "m-00001-of-00002.gguf"
    write_plain(whole)
    write_plain(first, parts=2)
    table = read_tensor_table(whole)
    assert len(table.types) == 20
    assert table.vectors_sha256 != ""
    assert read_tensor_table(first) == table


def test_pictures_leave_out_what_all_names_share(result: ComparisonResult) -> None:
    assert [v.label for v in briefly_named(result.variants)] == ["Q8_0", "Q4_0"]
    assert [v.label for v in briefly_named(result.variants[:1])] == ["tiny-Q8_0"]
    types = [result.variants[0].model_copy(update={"label": name}) for name in ("Q4_K_M", "Q4_K_S")]
    assert briefly_named(types) == types
