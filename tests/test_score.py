"""Scores of texts and pairs against rows that are decoded one by one, and sums over them."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import write_bpe, write_mamba

import pyengine
from pyengine.errors import OptionError
from pyengine.measure.contexts import Context
from pyengine.measure.pairs import PairEncoder, encode_pair
from pyengine.measure.scoring import Score, windows
from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.models.sharing import SharingSession
from pyengine.vocabulary.coverage import variant_sets

SMALL = "embedded:small"
SHOTS = "Q: two and two?\nA: four\n\n" * 6
PAIRS = [
    (SHOTS + question, answer)
    for question in ("Q: one and one?\nA:", "Q: two and one?\nA:", "Q: why is it so")
    for answer in (" two", " three", " four and more", " one")
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(write_bpe(tmp_path_factory.mktemp("tiny") / "tiny.gguf"))


@pytest.fixture(scope="module")
def small() -> Iterator[pyengine.OpenModel]:
    with pyengine.open(SMALL, threads=1) as opened:
        yield opened


def slow(model: Model, ids: list[int], first: int) -> tuple[list[float], list[int]]:
    """Each token's log-probability and rank, from the row after those before it, in Python."""
    session = Session(model, options=SessionOptions(n_ctx=1024, max_rows=1024, threads=1))
    rows = session.logits_at(ids[:-1], range(first - 1, len(ids) - 1))
    found, ranks = [], []
    for row, target in zip(rows.tolist(), ids[first:], strict=True):
        top = max(row)
        found.append(row[target] - top - math.log(math.fsum(math.exp(x - top) for x in row)))
        ranks.append(1 + sum((-x, i) < (-row[target], target) for i, x in enumerate(row)))
    return found, ranks


def test_scores_tell_the_settings_of_the_models_string() -> None:
    with pyengine.open(SMALL, threads=1, k="bf16", ubatch=16, ngl=2) as model:
        (score,) = model.score("a", ubatch=32)
    told = {"k_type": "bf16", "n_ubatch": 16, "n_gpu_layers": 2, "flash_attention": "auto"}
    assert score.settings.items() >= told.items()


def test_exact_scores_are_those_of_an_independent_computation(small: pyengine.OpenModel) -> None:
    pairs = PAIRS[::5]
    scores = small.score([t for _, t in pairs], [p for p, _ in pairs], exact=True, top=3)
    for (prompt, text), score in zip(pairs, scores, strict=True):
        ids = small.model.vocabulary.tokenize(prompt + text, add_special=True).tolist()
        assert ids[-len(score.ids) :] == score.ids.tolist()
        expected, ranks = slow(small.model, ids, len(ids) - len(score.ids))
        np.testing.assert_allclose(score.log_probabilities, expected, rtol=0, atol=1e-6)
        assert score.ranks.tolist() == ranks
        assert score.is_greedy == (set(ranks) == {1})
        assert (
            score.top_log_probabilities.shape == score.top_ids.shape == (len(ids[-len(ranks) :]), 3)
        )
        for place, rank in enumerate(ranks):
            if rank <= 3:
                assert score.top_ids[place, rank - 1] == score.ids[place]
                top = score.top_log_probabilities[place, rank - 1]
                assert top == pytest.approx(score.log_probabilities[place], abs=1e-9)
        assert score.settings["exact"]


def test_what_is_shared_is_close_and_the_company_of_exact_scores_changes_no_bit(
    small: pyengine.OpenModel,
) -> None:
    prompts, texts = [p for p, _ in PAIRS], [t for _, t in PAIRS]
    shared, exact = small.score(texts, prompts), small.score(texts, prompts, exact=True)
    for one, other in zip(shared, exact, strict=True):
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, atol=5e-3)
        assert (one.settings["sharing"], other.settings["sharing"]) == (True, False)
    for (prompt, text), other in zip(PAIRS[:3], exact, strict=False):
        alone = small.score(text, prompt, exact=True)[0]
        assert alone.log_probabilities.tolist() == other.log_probabilities.tolist()
    again = small.score(texts, prompts)
    assert [s.log_probability for s in again] == [s.log_probability for s in shared]


