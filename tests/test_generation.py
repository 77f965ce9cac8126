"""Batched generation against one token at a time, and its samplers against the distribution."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_architectures
from scipy import stats

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.generation import Continuation, Generator, Request, SamplingOptions
from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session

PROMPTS = ["Once upon a time", "Once upon a time, there was a", "The dog", "Lily", "The dog ran"]


@pytest.fixture(scope="module")
def model(stories: Path) -> Iterator[Model]:
    with open_model(stories) as opened:
        yield opened


def session(model: Model, n: int, *, unified: bool = False) -> Session:
    """Open a session of n sequences with 512 tokens each, in one memory or in one of each."""
    options = SessionOptions(
        n_ctx=512 * n,
        n_batch=512,
        n_ubatch=256,
        n_seq_max=n,
        max_rows=n,
        threads=1,
        kv_unified=unified or model.is_recurrent,
    )
    return Session(model, options=options)


def encode(model: Model, text: str) -> list[int]:
    return [int(token) for token in model.vocabulary.tokenize(text, add_special=True)]


def generate(
    model: Model, n: int, requests: list[Request], *, unified: bool = False
) -> list[Continuation]:
    found = dict(Generator(session(model, n, unified=unified)).run(requests))
    return [found[index] for index in range(len(requests))]


def slow(model: Model, tokens: list[int], count: int) -> tuple[list[int], list[float]]:
    one, written, logs = session(model, 1), list[int](), list[float]()
    for _ in range(count):
        row = one.logits([*tokens, *written]).astype(np.float64)
        written.append(int(row.argmax()))
        logs.append(float(row.max() - np.logaddexp.reduce(row)))
    return written, logs


@pytest.mark.parametrize("unified", [True, False])
@pytest.mark.parametrize("n", [1, 3, 8])
def test_greedy_equals_one_token_at_a_time(model: Model, n: int, unified: bool) -> None:
    requests = [Request(tokens=encode(model, prompt), max_tokens=24) for prompt in PROMPTS]
    written = generate(model, n, requests, unified=unified)
    for request, found in zip(requests, written, strict=True):
        tokens, logs = slow(model, list(request.tokens), 24)
        assert list(found.tokens) == tokens
        assert found.finish == "length"
        np.testing.assert_allclose(found.log_probabilities, logs, atol=5e-3)  # the cache is F16
        assert (
            found.text
            == model.vocabulary.detokenize([*request.tokens, *tokens])[
                len(model.vocabulary.detokenize(request.tokens)) :
            ]
        )


def test_recurrent_models_generate_the_same_in_parallel(shared: Path) -> None:
    with open_model(shared / "models" / "tiny-rwkv-7v0-834k-f16.gguf") as model:
        prompts = ["def f", "import os", "import os"]
        requests = [Request(tokens=encode(model, prompt), max_tokens=8) for prompt in prompts]
        for request, found in zip(requests, generate(model, 3, requests), strict=True):
            assert list(found.tokens) == slow(model, list(request.tokens), 8)[0]


@pytest.mark.parametrize("unified", [True, False])
@pytest.mark.parametrize("n", [1, 3, 8])
def test_shared_prompts_are_decoded_once(model: Model, n: int, unified: bool) -> None:
    """But for the last token, whose row each sample needs; also after one of them has ended."""
    generator = Generator(session(model, n, unified=unified))
    tokens = encode(model, PROMPTS[1])
    list(generator.run([Request(tokens=tokens, max_tokens=2) for _ in range(8)]))
    assert generator.statistics.prompt_tokens == len(tokens) + 7


def test_a_shared_beginning_is_decoded_once(model: Model) -> None:
    begun = encode(model, PROMPTS[1])
    prompts = [[*begun, *encode(model, end)[1:]] for end in ("cat", "dog that could fly", "dog")]
    generator = Generator(session(model, 3))
    requests = [Request(tokens=tokens, max_tokens=12) for tokens in prompts]
    found = dict(generator.run(requests))
    assert generator.statistics.prompt_tokens < sum(map(len, prompts)) - len(begun)
    for index, tokens in enumerate(prompts):
        assert list(found[index].tokens) == slow(model, tokens, 12)[0]


@pytest.mark.parametrize("unified", [True, False])
def test_prompts_longer_than_an_attention_window(tmp_path: Path, unified: bool) -> None:
    """What a window has left behind is gone, so that not every beginning can be taken over."""
    with open_model(tiny_architectures.write(tmp_path / "gemma3.gguf", "gemma3")) as model:
        begun = [2 + at % 90 for at in range(40)]
        ends = [[5], [5], [7, 8, 9], [7, 8, 9, 10], list(range(20, 70)), [5, 6]]
        requests = [
            Request(tokens=[*begun[: 40 - at], *end], max_tokens=24)
            for end in ends
            for at in (0, 0, 25)
        ]
        written = generate(model, 3, requests, unified=unified)
        for request, found in zip(requests, written, strict=True):
            tokens = slow(model, list(request.tokens), len(found.tokens))[0]
            assert list(found.tokens) == tokens


def test_what_each_step_has_finished(model: Model) -> None:
    requests = [Request(tokens=encode(model, "Lily"), max_tokens=n) for n in (3, 6)]
    finished = list(Generator(session(model, 2)).steps(requests))
    assert [[index for index, _ in step] for step in finished if step] == [[0], [1]]
    assert len(finished) == 2 + 5


def test_more_requests_than_sequences_and_cells(model: Model) -> None:
    tokens = encode(model, PROMPTS[0])
    requests = [Request(tokens=tokens, max_tokens=5 + i % 400) for i in range(0, 900, 60)]
    found = generate(model, 4, requests)
    assert [len(item.tokens) for item in found] == [request.max_tokens for request in requests]


def test_stop_and_seed(model: Model) -> None:
    tokens = encode(model, PROMPTS[0])
    stopped = generate(
        model, 2, [Request(tokens=tokens, max_tokens=50, stop=lambda text: b"." in text)]
    )[0]
    assert stopped.finish == "stopped"
    assert stopped.text.endswith(b".")

    def sampled(seed: int) -> Request:
        return Request(
            tokens=tokens, max_tokens=12, sampling=SamplingOptions(temperature=1.0, seed=seed)
        )

    together = generate(model, 4, [sampled(seed) for seed in range(4)])
    alone = [generate(model, 1, [sampled(seed)])[0] for seed in range(4)]
    assert [item.text for item in together] == [item.text for item in alone]
    assert len({item.text for item in together}) > 1


@pytest.mark.parametrize("unified", [True, False])
def test_prompts_longer_than_a_batch(model: Model, unified: bool) -> None:
    options = SessionOptions(
        n_ctx=400, n_batch=16, n_ubatch=16, n_seq_max=2, max_rows=2, threads=1, kv_unified=unified
    )
    prompts = [encode(model, "The dog ran. " * n) for n in (12, 1, 13)]
    requests = [Request(tokens=tokens, max_tokens=6) for tokens in prompts]
    found = dict(Generator(Session(model, options=options)).run(requests))
    assert len(prompts[0]) > 3 * options.n_batch
    for index, tokens in enumerate(prompts):
        assert found[index].tokens == slow(model, tokens, 6)[0]


def test_requests_that_arrive_late_are_written_as_if_alone(model: Model) -> None:
    generator, found = Generator(session(model, 2)), dict[int, Continuation]()
    prompts = [encode(model, prompt) for prompt in PROMPTS]
    for index, tokens in enumerate(prompts):
        assert generator.add(Request(tokens=tokens, max_tokens=8)) == index
        for _ in range(3):
            found.update(generator.step())
    while generator.busy:
        found.update(generator.step())
    for index, tokens in enumerate(prompts):
        assert found[index].tokens == slow(model, tokens, 8)[0]
    assert generator.step() == []


def test_cancelled_requests_end_and_others_go_on(model: Model) -> None:
    generator = Generator(session(model, 2))
    tokens = encode(model, PROMPTS[0])
    for _ in range(4):
        generator.add(Request(tokens=tokens, max_tokens=8))
    for _ in range(4):
        assert generator.step() == []
    generator.cancel(0)  # under way
    generator.cancel(3)  # waits
    generator.cancel(7)  # unknown
    ended = dict(generator.step())
    assert sorted(ended) == [0, 3]
    assert {one.finish for one in ended.values()} == {"cancelled"}
    assert 0 < len(ended[0].tokens) < 8
    rest: dict[int, Continuation] = {}
    while generator.busy:
        rest.update(generator.step())
    assert [rest[index].tokens for index in (1, 2)] == [slow(model, tokens, 8)[0]] * 2


def test_the_most_probable_tokens_beside_each(model: Model) -> None:
    tokens = encode(model, PROMPTS[0])
    sampling = SamplingOptions(temperature=1.5, seed=3)
    (found,) = generate(model, 2, [Request(tokens=tokens, max_tokens=9, sampling=sampling, top=4)])
    assert len(found.top) == len(found.log_probabilities) == len(found.tokens) == 9
    one = session(model, 1)
    for place, (token, log_p, top) in enumerate(
        zip(found.tokens, found.log_probabilities, found.top, strict=True)
    ):
        row = one.logits([*tokens, *found.tokens[:place]]).astype(np.float64)
        row -= np.logaddexp.reduce(row)
        assert log_p == pytest.approx(row[token], abs=2e-3)
        np.testing.assert_allclose([p for _, p in top], np.sort(row)[::-1][:4], atol=2e-3)
        for id_, p in top:
            assert p == pytest.approx(row[id_], abs=2e-3)
    with pytest.raises(OptionError, match="top must be"):
        generate(model, 1, [Request(tokens=tokens, max_tokens=1, top=-1)])


def test_an_end_token_counts_nowhere(model: Model) -> None:
    """What is listed beside tokens has no place for the one that ended the text."""
    tokens = encode(model, PROMPTS[0])
    written = slow(model, tokens, 6)[0]
    generator = Generator(session(model, 1))
    generator._vocabulary = SimpleNamespace(  # type: ignore[assignment]
        is_end_of_generation=lambda token: token == written[5], piece=model.vocabulary.piece
    )
    ((_, found),) = generator.run([Request(tokens=tokens, max_tokens=40, top=1)])
    assert (found.tokens, found.finish) == (
        written[: written.index(written[5])],
        "end-of-generation",
    )
    assert len(found.tokens) == len(found.ends) == len(found.log_probabilities) == len(found.top)


def first_tokens(model: Model, count: int, sampling: SamplingOptions) -> Counter[int]:
    """Draw the first token many times from one row of logits."""
    one = session(model, 1)
    one.logits(encode(model, PROMPTS[0]))
    sampler = sampling.sampler()
    n = model.n_vocab
    return Counter(
        int(_core.sample_rows(one.context, [sampler], [0], n)[0][0]) for _ in range(count)
    )


def test_draws_follow_the_distribution(model: Model) -> None:
    row = session(model, 1).logits(encode(model, PROMPTS[0])).astype(np.float64) / 2.0
    probabilities = np.exp(row - np.logaddexp.reduce(row))
    count = 4000
    drawn = first_tokens(model, count, SamplingOptions(temperature=2.0, seed=11))
    observed = np.array([drawn[token] for token in range(model.n_vocab)])
    likely = probabilities * count > 10
    pooled = [*observed[likely], observed[~likely].sum()]
    expected = [*(probabilities[likely] * count), probabilities[~likely].sum() * count]
    assert stats.chisquare(pooled, expected).pvalue > 1e-3


def test_filters_keep_what_they_say(model: Model) -> None:
    row = session(model, 1).logits(encode(model, PROMPTS[0])).astype(np.float64)
    order = np.argsort(-row)
    probabilities = np.exp(row - np.logaddexp.reduce(row))
    best = SamplingOptions(temperature=1.5, top_k=3, seed=1)
    assert set(first_tokens(model, 500, best)) <= set(order[:3].tolist())
    kept = set(np.flatnonzero(probabilities >= 0.1 * probabilities.max()).tolist())
    assert set(first_tokens(model, 500, SamplingOptions(temperature=3.0, min_p=0.1))) <= kept
    nucleus = int(np.searchsorted(np.cumsum(probabilities[order]), 0.99)) + 1
    drawn = first_tokens(model, 500, SamplingOptions(temperature=3.0, top_p=0.99))
    assert set(drawn) <= set(order[:nucleus].tolist())


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"temperature": 1e-40},
        {"top_k": -1},
        {"top_k": 1 << 31},
        {"seed": -1},
        {"seed": (1 << 32) - 1},  # llama.cpp takes it for "draw me one"
        {"seed": 1 << 40},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"min_p": -0.1},
    ],
)
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        SamplingOptions(**options).sampler()  # type: ignore[arg-type]


def test_impossible_requests_are_refused(model: Model) -> None:
    generator = Generator(session(model, 2))
    for tokens, count in (([], 1), ([1], 0), ([1] * 1000, 100)):
        with pytest.raises(OptionError):
            list(generator.run([Request(tokens=tokens, max_tokens=count)]))
    session(model, 1).logits([1])
    one = session(model, 1)
    one.logits([1])
    with pytest.raises(OptionError, match="row 1"):
        _core.sample_rows(one.context, [_core.Sampler()], [1], model.n_vocab)
    with pytest.raises(OptionError, match="n_tokens"):
        _core.sample_rows(one.context, [_core.Sampler()], [0], model.n_vocab + 1)
