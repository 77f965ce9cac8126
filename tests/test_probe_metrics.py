"""Every metric of a probe, against values worked out by hand or from the definition."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import synthetic_probe
import tiny_models
from synthetic_probe import PARTS

from pyengine import cold_start
from pyengine.engine.model import Model, open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.errors import OptionError
from pyengine.probes.analysis import analyze
from pyengine.probes.keyword_forms import split_word, variant_sets
from pyengine.probes.language_mass import id_ranks, leave_one_out
from pyengine.probes.measurement import measure
from pyengine.probes.paper_metrics import items_needed
from pyengine.probes.random_sets import random_mass
from pyengine.probes.records import LanguageRecord, ModelProbe
from pyengine.probes.starts import natural_start
from pyengine.vocabulary.token_sets import SetLookup

CLOSE = 1e-6  # the logits are float32


@pytest.fixture(scope="module")
def probe() -> ModelProbe:
    result = analyze([synthetic_probe.measurement()], synthetic_probe.options())
    return result.models[0]


@pytest.fixture(scope="module")
def language(probe: ModelProbe) -> LanguageRecord:
    return probe.languages[0]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(tiny_models.write_bpe(tmp_path_factory.mktemp("tiny") / "tiny.gguf"))


def test_the_start_has_the_distribution_of_the_row(probe: ModelProbe) -> None:
    p = PARTS / 64
    start = probe.starts[0]
    entropy = float(-(p * np.log2(p)).sum())
    assert start.entropy_bits == pytest.approx(entropy, rel=CLOSE)
    assert start.effective_tokens == pytest.approx(2**entropy, rel=CLOSE)
    assert start.padding_mass == pytest.approx(1 / 64, rel=CLOSE)
    assert start.control_mass == pytest.approx(10 / 64, rel=CLOSE)
    assert start.keyword_mass == pytest.approx(11 / 64, rel=CLOSE)
    assert [token.text for token in start.top] == ["zz", "<|end|>", "if", " if", "("]
    assert [token.rank for token in start.top] == [1, 2, 3, 4, 5]
    expected = pytest.approx([13 / 64, 10 / 64, 8 / 64, 6 / 64, 5 / 64], rel=CLOSE)
    assert [token.probability for token in start.top] == expected


def test_starts_are_compared_with_the_first(probe: ModelProbe) -> None:
    p, q = PARTS / 64, np.full(15, 1 / 15)
    m = (p + q) / 2
    js = float((p * np.log2(p / m)).sum() + (q * np.log2(q / m)).sum()) / 2
    assert probe.starts[0].js_to_first_bits == 0.0
    assert probe.starts[1].js_to_first_bits == pytest.approx(js, rel=1e-5)
    assert probe.starts[1].effective_tokens == pytest.approx(15, rel=CLOSE)


def test_the_papers_metrics_follow_its_definitions(probe: ModelProbe) -> None:
    paper = probe.paper
    assert (paper.n_keywords, paper.n_single_token, paper.coverage) == (4, 2, 0.5)
    assert paper.pkp == pytest.approx(11 / 64, rel=CLOSE)
    assert paper.kap == pytest.approx(11 / 64 / 4, rel=CLOSE)
    assert paper.nlp == pytest.approx(5 / 64, rel=CLOSE)
    assert paper.n_control_words == 2
    assert [token.text for token in paper.top_keywords] == ["if", "for"]
    assert [token.rank for token in paper.top_keywords] == [3, 8]
    assert [token.text for token in paper.indentation] == ["    "]
    assert [needed.keywords for needed in paper.items_needed] == [2, 2, 2, 2]
    assert [needed.special_tokens for needed in paper.items_needed] == [2, 2, 2, 2]


def test_special_tokens_contain_punctuation_other_than_the_underscore(probe: ModelProbe) -> None:
    found = [bytes.fromhex(token.bytes_hex) for token in probe.paper.top_special_tokens]
    assert found == [b"(", b"=="]  # a_b, the control token and the padding row are none
    assert probe.paper.n_special_tokens == 2
    assert probe.paper.stp == pytest.approx(8 / 64, rel=CLOSE)


def test_variants_are_found_by_exact_bytes(language: LanguageRecord) -> None:
    masses = {v.variant: (v.n_tokens, v.mass) for v in language.variants}
    expected = {"bare": (2, 11), "space": (1, 6), "newline": (1, 1), "tab": (1, 1), "case": (1, 2)}
    for variant, (n, parts) in expected.items():
        assert masses[variant][0] == n
        assert masses[variant][1] == pytest.approx(parts / 64, rel=CLOSE)
    assert language.mass == pytest.approx(21 / 64, rel=CLOSE)


def test_words_count_once_and_split_words_by_the_chain_rule(language: LanguageRecord) -> None:
    counts = (language.n_words, language.n_single_token, language.n_split, language.n_unspellable)
    assert counts == (4, 2, 1, 1)
    assert language.split_mass == pytest.approx(1 / 64, rel=CLOSE)
    assert language.bare_and_split_mass == pytest.approx(12 / 64, rel=CLOSE)
    assert language.geometric_mean == pytest.approx((8 * 3 * 1) ** (1 / 3) / 64, rel=CLOSE)
    assert language.best_word == "if"
    assert (language.best_rank, language.median_rank) == (3, 5.5)
    assert language.id_ranks.mean_over_size == pytest.approx(1 / 15)


def test_one_word_is_left_out_at_a_time(language: LanguageRecord) -> None:
    found = [
        (left.word, left.share_of_mass * 12, left.mass_without * 64)
        for left in language.leave_one_out
    ]
    expected = [("if", 8, 4), ("for", 3, 9), ("while", 1, 11)]
    for (word, share, rest), (word_, share_, rest_) in zip(found, expected, strict=True):
        assert word == word_
        assert (share, rest) == pytest.approx((share_, rest_), rel=1e-5)


def test_odds_are_held_against_english(language: LanguageRecord) -> None:
    assert language.n_control == 2  # if - at, for - but
    assert language.control_mass == pytest.approx(5 / 64, rel=CLOSE)
    assert language.odds_ratio == pytest.approx((11 / 53) / (5 / 59), rel=1e-5)


def test_nothing_is_made_up_where_no_word_is_known() -> None:
    assert leave_one_out({}) == []
    ranks = id_ranks(np.array([], dtype=np.int32), 10)
    assert (ranks.mean, ranks.median, ranks.maximum, ranks.mean_over_size) == (None,) * 4


def test_id_ranks() -> None:
    ranks = id_ranks(np.array([1, 2, 9], dtype=np.int32), 40)
    assert (ranks.mean, ranks.median, ranks.maximum, ranks.mean_over_size) == (4.0, 2.0, 9, 0.1)


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


def test_the_p_value_counts_the_observed_set() -> None:
    p = np.full(50, 1 / 50)
    assert random_mass(p, 5, 1.0, draws=99, seed=0).p_value == 1 / 100
    assert random_mass(p, 5, 0.05, draws=99, seed=0).p_value == 1.0
    assert random_mass(p, 5, 0.05, draws=99, seed=0).mean == pytest.approx(0.1)
    assert random_mass(p, 0, 0.0, draws=99, seed=0).p_value == 1.0


def test_equal_seeds_draw_equal_sets() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(100))
    one, again, other = (random_mass(p, 4, 0.1, draws=50, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize("n", [3, 4, 6])
def test_all_sets_are_equally_likely(n: int) -> None:
    p = np.exp2(np.arange(n, dtype=np.float64))  # every pair has a sum of its own
    sums = Counter(float(p[i] + p[j]) for i, j in itertools.combinations(range(n), 2))
    draws = 3000
    observed = 2.0 ** (n - 1)  # only sets with the largest member reach it
    found = random_mass(p, 2, observed, draws=draws, seed=5)
    expected = 2 / n
    error = np.sqrt(expected * (1 - expected) / draws)
    assert abs(found.p_value - expected) < 5 * error
    assert found.mean == pytest.approx(sum(sums) / len(sums), rel=0.1)


def test_variants_of_one_word_do_not_count_twice() -> None:
    sets = variant_sets(synthetic_probe.vocabulary(), ["if", "IF"])
    assert sets["bare"] == [0, 7]
    assert sets["case"] == []
    assert sets["any"] == [0, 4, 5, 7]


def test_chains_are_products_of_single_decodes(tiny: Model) -> None:
    words = ["struct", "else", "import", "returning"]
    start = natural_start(tiny)
    chains = measure(tiny, [start], words, threads=1).chains
    assert set(chains) == {"struct", "else", "returning"}
    session = Session(tiny, options=SessionOptions(threads=1))
    for word, chain in chains.items():
        split = split_word(tiny.vocabulary, word)
        assert split is not None
        assert chain.ids == split.ids
        assert b"".join(tiny.vocabulary.piece(i) for i in chain.ids) == word.encode()
        total = 0.0
        for n, token in enumerate(chain.ids):
            row = session.logits([*start.ids, *chain.ids[:n]]).astype(np.float64)
            total += row[token] - np.log(np.exp(row).sum())
        assert chain.log_probability == pytest.approx(total, abs=0.02 * len(chain.ids))


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
    with pytest.raises(OptionError, match="variant"):
        start.mass(["if"], variant="upper")
    with pytest.raises(OptionError, match="empty"):
        start.mass(["if", ""])
