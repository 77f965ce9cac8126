"""When variants stop: levels known, neighbours told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from comparison_samples import Quantize

from pyengine.errors import WorkerError
from pyengine.measure.aggregate import aggregate, through_anchor
from pyengine.measure.compare import Means, compare, compare_with
from pyengine.measure.decode import Observation
from pyengine.measure.engine import (
    Failure,
    LocalExecutor,
    Outcome,
    Processes,
    Series,
    Task,
    Tell,
    measure,
    untold,
)
from pyengine.measure.found import race_ended
from pyengine.measure.options import CompareOptions
from pyengine.measure.plan import Plan, rows_twice
from pyengine.measure.racing import Race, Sides, mean_at_look
from pyengine.measure.subjects import identify, open_subject
from pyengine.measure.table import TokenTable
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.report.sentences.notes import note_sentence
from pyengine.statistics.looks import at_look, first_level_look
from pyengine.statistics.ratios import anchored_mean
from pyengine.text.documents import Corpus, Document
from pyengine.text.windows import WindowOptions

TOKENS = 30
Floats = npt.NDArray[np.float64]


def drawn(levels: list[float], n_documents: int, *, own: float = 0.05) -> dict[str, Floats]:
    """Draw divergences whose documents differ by a factor that all variants share."""
    generator = np.random.default_rng(8)
    shared = np.exp(generator.normal(0, 0.35, n_documents))
    found = {}
    for number, level in enumerate(levels):
        mine = np.exp(generator.normal(0, own, n_documents))
        tokens = generator.gamma(16.0, 1 / 16, (n_documents, TOKENS))
        found[f"v{number}"] = (level * (shared * mine)[:, None] * tokens).ravel()
    return found


def race(names: list[str], **how: float) -> Race:
    options = {"precision": 0.2, "margin": 0.1, **how}
    clusters = np.repeat(np.arange(200), TOKENS)
    return Race(
        smallest_first=names,
        clusters=clusters,
        precision=options["precision"],
        margin=options["margin"],
        looks=8,
        levels_from=int(options.get("levels_from", 0)),
    )


def cut(kl: dict[str, Floats], **documents: int) -> dict[str, Floats]:
    return {name: values[: documents.get(name, 200) * TOKENS] for name, values in kl.items()}


def test_only_the_anchor_goes_on_where_neighbours_are_told_apart() -> None:
    kl = drawn([0.08, 0.02, 0.005], 12, own=0.02)
    going_on = race(["v0", "v1", "v2"])
    assert going_on.anchor == "v1"
    assert going_on.undecided(kl) == {"v1"}


def test_one_that_is_not_known_goes_on_without_the_anchor() -> None:
    kl = cut(drawn([0.4, 0.02, 0.0005], 100), v0=100, v1=100, v2=24)
    generator = np.random.default_rng(3)
    kl["v2"] *= np.repeat(np.exp(generator.normal(0, 0.6, 24)), TOKENS)
    assert race(["v0", "v1", "v2"]).undecided(kl) == {"v2"}


def test_all_stop_when_the_anchor_is_known() -> None:
    kl = cut(drawn([0.08, 0.02, 0.005], 100), v0=12, v2=12)
    assert race(["v0", "v1", "v2"]).undecided(kl) == set()
    assert race(["v0", "v1", "v2"], precision=0.02).undecided(kl) == {"v0", "v1", "v2"}


def test_neighbours_that_are_not_told_apart_go_on() -> None:
    kl = cut(drawn([0.08, 0.02, 0.0212], 100), v0=12, v1=100, v2=12)
    assert race(["v0", "v1", "v2"]).undecided(kl) == {"v1", "v2"}
    enough = cut(drawn([0.08, 0.02, 0.0212], 100), v0=12)
    assert race(["v0", "v1", "v2"]).undecided(enough) == set()  # within 10 %


def test_a_variant_far_from_the_anchor_goes_on_with_it() -> None:
    kl = drawn([0.08, 0.02, 0.005], 24, own=1.0)
    assert race(["v0", "v1", "v2"]).undecided(kl) == {"v0", "v1", "v2"}


def test_equal_files_and_infinite_ones_ask_for_nothing() -> None:
    kl = cut(drawn([0.08, 0.02, 0.005], 100), v0=12, v2=12)
    kl["v0"] = np.zeros_like(kl["v0"])
    kl["v2"][3] = np.inf
    assert race(["v0", "v1", "v2"]).undecided(kl) == set()


def test_levels_are_not_known_before_they_are_asked() -> None:
    """Equal documents: the levels are known at once, and pairs too."""
    kl = drawn([0.08, 0.02, 0.005], 71, own=0.0)
    kl = {name: np.full_like(values, values.mean()) for name, values in kl.items()}
    names = ["v0", "v1", "v2"]
    assert race(names, precision=0.1).undecided(kl) == set()
    late = race(names, precision=0.1, levels_from=first_level_look(0.1, 8))
    assert late.undecided(kl) == {"v1"}
    more = {name: np.full(72 * TOKENS, values[0]) for name, values in kl.items()}
    assert late.undecided(more) == set()
    assert late.level < race(names, precision=0.1).level


def test_without_its_anchor_every_variant_goes_on_alone() -> None:
    kl = drawn([0.08, 0.02, 0.005], 12)
    kl["v1"] = np.zeros_like(kl["v1"])
    assert race(["v0", "v1", "v2"]).undecided(kl) == {"v0", "v2"}
    del kl["v1"]
    assert race(["v0", "v1", "v2"]).undecided(kl) == {"v0", "v2"}


def series(**columns: dict[str, Floats]) -> dict[str, Series]:
    """What was observed of variants, in one chunk."""
    return {name: Series([Observation(found, {}, ())]) for name, found in columns.items()}


def sides(**limits: float) -> Sides:
    clusters = np.repeat(np.arange(200), TOKENS)
    return Sides(limits, clusters, precision=0.2, level=at_look(0.95, 8))


def test_a_variant_stops_when_its_side_of_the_limit_is_known() -> None:
    """Below, above, and so near that its level is known before its side is."""
    kl = drawn([0.08, 0.005, 0.0205], 12, own=0.02)
    seen = series(**{name: {"kl": values} for name, values in kl.items()})
    assert sides(kl=0.02).still_racing(seen) == {"v2"}
    known = drawn([0.08, 0.005, 0.0205], 200, own=0.02)
    more = series(**{name: {"kl": values} for name, values in known.items()})
    assert sides(kl=0.02).still_racing(more) == set()


def test_the_interval_is_that_of_the_record() -> None:
    kl = drawn([0.02], 24)["v0"]
    clusters = np.repeat(np.arange(24), TOKENS)
    mean = mean_at_look(kl, clusters, at_look(0.95, 8))
    expected = anchored_mean(kl, kl, clusters, level=at_look(0.95, 8))
    assert (mean.value, mean.low, mean.high) == (expected.value, expected.low, expected.high)
    infinite = mean_at_look(np.array([1.0, np.inf]), np.array([0, 1]), 0.99)
    assert infinite.low == np.inf
    exact = mean_at_look(np.zeros(2), np.array([0, 1]), 0.99)
    assert (exact.low, exact.high) == (0.0, 0.0)


def test_of_two_limits_one_that_is_broken_ends_it_and_both_must_be_kept() -> None:
    generator = np.random.default_rng(4)
    kl = drawn([0.005], 12)["v0"]
    few, many = ((generator.random(len(kl)) < share).astype(float) for share in (0.001, 0.3))
    both = {"v0": {"kl": kl, "same_first_choice": 1 - many}}
    assert sides(kl=0.02, flips=0.1).still_racing(series(**both)) == set()  # beyond one
    unsure = {"v0": {"kl": kl * 4, "same_first_choice": 1 - few}}
    assert sides(kl=0.02, flips=0.1).still_racing(series(**unsure)) == {"v0"}
    assert sides(flips=0.1).still_racing(series(**unsure)) == set()


def test_one_that_failed_goes_on_no_more() -> None:
    kl = drawn([0.0205], 12)
    seen = series(v0={"kl": kl["v0"]})
    seen["v0"].failure = Failure("killed", WorkerError)
    assert sides(kl=0.02).still_racing(seen) == set()


WINDOWS = WindowOptions(n_ctx=48, document_tokens=24)
OPTIONS = CompareOptions(
    windows=WINDOWS, threads=1, starts=False, continuations=0, positions=0, passages=0
)


@pytest.fixture(scope="module")
def many() -> Corpus:
    """Forty documents of the same kind: soon known."""
    words = "def add(a, b): return a + b\nprint(add(%d, 2)) # and so on, for ever and ever\n"
    documents = [Document(f"d{i}.py", "python", (words % i).encode() * 2) for i in range(40)]
    return Corpus(tuple(documents), "many")


class Recorder(LocalExecutor):
    """Notes which variants decode each chunk."""

    def __init__(self, processes: Processes) -> None:
        super().__init__(processes)
        self.seen: list[tuple[str, ...]] = []

    def run(
        self, tasks: Iterable[Task], tell: Tell = untold
    ) -> Iterator[tuple[Task, dict[str, Outcome]]]:
        """Compute the tasks, and note of whom they are."""
        for task, outcomes in super().run(tasks, tell):
            self.seen.append(tuple(variant.id for variant in task.variants))
            yield task, outcomes


def test_a_comparison_ends_when_enough_is_known(
    tiny: Path, quantized: Quantize, many: Corpus
) -> None:
    paths = [tiny, quantized("Q8_0"), quantized("Q4_0"), quantized("Q5_0")]
    with Processes() as processes:
        executor = Recorder(processes)
        run = compare_with(paths, many, OPTIONS, Means(processes, executor))
    assert run.population is not None
    assert run.population.looks == 5  # 12, 18, 24, 36, 40
    assert [note.code for note in run.notes] == ["stopped-early"]
    assert run.population.n_scored_documents < 40
    for model in run.models[1:]:
        kl = run.find("kl", model.id)
        assert kl is not None
        assert kl.interval == "sequence"
        assert kl.high <= 1.2 * kl.value


def test_without_a_precision_all_of_the_text_is_measured(
    tiny: Path, quantized: Quantize, many: Corpus
) -> None:
    run = compare(tiny, [quantized("Q8_0")], corpus=many, options=replace(OPTIONS, precision=0))
    assert run.population is not None
    assert run.population.n_scored_documents == 40
    assert (run.population.looks, run.population.anchor) == (1, "")
    kl = run.find("kl", run.models[1].id)
    assert kl is not None
    assert kl.interval == "t"


def test_a_level_is_told_through_the_anchor() -> None:
    """Of divergences and of other first choices; what is signed stays as it was measured."""
    generator = np.random.default_rng(5)
    kl = drawn([0.02, 0.05], 40)
    flips = {name: (generator.random(40 * TOKENS) < 0.1).astype(float) for name in kl}
    tables = {
        name: TokenTable(
            np.repeat(np.arange(n), TOKENS),
            {},
            {
                "kl": kl[name][: n * TOKENS],
                "same_first_choice": 1 - flips[name][: n * TOKENS],
                "delta_p": kl[name][: n * TOKENS],
            },
            looks=5,
        )
        for name, n in (("v0", 12), ("v1", 40))
    }
    rows = aggregate(tables["v0"], model="v0", reference="f16")
    found = {row.metric: row for row in through_anchor(rows, tables["v0"], tables["v1"])}
    n, clusters, level = 12 * TOKENS, tables["v1"].clusters, at_look(0.95, 5)
    expected = anchored_mean(kl["v0"][:n], kl["v1"], clusters, level=level)
    assert (found["kl"].value, found["kl"].high) == (expected.value, expected.high)
    assert (found["kl"].n_clusters, found["kl"].interval) == (12, "sequence")
    assert found["kl"].level == 0.95
    other = anchored_mean(flips["v0"][:n], flips["v1"], clusters, level=level)
    assert found["same_first_choice"].value == pytest.approx(1 - other.value)
    assert found["same_first_choice"].low == pytest.approx(1 - other.high)
    assert found["delta_p"] == next(row for row in rows if row.metric == "delta_p")
    itself = {row.metric: row for row in through_anchor(rows, tables["v0"], tables["v0"])}
    own = anchored_mean(kl["v0"][:n], kl["v0"][:n], clusters[:n], level=level)
    assert (itself["kl"].value, itself["kl"].low) == (own.value, own.low)
    once = replace(tables["v0"], looks=1)
    assert list(through_anchor(rows, once, tables["v1"])) == rows


def test_only_variants_that_race_are_decoded(tiny: Path, quantized: Quantize, many: Corpus) -> None:
    """The engine asks after each look, and the others keep what they have."""
    asked: list[dict[str, int]] = []
    paths = [tiny, quantized("Q8_0"), quantized("Q4_0")]
    with Processes() as processes:
        subjects = [
            open_subject(identify(path.stem, path, ModelOptions()), processes) for path in paths
        ]
        with open_model(tiny, options=ModelOptions(vocabulary_only=True)) as model:
            plan = Plan(OPTIONS, subjects[0], model.vocabulary, (256,))
            text = plan.text(many)
            work = plan.text_work(text, [subject.variant for subject in subjects[1:]])
        names = [subject.info.id for subject in subjects[1:]]

        # The second goes on again after it had stopped, and then lacks nothing.
        orders = iter([{names[0]}, {names[0]}, set(names), set()])

        def still_racing(seen: Mapping[str, Series]) -> set[str]:
            asked.append({name: len(seen[name].observations) for name in names})
            return next(orders)

        found = measure(work, LocalExecutor(processes), still_racing=still_racing)
        whole = measure(work, LocalExecutor(processes))
    looks = text.looks
    assert [one[names[0]] for one in asked] == list(looks[:4])
    assert [one[names[1]] for one in asked] == [looks[0], looks[0], looks[0], looks[3]]
    for name in names:
        for part, other in zip(found[name].observations, whole[name].observations, strict=False):
            assert (part.columns["kl"] == other.columns["kl"]).all()
    again = [len(part.again["kl"]) for part in found["tiny"].observations]
    assert again == list(rows_twice(text.chunks, looks).values())[: len(again)]


def test_a_variant_that_is_infinite_asks_for_nothing_and_the_note_stays_true() -> None:
    """One with infinite divergence stops too, and is not said to be known."""
    kl = drawn([0.08, 0.02], 12, own=0.02)
    kl["v0"][0] = np.inf
    assert race(["v0", "v1"]).undecided({"v0": kl["v0"]}) == set()
    early = note_sentence(race_ended([], whole=False)[0])
    assert "every variant whose divergence is finite" in early
    assert [n.code for n in race_ended(["a"], whole=True)] == ["not-known"]


def test_a_comparison_of_few_documents_says_what_is_not_known(
    tiny: Path, quantized: Quantize, many: Corpus
) -> None:
    few = Corpus(many.documents[:3], "few")
    options = replace(OPTIONS, precision=0.001)
    run = compare(tiny, [quantized("Q4_0")], corpus=few, options=options)
    assert [note.code for note in run.notes] == ["not-known"]
    assert run.population is not None
    assert run.population.looks == 1
