"""Which files a search measures, against what measuring all of them would choose."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_models import Tiny, write_bpe

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits, choose, neighbours, side_of
from pyengine.models.memory import forecast_opened
from pyengine.models.options import ModelOptions
from pyengine.models.settings import ModelSpec, Settings
from pyengine.picking.offers import found_offers, ranked
from pyengine.picking.order import Offer, next_to_measure

# Bits per weight, and KL divergence from F16, of twelve types of SmolLM2-135M; sizes in MB.
LADDER = (
    ("Q8_0", 8.5, 145, 0.0055),
    ("Q6_K", 6.6, 138, 0.014),
    ("Q5_K_M", 5.7, 112, 0.060),
    ("Q5_0", 5.5, 105, 0.066),
    ("Q5_K_S", 5.5, 104, 0.064),
    ("Q4_K_M", 4.9, 101, 0.080),
    ("Q4_K_S", 4.6, 97, 0.10),
    ("Q4_0", 4.5, 92, 0.17),
    ("Q3_K_L", 4.3, 93, 0.21),
    ("Q3_K_M", 3.9, 89, 0.26),
    ("Q3_K_S", 3.5, 84, 0.40),
    ("Q2_K", 3.0, 83, 0.59),
)
KL: dict[str, float] = {name: kl for name, _, _, kl in LADDER}


def offer(name: str, bits: float, size: float, *, imatrix: bool = False) -> Offer:
    return Offer(
        name=name,
        reference=name,
        file_type=name,
        size=round(size * 1e6),
        n_params=135_000_000,
        bits_per_weight=bits,
        imatrix=imatrix,
    )


def by_recipe(name: str, size: float, predicted: float) -> Offer:
    return replace(offer(name, 6.0, size), predicted=predicted)


def candidate(one: Offer, kl: float, spread: float = 0.2, **more: str) -> Candidate:
    known = {"kl": kl, "kl_low": kl * (1 - spread), "kl_high": kl * (1 + spread)}
    return Candidate(name=one.name, size=one.size, metrics={}, **known, **more)  # type: ignore[arg-type]


OFFERS = [offer(name, bits, size) for name, bits, size, _ in LADDER]


def searched(offers: list[Offer], truth: dict[str, float], limit: float) -> list[list[str]]:
    """What each round of a search measures, until it ends."""
    found: dict[str, Candidate] = {}
    rounds = []
    while wanted := next_to_measure(offers, found, Limits(kl=limit)):
        rounds.append([one.name for one in wanted])
        found |= {one.name: candidate(one, truth[one.name]) for one in wanted}
    return rounds


def picked(offers: list[Offer], truth: dict[str, float], names: list[str], limit: float) -> str:
    """The choice among some files."""
    measured = [candidate(one, truth[one.name]) for one in offers if one.name in names]
    chosen, _, _ = choose(measured, Limits(kl=limit), {})
    assert chosen is not None
    return chosen.name


def test_every_kind_of_type_is_expected_by_its_bits() -> None:
    kinds = (
        *(("BF16", 16.0), ("Q8_0", 8.5), ("MXFP4_MOE", 4.6), ("IQ4_XS", 4.3), ("IQ3_XXS", 3.1)),
        *(("IQ2_M", 2.7), ("TQ2_0", 2.1), ("TQ1_0", 1.7), ("IQ1_S", 1.6)),
    )
    expected = [offer(name, bits, 100).expected for name, bits in kinds]
    assert expected == sorted(expected)
    fell_back, whole = offer("IQ4_XS", 5.3, 100), offer("IQ4_XS", 4.9, 100)
    assert fell_back.expected == whole.expected


def test_the_best_guess_goes_first_with_its_neighbours() -> None:
    rounds = searched(OFFERS, KL, 0.02)
    assert rounds == [["Q5_K_M", "Q6_K", "Q8_0"]]  # the guess needs no second round


@pytest.mark.parametrize("limit", [0.003, 0.007, 0.02, 0.075, 0.1, 0.12, 0.3, 0.5, 0.8])
def test_few_are_measured_and_the_choice_is_that_of_all(limit: float) -> None:
    names = [name for one in searched(OFFERS, KL, limit) for name in one]
    assert len(names) == len(set(names))
    every = picked(OFFERS, KL, list(KL), limit)
    assert picked(OFFERS, KL, names, limit) == every
    # Where none is within, those of equal damage as the best are not all looked for.
    assert len(names) <= 7


def test_ladders_that_fall_as_files_shrink_are_always_searched_right() -> None:
    """A thousand drawn ladders, other bits, sizes and slopes than the guess expects."""
    draw = random.Random(5)
    measured = 0.0
    for _ in range(1000):
        n = draw.randint(2, 14)
        bits = sorted(draw.sample([2 + i / 10 for i in range(65)], n))
        offers = [offer(f"t{i}", b, 40 + 15 * b) for i, b in enumerate(bits)]
        slope, zero = draw.uniform(0.3, 2.0), draw.uniform(0.1, 100)
        truth = {o.name: zero * 2.72 ** (-slope * o.bits_per_weight) for o in offers}
        limit = draw.choice([0.005, 0.02, 0.1, 0.5])
        names = [name for one in searched(offers, truth, limit) for name in one]
        whole, part = (picked(offers, truth, found, limit) for found in (list(truth), names))
        within = any(
            side_of(candidate(o, truth[o.name]), Limits(kl=limit)) == "within" for o in offers
        )
        assert part == whole or not within
        measured += len(names) / n
    assert measured / 1000 < 0.62


def test_two_of_one_size_may_be_out_of_order() -> None:
    near = [offer("A", 5.6, 105), offer("B", 5.5, 104), offer("C", 5.0, 95)]
    known = {"A": candidate(near[0], 0.028)}
    assert [o.name for o in next_to_measure(near, known, Limits(kl=0.02))] == ["B"]
    far = {"A": candidate(near[0], 0.28)}
    assert next_to_measure(near, far, Limits(kl=0.02)) == []


def test_one_made_with_an_importance_matrix_is_not_ruled_out_by_one_without() -> None:
    plain, matrix = offer("A", 5.6, 110), offer("B", 4.9, 100, imatrix=True)
    found = {"A": candidate(plain, 0.05)}
    assert next_to_measure([plain, matrix], found, Limits(kl=0.02)) == [matrix]
    both = {"B": candidate(matrix, 0.05)}
    smaller = offer("C", 4.5, 90)
    assert next_to_measure([matrix, smaller], both, Limits(kl=0.02)) == []


def test_one_that_fails_rules_out_nothing_and_an_infinite_one_does() -> None:
    one, other = offer("A", 5.6, 110), offer("B", 4.9, 100)
    failed = {"A": candidate(one, 0.05, excluded="failed")}
    assert next_to_measure([one, other], failed, Limits(kl=0.02)) == [other]
    infinite = {"A": candidate(one, 0.05, excluded="infinite")}
    assert next_to_measure([one, other], infinite, Limits(kl=0.02)) == []


def test_flips_alone_are_a_limit_too() -> None:
    """4 of 100 other first choices are usual at 0.0083 nats: between Q8_0 and Q6_K."""
    wanted = next_to_measure(OFFERS, {}, Limits(flips=0.04))
    assert [one.name for one in wanted] == ["Q6_K", "Q8_0"]


def test_neighbours_are_the_next_in_size_of_those_measured() -> None:
    known = [candidate(one, KL[one.name]) for one in OFFERS if one.name in ("Q8_0", "Q6_K", "Q2_K")]
    assert [c.name for c in neighbours("Q6_K", known)] == ["Q2_K", "Q8_0"]
    assert [c.name for c in neighbours("Q2_K", known)] == ["Q6_K"]
    recipe = candidate(by_recipe("R", 82.9, 0.3), 0.3)
    assert [c.name for c in neighbours("Q6_K", [*known, recipe])] == ["R", "Q8_0"]


def test_what_settings_cost_rules_out_no_other_file() -> None:
    """A cache that is too coarse says nothing of smaller files, a good one nothing of its own."""
    cache = Settings(text="?kv=q4_0", name="?kv=q4_0")
    coarse = replace(offer("Q8_0", 8.5, 145), name="Q8_0?kv=q4_0", settings=cache)
    plain, smaller = offer("Q8_0", 8.5, 145), offer("Q4_0", 4.5, 92)
    far, near = {coarse.name: candidate(coarse, 0.5)}, {coarse.name: candidate(coarse, 0.001)}
    limits = Limits(kl=0.02)
    assert next_to_measure([coarse, plain, smaller], far, limits)
    assert [one.name for one in next_to_measure([coarse, smaller], far, limits)] == ["Q4_0"]
    assert [one.name for one in next_to_measure([coarse, plain], near, limits)] == ["Q8_0"]
    assert next_to_measure([coarse, plain], {plain.name: candidate(plain, 0.001)}, limits) == []


def test_settings_make_another_offer_of_a_file(tmp_path: Path) -> None:
    small = write_bpe(tmp_path / "small.gguf", Tiny(n_embd=128))
    named = [str(small), f"{small}?kv=q8_0"]
    how = {"most_bytes": None, "output_dir": None, "imatrix": None, "recipes": None}
    with found_offers(named, context=4096, gpu_layers=0, progress=lambda *_: None, **how) as found:
        plain, cache = found.offers
        assert [plain.name, cache.name] == ["small", "small?kv=q8_0"]
        assert cache.content()["settings"] == "?kv=q8_0"
        cells = found.context * 2 * 2 * 2 * 32  # layers, keys and values, heads, numbers in each
        specs = [ModelSpec(small, one.settings) for one in found.offers]
        ways = [spec.opening(ModelOptions()) for spec in specs]
        said = [forecast_opened(small, each, found.context) for each in ways]
        assert [one.main for one in said] == [plain.memory, cache.memory]
        assert [one.shares[0].cache for one in said] == [2 * cells, cells * 34 // 32]
        first, other = ranked(found.offers, Limits(kl=0.02), None)
        assert (first.name, other.why) == ("small", "could-win")
        assert found.fetch(cache, []) == small


def test_only_a_recipe_rules_out_recipes() -> None:
    limits = Limits(kl=0.02)
    preset, smaller = offer("P", 5.5, 105), by_recipe("R", 90, 0.03)
    assert next_to_measure([preset, smaller], {"P": candidate(preset, 0.9)}, limits) == [smaller]
    others = [by_recipe("R2", 85, 0.04), offer("P2", 4.8, 92), offer("P3", 5, 95)]
    near = next_to_measure([smaller, *others], {"R": candidate(smaller, 0.03)}, limits)
    assert [one.name for one in near] == ["P2", "P3"]
    far = next_to_measure([smaller, *others], {"R": candidate(smaller, 0.06)}, limits)
    assert [one.name for one in far] == ["P3"]  # by much larger
    assert next_to_measure([smaller, preset], {"R": candidate(smaller, 0.01)}, limits) == []


@pytest.mark.parametrize("limit", [0.007, 0.02, 0.06, 0.12, 0.5])
@pytest.mark.parametrize(("gain", "foretold"), [(0.6, 0.8), (0.6, 1.5), (1.05, 1.0)])
def test_recipes_are_searched_beside_types(limit: float, gain: float, foretold: float) -> None:
    """Also where predictions are wrong, and where recipes are a little worse."""
    truth = dict(KL)
    offers = list(OFFERS)
    for one in OFFERS:
        recipe = by_recipe(f"R-{one.name}", one.size / 1e6 - 0.05, gain * foretold * KL[one.name])
        truth[recipe.name] = gain * KL[one.name]
        offers.append(recipe)
    rounds = searched(offers, truth, limit)
    names = [name for one in rounds for name in one]
    assert picked(offers, truth, names, limit) == picked(offers, truth, list(truth), limit)
    assert len(names) <= 10
    assert any(name.startswith("R-") for name in rounds[0])