@settings(deadline=None, max_examples=40)
@given(
    drawn=st.lists(
        st.tuples(
            st.integers(0, 3), st.lists(st.integers(0, 2), min_size=1, max_size=7), st.data()
        ),
        min_size=1,
        max_size=14,
    ),
    n_batch=st.sampled_from([3, 8, 64]),
    n_sequences=st.sampled_from([2, 3, 8]),
    max_rows=st.sampled_from([2, 64]),
)
def test_shared_rows_are_those_of_each_alone(
    tiny: Model, drawn: list[Any], n_batch: int, n_sequences: int, max_rows: int
) -> None:
    contexts = []
    for shots, tail, data in drawn:
        ids = np.array([300, 301, 302, 303][:shots] + [40 + token for token in tail], np.int32)
        chosen = data.draw(st.sets(st.integers(0, len(ids) - 1), min_size=1))
        rows = np.array(sorted(chosen), np.int64)
        contexts.append(Context(ids, rows, np.zeros(len(rows), np.int32)))
    options = SessionOptions(
        n_ctx=16 + n_batch, n_batch=n_batch, n_seq_max=n_sequences, max_rows=max_rows, threads=1
    )
    found = all_rows(SharingSession(tiny, options=options), contexts)
    single = Session(tiny, options=SessionOptions(n_ctx=64, threads=1))
    expected = np.concatenate([single.logits_at(c.ids, c.rows) for c in contexts])
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-3 * np.abs(expected).max())


def all_rows(session: Session, contexts: list[Context]) -> npt.NDArray[np.float32]:
    n = sum(map(len, contexts))
    found = np.full((n, session.model.n_vocab), np.nan, dtype=np.float32)
    for places, rows in session.rows(contexts):
        assert np.isnan(found[places]).all()
        found[places] = rows
    return found


