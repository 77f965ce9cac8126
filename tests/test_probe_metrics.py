"""Every metric of a probe, against values worked out by hand or from the definition."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import synthetic_probe
import tiny_models
from synthetic_probe import PARTS

from pyengine import cold_start
from pyengine.errors import OptionError
from pyengine.measure.cold_rows import NO_PADDING, ProbeOptions, decode_cold, decode_starts
from pyengine.measure.compare import compare
from pyengine.measure.engine import Processes
from pyengine.measure.keyword_mass import items_needed, leave_one_out
from pyengine.measure.options import CompareOptions
from pyengine.measure.other_vocabulary import Alone, string_measurements
from pyengine.measure.probe import probe_run
from pyengine.measure.start_tokens import natural_start
from pyengine.measure.strings import string_log_probabilities
from pyengine.measure.subjects import identify, padding_ids
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session
from pyengine.run import Run
from pyengine.vocabulary.coverage import exact_split, variant_sets
from pyengine.vocabulary.token_sets import SetLookup

CLOSE = 1e-6  # the logits are float32


def probe(paths: Sequence[Path], options: ProbeOptions) -> Run:
    return probe_run([decode_cold(path, options) for path in paths], options)


MINI = {"language": "mini"}


@pytest.fixture(scope="module")
def run() -> Run:
    return probe_run([synthetic_probe.decoded()], synthetic_probe.options())


def value(run: Run, metric: str, **members: str) -> float:
    found = run.find(metric, "synthetic", **members)
    assert found is not None, (metric, members)
    return found.value


def n_of(run: Run, metric: str, **members: str) -> int:
    found = run.find(metric, "synthetic", **members)
    assert found is not None, (metric, members)
    return found.n


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(tiny_models.write_bpe(tmp_path_factory.mktemp("tiny") / "tiny.gguf"))


def test_the_start_has_the_distribution_of_the_row(run: Run) -> None:
    p = PARTS / 64
    entropy = float(-(p * np.log(p)).sum())
    natural = {"start": "natural"}
    assert value(run, "entropy", **natural) == pytest.approx(entropy, rel=CLOSE)
    assert value(run, "effective_tokens", **natural) == pytest.approx(np.exp(entropy), rel=CLOSE)
    assert value(run, "padding_mass", **natural) == pytest.approx(1 / 64, rel=CLOSE)
    assert value(run, "control_mass", **natural) == pytest.approx(10 / 64, rel=CLOSE)
    bare = value(run, "form_mass", **natural, form="bare")
    assert bare == pytest.approx(11 / 64, rel=CLOSE)
    start = run.shown("start")[0]
    assert (start["ids"], start["pieces"], start["reason"]) == ([11], ["<|end|>"], "eos-for-bos")
    assert [token["text"] for token in start["top"]] == ["zz", "<|end|>", "if", " if", "("]
    expected = pytest.approx([13 / 64, 10 / 64, 8 / 64, 6 / 64, 5 / 64], rel=CLOSE)
    assert [token["probability"] for token in start["top"]] == expected


def test_starts_are_compared_with_the_first(run: Run) -> None:
    p, q = PARTS / 64, np.full(15, 1 / 15)
    m = (p + q) / 2
    js = float((p * np.log(p / m)).sum() + (q * np.log(q / m)).sum()) / 2
    (found,) = run.select("jensen_shannon")
    assert found.members == {"start": "newline", "against": "natural"}
    assert found.value == pytest.approx(js, rel=1e-5)
    assert value(run, "effective_tokens", start="newline") == pytest.approx(15, rel=CLOSE)


def test_the_papers_metrics_follow_its_definitions(run: Run) -> None:
    paper = {"collection": "paper"}
    bare = {**paper, "form": "bare"}
    assert (value(run, "coverage", **bare), n_of(run, "coverage", **bare)) == (0.5, 4)
    assert n_of(run, "pkp", **paper) == 2
    assert value(run, "pkp", **paper) == pytest.approx(11 / 64, rel=CLOSE)
    assert value(run, "kap", **paper) == pytest.approx(11 / 64 / 4, rel=CLOSE)
    assert value(run, "nlp", **paper) == pytest.approx(5 / 64, rel=CLOSE)
    assert n_of(run, "nlp", **paper) == 2
    best = {one["set"]: one["tokens"] for one in run.shown("set-tokens")}
    found = [(token["text"], token["rank"]) for token in best["keywords"]]
    assert found == [("if", 3), ("for", 8)]
    assert [token["text"] for token in best["indentation"]] == ["    "]
    (needed,) = run.shown("items-needed")
    assert needed["keywords"] == needed["special_tokens"] == [2, 2, 2, 2]


def test_special_tokens_contain_punctuation_other_than_the_underscore(run: Run) -> None:
    best = {one["set"]: one["tokens"] for one in run.shown("set-tokens")}
    # a_b, the control token and the padding row are none
    assert [token["text"] for token in best["special"]] == ["(", "=="]
    assert n_of(run, "stp", collection="paper") == 2
    assert value(run, "stp", collection="paper") == pytest.approx(8 / 64, rel=CLOSE)


def test_variants_are_found_by_exact_bytes(run: Run) -> None:
    expected = {"bare": (2, 11), "space": (1, 6), "newline": (1, 1), "tab": (1, 1), "case": (1, 2)}
    for form, (n, parts) in {**expected, "any": (6, 21)}.items():
        assert n_of(run, "form_mass", **MINI, form=form) == n
        assert value(run, "form_mass", **MINI, form=form) == pytest.approx(parts / 64, rel=CLOSE)


def test_words_count_once_and_split_words_by_the_chain_rule(run: Run) -> None:
    written = {
        row.members["tokens"]: row.value for row in run.select("keyword_count", model="synthetic")
    }
    assert written == {"one": 2, "several": 1, "none": 1}
    bare = {**MINI, "form": "bare"}
    assert (value(run, "coverage", **bare), n_of(run, "coverage", **bare)) == (0.5, 4)
    assert value(run, "split_mass", **MINI) == pytest.approx(1 / 64, rel=CLOSE)
    assert value(run, "keyword_string_mass", **MINI) == pytest.approx(12 / 64, rel=CLOSE)
    expected = (8 * 3 * 1) ** (1 / 3) / 64
    assert value(run, "geometric_mean", **MINI) == pytest.approx(expected, rel=CLOSE)
    assert (value(run, "best_rank", **MINI), value(run, "median_rank", **MINI)) == (3, 5.5)


def test_ids_are_held_against_the_tokens_of_text(run: Run) -> None:
    assert [value(run, f"keyword_id_{name}", **MINI) for name in ("mean", "median", "max")] == [
        *(1, 1, 2)  # if 0, for 2
    ]
    # 15 tokens less the control token and the padding row.
    assert value(run, "keyword_id_share", **MINI) == pytest.approx(1 / 13)


def test_one_word_is_left_out_at_a_time(run: Run) -> None:
    (left,) = run.shown("leave-one-out")
    assert left["language"] == "mini"
    found = [(one["word"], one["share"] * 12, one["mass_without"] * 64) for one in left["words"]]
    expected = [("if", 8, 4), ("for", 3, 9), ("while", 1, 11)]
    for (word, share, rest), (word_, share_, rest_) in zip(found, expected, strict=True):
        assert word == word_
        assert (share, rest) == pytest.approx((share_, rest_), rel=1e-5)


def test_keywords_are_held_against_english_words_of_the_same_length_and_forms(run: Run) -> None:
    # Alike: for - but. `if` is a token after a space and in capitals too, which `at` is not.
    assert n_of(run, "matched_mass", **MINI) == 1
    assert value(run, "matched_mass", **MINI) == pytest.approx(3 / 64, rel=CLOSE)
    assert value(run, "english_mass", **MINI) == pytest.approx(1 / 64, rel=CLOSE)
    assert value(run, "odds_ratio", **MINI) == pytest.approx((3 / 61) / (1 / 63), rel=1e-5)


def test_random_sets_have_an_interval(run: Run) -> None:
    random = run.find("random_mass", "synthetic", **MINI)
    assert random is not None
    assert (random.interval, random.level, random.n) == ("permutation", 0.95, 200)
    assert random.low == pytest.approx(1 / 64, rel=CLOSE)
    assert random.high == pytest.approx(3 / 64, rel=CLOSE)
    assert random.value == pytest.approx(2 / 64, rel=0.2)
    assert value(run, "random_p", **MINI) == 1.0  # without `for` nothing is left


def test_nothing_is_made_up_where_no_word_is_known() -> None:
    assert leave_one_out({}) == []
    nothing = synthetic_probe.table(words=("unheardof",))
    options = dataclasses.replace(synthetic_probe.options(), tables={"mini": nothing})
    run = probe_run([synthetic_probe.decoded()], options)
    assert run.notes[0].code == "split-words-not-measured"
    measured = {row.metric for row in run.select(group="language=mini")}
    assert measured == set()
    assert value(run, "coverage", language="mini", form="bare") == 0.0


@pytest.mark.parametrize(("share", "n"), [(0.5, 1), (0.8, 2), (0.85, 3), (0.9, 3), (0.95, 4)])
def test_items_needed_is_the_number_itself(share: float, n: int) -> None:
    p = np.array([0.05, 0.58, 0.09, 0.03, 0.25]) / 7  # shares of the set's own mass
    assert items_needed(lookup(p), share) == n


def test_items_needed_of_nothing() -> None:
    assert items_needed(lookup(np.array([])), 0.8) is None
    assert items_needed(lookup(np.array([1.0])), 0.95) == 1


def lookup(p: np.ndarray) -> SetLookup:
    return SetLookup(
        ids=np.arange(len(p), dtype=np.int32),
        mass=np.array([p.sum()]),
        best_rank=np.array([1], dtype=np.int32),
        median_rank=np.array([1.0]),
        log_probability=np.log(p)[None],
    )


def test_variants_of_one_word_do_not_count_twice() -> None:
    sets = variant_sets(synthetic_probe.vocabulary(), ["if", "IF"])
    assert sets["bare"] == [0, 7]
    assert sets["case"] == []
    assert sets["any"] == [0, 4, 5, 7]


def test_strings_are_products_of_single_decodes(tiny: Model) -> None:
    words = ["struct", "else", "if", "returning"]
    start = natural_start(tiny.vocabulary)
    spellings = {word: exact_split(tiny.vocabulary, word) or () for word in words}
    assert [len(ids) > 1 for ids in spellings.values()] == [True, True, False, True]
    variant = identify("tiny", tiny.path, ModelOptions())
    with Processes() as processes:
        (first,) = decode_starts(processes, variant, [start.ids], tiny.n_vocab, 1)
        found = string_log_probabilities(
            processes, variant, start.ids, first, spellings, padding=NO_PADDING, threads=1
        )
    session = Session(tiny, options=SessionOptions(threads=1))
    for word, ids in spellings.items():
        assert b"".join(tiny.vocabulary.piece(i) for i in ids) == word.encode()
        total = 0.0
        for n, token in enumerate(ids):
            row = session.logits([*start.ids, *ids[:n]]).astype(np.float64)
            total += row[token] - np.log(np.exp(row).sum())
        assert found[word] == pytest.approx(total, abs=1e-5)


def test_padding_takes_no_part_in_strings_where_it_is_named(tiny: Model) -> None:
    start, token = natural_start(tiny.vocabulary), 5
    variant = identify("tiny", tiny.path, ModelOptions())
    padding = np.array([0, 1, 2], dtype=np.int32)
    with Processes() as processes:
        (first,) = decode_starts(processes, variant, [start.ids], tiny.n_vocab, 1)
        arguments = (processes, variant, start.ids, first, {"x": (token, token)})
        whole = string_log_probabilities(*arguments, padding=NO_PADDING, threads=1)["x"]
        masked = string_log_probabilities(*arguments, padding=padding, threads=1)["x"]
        (second,) = decode_starts(processes, variant, [(*start.ids, token)], tiny.n_vocab, 1)
    lost = 0.0
    for row in (first, second):
        p = np.exp(row.astype(np.float64))
        lost += float(np.log(1 - p[padding].sum() / p.sum()))
    assert masked - whole == pytest.approx(-lost, rel=0.01)


def test_one_cold_start_has_one_answer(tiny: Model) -> None:
    run = probe([tiny.path], options=ProbeOptions(threads=1, split=False, draws=9))
    start = cold_start(tiny, threads=1)
    (row,) = run.select("entropy", group="start=natural")
    assert row.value == start.entropy_bits * np.log(2)
    probed = [(token["token"], token["probability"]) for token in run.shown("start")[0]["top"]]
    assert probed == [(token.id, token.probability) for token in start.top(20)]


def test_a_cold_start_is_the_softmax_of_its_logits(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf")
    start = cold_start(path, threads=1)
    x = start.logits.astype(np.float64)
    p = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(np.exp(start.log_probabilities), p, rtol=1e-9)
    assert start.entropy_bits == pytest.approx(-(p * np.log2(p)).sum(), rel=1e-9)
    best = start.top(3)
    assert [token.id for token in best] == np.argsort(-p, kind="stable")[:3].tolist()
    with open_model(path) as model:
        tokens = [model.vocabulary.token(piece) for piece in (b"if", b" if", b"\tif", b"If")]
    assert start.probability("if") == pytest.approx(p[tokens[0]])
    assert start.probability("struct") is None
    assert start.mass(["if"], variant="bare") == pytest.approx(p[tokens[0]])
    assert start.mass(["if"]) == pytest.approx(p[np.array(tokens)].sum())
    assert start.mass("if") == start.mass(["if"])  # and not of its letters
    assert repr(start).startswith("<ColdStart natural: ")
    assert len(repr(start)) < 200
    with pytest.raises(OptionError, match="variant"):
        start.mass(["if"], variant="upper")
    with pytest.raises(OptionError, match="empty"):
        start.mass(["if", ""])


def test_probe_and_compare_give_a_language_the_same_mass(tiny: Model, tmp_path: Path) -> None:
    other = open_model(tiny_models.write_spm(tmp_path / "spm.gguf"))
    with Processes() as processes:
        alone = [
            Alone(
                identify(name, model.path, ModelOptions()),
                model.vocabulary,
                model.n_vocab,
                natural_start(model.vocabulary).ids,
                NO_PADDING,
            )
            for name, model in (("tiny", tiny), ("spm", other))
        ]
        compared = [
            (row.model, row.group, row.value)
            for row in string_measurements(processes, alone[0], alone[1], 1)
            if row.metric == "keyword_string_mass"
        ]
    run = probe([tiny.path, other.path], options=ProbeOptions(threads=1, draws=9))
    probed = {
        (row.model, row.group): row.value
        for row in run.select("keyword_string_mass", dimension="language")
    }
    assert len(compared) >= 20
    assert [probed[model, group] for model, group, _ in compared] == pytest.approx(
        [value for *_, value in compared], rel=1e-12
    )


def test_compare_and_probe_see_the_same_cold_start(tmp_path: Path) -> None:
    paths = [tmp_path / "one.gguf", tmp_path / "two.gguf"]
    for seed, path in enumerate(paths):
        tiny_models.write_bpe(path, tiny_models.Tiny(seed=seed))
    options = CompareOptions(corpus=False, continuations=0, threads=1)
    compared = compare(paths[0], paths[1:], options=options)
    probed = probe(paths, options=ProbeOptions(threads=1, split=False, draws=9))
    (cold,) = compared.shown("cold-start", "one")
    start = probed.shown("start", "one")[0]
    assert cold["ids"] == start["ids"]
    assert cold["top"] == start["top"][:10]
    # Alike but for the padding, which a comparison leaves out and a probe does not.
    (entropy,) = compared.select("entropy", model="one", group="start=cold")
    row = cold_start(paths[0], threads=1).logits.astype(np.float64)
    with open_model(paths[0]) as model:
        row[padding_ids(model.vocabulary, model.n_vocab)] = -np.inf
    p = np.exp(row - np.logaddexp.reduce(row))
    expected = -float((p[p > 0] * np.log(p[p > 0])).sum())
    assert entropy.value == pytest.approx(expected, rel=1e-12)
