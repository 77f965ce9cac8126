"""Documents are cut so that every token is scored once and documents never meet."""

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyengine
from pyengine.errors import CorpusError, OptionError
from pyengine.measure.found import fewer_tokens
from pyengine.report.sentences.notes import note_sentence
from pyengine.text.documents import Document
from pyengine.text.tokens import TokenizedText
from pyengine.text.windows import (
    LEAD,
    WindowOptions,
    choose_piece,
    cut_windows,
    document_order,
    document_windows,
)


def ids_of(length: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.arange(1000, 1000 + length, dtype=np.int32)


def text_of(length: int, name: str = "a", language: str = "python") -> TokenizedText:
    return TokenizedText(Document(name, language, b""), ids_of(length), None, None)


@given(
    length=st.integers(0, 200),
    n_ctx=st.integers(4, 40),
    data=st.data(),
    prefix=st.sampled_from([[], [7]]),
)
def test_every_token_is_scored_once_with_its_own_past(
    length: int, n_ctx: int, data: st.DataObject, prefix: list[int]
) -> None:
    stride = data.draw(st.integers(1, n_ctx - 1))
    ids = ids_of(length)
    options = WindowOptions(n_ctx=n_ctx, stride=stride)
    windows = list(document_windows(0, ids, prefix, options))
    scored = np.concatenate([w.tokens for w in windows]) if windows else np.array([])
    assert scored.tolist() == list(range(0 if prefix else 1, length))
    for number, window in enumerate(windows):
        assert len(window.ids) <= n_ctx
        assert window.ids[: len(prefix)].tolist() == prefix
        assert window.targets.tolist() == ids[window.tokens].tolist()
        assert window.rows.max() == len(window.ids) - 1
        for row, token in zip(window.rows, window.tokens, strict=True):
            past = window.ids[len(prefix) : row + 1]
            assert past.tolist() == ids[token - len(past) : token].tolist()
            if number > 0:
                assert len(past) >= min(token, n_ctx - stride - len(prefix))


def test_budgets_stop_after_the_window_that_reaches_them() -> None:
    documents = [text_of(100, "a"), text_of(100, "b")]
    one = cut_windows(documents, [7], WindowOptions(n_ctx=20, max_tokens=30), seed=1)
    assert 30 <= sum(len(w) for w in one) < 30 + 20
    two = cut_windows(documents, [7], WindowOptions(n_ctx=20, max_windows=3), seed=1)
    assert len(two) == 3
    everything = cut_windows(documents, [7], WindowOptions(n_ctx=20, max_tokens=None), seed=1)
    assert sum(len(w) for w in everything) == 200


def test_the_order_is_drawn_by_the_seed_and_documents_stay_whole() -> None:
    documents = [text_of(30, str(i)) for i in range(20)]
    options = WindowOptions(n_ctx=16, max_tokens=None)
    first = [w.document for w in cut_windows(documents, [7], options, seed=1)]
    assert first == [w.document for w in cut_windows(documents, [7], options, seed=1)]
    assert first != [w.document for w in cut_windows(documents, [7], options, seed=2)]
    changes = np.count_nonzero(np.diff(first))
    assert changes == 19


@given(
    length=st.integers(1, 300),
    most=st.integers(1, 120),
    n_ctx=st.sampled_from([8, 20, 64, 512]),
    prefix=st.sampled_from([[], [7]]),
    seed=st.integers(0, 5),
)
def test_a_long_document_gives_one_piece_after_tokens_that_are_not_scored(
    length: int, most: int, n_ctx: int, prefix: list[int], seed: int
) -> None:
    begin, end, lead = choose_piece(length, most, seed=(seed, 3))
    assert 0 <= begin <= begin + lead <= end <= length
    assert end - begin - lead == min(most, length)
    assert lead == min(LEAD, max(0, length - most))
    how = WindowOptions(n_ctx=n_ctx)
    ids = ids_of(length)
    windows = list(document_windows(0, ids, prefix, how, begin=begin, end=end, lead=lead))
    scored = [token for window in windows for token in window.tokens.tolist()]
    first = begin + max(lead, 0 if prefix else 1)
    assert scored == list(range(first, end))
    for window in windows:
        assert len(window.ids) <= n_ctx
        for row, token in zip(window.rows, window.tokens, strict=True):
            past = window.ids[len(prefix) : row + 1]
            assert past.tolist() == ids[token - len(past) : token].tolist()
            assert len(past) >= min(token - begin, n_ctx - how.step - len(prefix), lead)


def test_eight_of_ten_decoded_tokens_of_long_documents_are_scored() -> None:
    texts = [text_of(3000, str(i)) for i in range(4)]
    windows = cut_windows(texts, [7], WindowOptions(max_tokens=None), seed=1)
    assert [len(window) for window in windows] == [128] * 4
    assert sum(map(len, windows)) >= 0.8 * sum(len(window.ids) for window in windows)
    assert len({int(window.tokens[0]) for window in windows}) == 4  # from different places


def test_languages_take_turns_as_long_as_they_last() -> None:
    languages = ["c"] * 7 + ["go"] * 2 + ["python"] * 4
    order = [languages[i] for i in document_order(languages, seed=3)]
    assert [sorted(order[i : i + 3]) for i in (0, 3)] == [["c", "go", "python"]] * 2
    assert [sorted(order[i : i + 2]) for i in (6, 8)] == [["c", "python"]] * 2
    assert order[10:] == ["c"] * 3
    assert sorted(document_order(languages, seed=3)) == list(range(13))
    assert document_order(languages, seed=3) != document_order(languages, seed=4)


def test_impossible_options_and_empty_corpora_are_refused() -> None:
    for bad in (
        WindowOptions(n_ctx=3),
        WindowOptions(n_ctx=16, stride=16),
        WindowOptions(stride=0),
        WindowOptions(max_tokens=0),
        WindowOptions(max_windows=-1),
        WindowOptions(document_tokens=0),
    ):
        with pytest.raises(OptionError):
            cut_windows([text_of(50)], [7], bad, seed=1)
    with pytest.raises(CorpusError, match="no token to score"):
        cut_windows([text_of(1)], [], WindowOptions(), seed=1)


def test_a_corpus_that_gives_fewer_tokens_than_asked_for_says_so() -> None:
    few = fewer_tokens(448, 5000, WindowOptions(max_tokens=20_000))
    assert [note.values for note in few] == [
        {"tokens": 448, "asked": 20_000, "document_tokens": 128}
    ]
    assert "448 tokens of the 20,000 asked for" in note_sentence(few[0])
    (unlimited,) = fewer_tokens(448, 5000, WindowOptions(max_tokens=None))
    assert "gave 448 tokens: at most" in note_sentence(unlimited)
    assert fewer_tokens(20_010, 5000, WindowOptions(max_tokens=20_000)) == []
    assert fewer_tokens(100, 100, WindowOptions()) == []  # whole documents, all that there is
    assert fewer_tokens(448, 5000, WindowOptions(document_tokens=None)) == []


@pytest.mark.parametrize("command", [pyengine.compare, pyengine.sweep])
def test_commands_cut_documents_as_the_windows_do(command: Callable[..., object]) -> None:
    usual = inspect.signature(command).parameters["document_tokens"].default
    assert usual == WindowOptions().document_tokens