def test_every_token_of_the_tree_is_decoded_once(
    tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SessionOptions(n_ctx=96, n_batch=16, n_seq_max=4, threads=1)
    session, decoded = SharingSession(tiny, options=options), list[int]()
    decode = session.decode

    def counting(ids: list[int], *rest: Any) -> None:  # noqa: ANN401
        decoded.extend(ids)
        decode(ids, *rest)

    monkeypatch.setattr(session, "decode", counting)
    shots = list(range(300, 340))
    ids = [
        [*shots, *question, *answer]
        for question in ([1, 2, 3], [1, 4], [5, 6, 7, 8, 9])
        for answer in ([10], [11, 12], [11, 13])
    ]
    list(
        session.rows(
            [Context(np.array(i, np.int32), np.array([len(i) - 1]), np.array([0])) for i in ids]
        )
    )
    prefixes = {tuple(one[:n]) for one in ids for n in range(1, len(one) + 1)}
    assert len(decoded) == len(prefixes)


def test_a_recurrent_model_shares_nothing(tmp_path: Path) -> None:
    model = open_model(write_mamba(tmp_path / "mamba.gguf"))
    with pyengine.open(model.path, threads=1) as opened:
        (score,) = opened.score("ab", "a")
        assert not score.settings["sharing"]
        ids = [*encode_pair(model.vocabulary, "a", "ab").ids]
        expected, _ = slow(model, ids, len(ids) - len(score.ids))
        np.testing.assert_allclose(score.log_probabilities, expected, atol=1e-6)


def rolling(tokens: list[int], prefix: int, limit: int) -> list[tuple[list[int], list[int]]]:
    """What is fed and what is predicted, as lm-evaluation-harness documents it by an example."""
    found, done = [], 0
    while done < len(tokens):
        end = min(len(tokens), done + limit)
        found.append(([prefix, *tokens][max(0, end - limit) : end], tokens[done:end]))
        done = end
    return found


@given(n=st.integers(1, 30), limit=st.integers(1, 12))
def test_long_texts_are_scored_in_rolling_windows(n: int, limit: int) -> None:
    tokens = list(range(100, 100 + n))
    found = list(windows([7, *tokens], 1, limit))
    assert [(c.ids.tolist(), c.targets.tolist()) for c in found] == rolling(tokens, 7, limit)
    for context in found:
        assert len(context.ids) <= limit
        followed = [7, *tokens]
        assert [
            followed[followed.index(i) + 1] for i in context.ids[context.rows]
        ] == context.targets.tolist()


def test_the_documented_example_of_rolling_windows() -> None:
    found = [(c.ids.tolist(), c.targets.tolist()) for c in windows([-1, *range(10)], 1, 4)]
    assert found == [
        ([-1, 0, 1, 2], [0, 1, 2, 3]),
        ([3, 4, 5, 6], [4, 5, 6, 7]),
        ([5, 6, 7, 8], [8, 9]),
    ]


def test_a_long_prompt_loses_its_beginning(small: pyengine.OpenModel) -> None:
    (score,) = small.score(" two", SHOTS, context=20, exact=True)
    pair = small.encode_pair(SHOTS, " two")
    kept = [*pair.ids[-21:]]
    assert score.n_left_out == len(pair.ids) - 21
    expected, _ = slow(small.model, kept, 21 - len(score.ids))
    np.testing.assert_allclose(score.log_probabilities, expected, atol=1e-6)
    (cut,) = small.score(SHOTS, context=20, exact=True)
    assert (cut.n_windows, cut.n_left_out) == (-(-len(cut.ids) // 20), 0)
    assert len(cut.ids) == len(cut.log_probabilities)
    with pytest.raises(OptionError, match="a context must be"):
        small.score("x", context=-1)


def test_where_tokens_merge_the_score_says_so(small: pyengine.OpenModel) -> None:
    vocabulary = small.model.vocabulary
    joined, apart = (
        encode_pair(vocabulary, "impo", "rt os"),
        encode_pair(vocabulary, "import", " os"),
    )
    assert (joined.merged, apart.merged) == (True, False)
    for pair, prompt, text in ((joined, "impo", "rt os"), (apart, "import", " os")):
        offsets = pair.offsets(vocabulary, prompt, text)
        assert offsets is not None
        whole = (prompt + text).encode()
        pieces = [vocabulary.piece(i) for i in pair.ids[pair.first :]]
        cut = [whole[len(prompt) + a : len(prompt) + b] for a, b in pairwise(offsets)]
        assert cut == pieces
        assert (
            b"".join(vocabulary.piece(i) for i in pair.ids[pair.n_added : pair.first])
            + b"".join(pieces)
            == whole
        )
    (score,) = small.score("rt os", "impo")
    assert score.merged
    assert score.offsets is not None
    assert score.offsets[0] < 0
    assert score.offsets[-1] == 5


def test_nothing_begins_a_text_twice(stories: Path) -> None:
    vocabulary = open_model(stories).vocabulary
    assert vocabulary.add_bos
    bos = vocabulary.bos
    begun = PairEncoder(vocabulary, parse_special=True)
    text = vocabulary.texts()[bos or 0].decode()
    assert begun.ids(text + "a") == begun.ids("a") == [bos, *vocabulary.tokenize("a").tolist()]
    for prompt, continuation in (("", "a"), (text, "a"), ("", text + "a")):
        pair = begun(prompt, continuation)
        assert pair.ids == (bos, *vocabulary.tokenize("a").tolist())
        assert pair.first == 1


def test_words_in_all_their_forms(small: pyengine.OpenModel) -> None:
    words = ["import", "def", "nonexistentword", "return"]
    ranked = small.rank("import os\n", words)
    assert sorted(one.word for one in ranked) == sorted(words)
    assert [one.probability for one in ranked] == sorted(
        (r.probability for r in ranked), reverse=True
    )
    vocabulary, start = small.model.vocabulary, small.next("import os\n")
    for one in ranked:
        single = variant_sets(vocabulary, [one.word])["any"]
        least = float(np.exp(start.log_probabilities[single]).sum())
        several = {f: p for f, p in one.forms.items() if vocabulary.token(f.encode()) is None}
        assert one.probability == pytest.approx(
            least + sum(map(math.exp, several.values())), rel=0.02
        )
        assert (one.rank is None) == (not single)
        for form, log_p in several.items():
            ids = [*start.start.ids, *vocabulary.tokenize(form).tolist()]
            assert log_p == pytest.approx(
                sum(slow(small.model, ids, len(start.start.ids))[0]), abs=0.02
            )
    with pytest.raises(OptionError, match="empty"):
        small.rank("x", [""])


def test_prompts_are_one_for_all_or_one_for_each(small: pyengine.OpenModel) -> None:
    one, other = small.score(["a", "b"], "c")
    assert (one.prompt, other.prompt) == ("c", "c")
    assert isinstance(one, Score)
    assert [s.prompt for s in small.score(["a", "b"], ["c", "d"])] == ["c", "d"]
    with pytest.raises(OptionError, match="2 prompts for 3 texts"):
        small.score(["a", "b", "c"], ["c", "d"])
    with pytest.raises(OptionError, match="top must be"):
        small.score("a", top=-1)
    assert small.natural_start.ids == pyengine.cold_start(small.model, threads=1).start.ids
    assert small.padding_ids.dtype == np.int32
