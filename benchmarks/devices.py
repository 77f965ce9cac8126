"""Weigh layers on another device against the CPU: how far the numbers are, memory, and speed.

    python benchmarks/devices.py MODEL [--layers 2 -1] [--rpc HOST:PORT] [--fa off]
                                 [--tokens 3000] [--no-speed]

Each number of layers is a variant of the file with none. Printed for each: KL divergence from the
CPU, that of the variant and of the CPU from themselves, computed in another order, and the share
of positions where another token is first; memory by device for the usual context; and, as ratios to
the CPU in the same run, tokens per second of a prompt and of generation (medians of five).
"""

from __future__ import annotations

import argparse
import statistics

import pyengine
from pyengine.measure.speed import SpeedOptions, timed_alone
from pyengine.models.memory import forecast_opened
from pyengine.models.options import ModelOptions
from pyengine.models.references import resolve_spec
from pyengine.models.settings import with_settings

CONTEXT = 4096
MIB = 1 << 20


def distances(cpu: str, variants: list[str], tokens: int) -> None:
    """Print how far each variant is from the CPU, and from itself."""
    run = pyengine.compare(
        cpu, variants, tokens=tokens, precision=0, starts=False, continuations=0, positions=0
    )
    (reference, *others) = run.models
    (own,) = run.select("kl", model=reference.id, reference=reference.id, group="")
    for model in others:
        kl, same = run.find("kl", model.id), run.find("same_first_choice", model.id)
        (again,) = run.select("kl", model=model.id, reference=model.id, group="")
        assert kl is not None
        assert same is not None
        print(f"{model.id}: KL {kl.value:.3g} nats over {kl.n} tokens; from itself "
              f"{again.value:.3g}, the CPU {own.value:.3g}; another first choice at "
              f"{100 * (1 - same.value):.3g} %")  # fmt: skip


def memory(variant: str) -> None:
    """Print what each device holds."""
    spec = resolve_spec(variant)
    said = forecast_opened(spec.path, spec.opening(ModelOptions()), CONTEXT)
    parts = [f"{share.device} {share.total / MIB:.0f} MiB" for share in said.shares]
    print(f"{variant}: {', '.join(parts)} for {CONTEXT} tokens")


def speed(variant: str) -> tuple[float, float]:
    """Return tokens per second of a prompt and of generation."""
    spec = resolve_spec(variant)
    found = timed_alone(spec.path, spec.opening(ModelOptions()), SpeedOptions())
    return statistics.median(found["prompt_speeds"]), statistics.median(found["generation_speeds"])


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--layers", type=int, nargs="+", default=[2, -1])
    parser.add_argument("--rpc")
    parser.add_argument("--fa", default="auto")
    parser.add_argument("--tokens", type=int, default=3000)
    parser.add_argument("--no-speed", action="store_true")
    given = parser.parse_args()
    cpu = with_settings(given.model, fa=given.fa)
    variants = [with_settings(cpu, ngl=n, rpc=given.rpc) for n in given.layers]
    distances(cpu, variants, given.tokens)
    for variant in (cpu, *variants):
        memory(variant)
    if given.no_speed:
        return
    prompt, generation = speed(cpu)
    print(f"CPU: prompt {prompt:.0f} tokens/s, generation {generation:.0f}")
    for variant in variants:
        there = speed(variant)
        print(f"{variant}: prompt {there[0] / prompt:.2f} times, generation "
              f"{there[1] / generation:.2f} times")  # fmt: skip


if __name__ == "__main__":
    main()
