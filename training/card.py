"""Write docs/models.md from training/results.json and training/corpus_manifest.json.

    python -m training.card

Every number of the card comes from those two files; the sentences are here.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from training.corpus import MANIFEST
from training.evaluate import RESULTS

TARGET = Path(__file__).parent.parent / "docs" / "models.md"
NAMES = {"cpp": "C++", "csharp": "C#", "javascript": "JavaScript", "php": "PHP", "react": "React"}
NAMES |= {"typescript": "TypeScript", "all": "**all**"}

INTRODUCTION = """# The models that ship with pyengine

Four tiny language models of source code, made by the recipe in
[training/](../training/README.md). They exist so that every axis that pyengine measures can be
measured from a fresh clone: quantization (any of them), distillation (`distilled` against
`small`), scale (`small` against `base`), fine-tuning (`python` against `base`). They are
instruments to look at, not assistants to write with.

All four are installed with the package, in `pyengine/data/models/`. Commands that are given no
model take `base`; the others are named `embedded:small`, `embedded:distilled` and
`embedded:python`.

*This page is written by `python -m training.card` from `training/results.json` and
`training/corpus_manifest.json`.*
"""

LIMITS = """## What they can and cannot do

They know what files of twelve languages look like: how one starts, which words follow which, how
blocks are indented and closed, and what names are usual. They do not follow instructions, do not
solve programming tasks, and forget what was said more than a few dozen tokens ago; beyond 512
tokens they were never trained. They have seen little beside code and its English comments. Text
they write may resemble the open source they were trained on. The tokens of fill-in-the-middle are
trained on excerpts of one document in eight; at this size the middles rarely fit.

The held-out files come from the same packages as the training files. Near duplicates were removed
before the split, but style, names and licence headers of a package are on both sides: bits per
byte on packages never seen would be higher.
"""


LOGITS = """PyTorch against the engine on the file, flash attention off: the largest difference of
any logit at any position, the share of positions where all logits are within 0.02, and how often
the most probable token is the same. PyTorch computes with the roundings that llama.cpp makes for an
F16 file (the factors of every product with a matrix, and of attention's two, are F16; all else is
float32). Next to it, the largest difference to PyTorch in float32 on the same weights: what those
roundings are worth; and, on fewer positions, the largest from an F32 file of the same weights,
where only attention is rounded.
"""


def language(name: str) -> str:
    """Return how a language is written."""
    return NAMES.get(name, name.capitalize())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def interval(record: dict[str, float], digits: int = 3) -> str:
    """Return a value with its 95 % interval."""
    return f"{record['value']:.{digits}f} [{record['low']:.{digits}f}, {record['high']:.{digits}f}]"


def members_table(results: dict[str, Any]) -> str:
    """Return size, training and loss of every member."""
    rows = []
    for name, member in results["members"].items():
        checked = results["verification"]["members"][name]
        shape = member["shape"]
        rows.append(
            [
                f"`{name}`",
                f"{member['parameters']:,}",
                f"{shape['layers']} × {shape['width']}, {shape['hidden']}",
                f"{checked['file_bytes'] / 1e6:.1f}",
                f"{member['training']['tokens']:,}",
                f"{member['training']['seconds'] / 60:.0f}",
                f"{member['nats_per_token']:.3f}",
                interval(member["bits_per_byte"]["all"]),
            ]
        )
    header = ["member", "parameters", "layers × width, hidden", "MB", "tokens seen", "minutes"]
    return table([*header, "nats per token", "bits per byte"], rows)


def languages_table(results: dict[str, Any]) -> str:
    """Return bits per byte of every language under every member and under xz."""
    members = results["members"]
    rows = []
    for name in results["xz"]:
        files = results["held_out"]["files"].get(name, sum(results["held_out"]["files"].values()))
        values = [interval(member["bits_per_byte"][name]) for member in members.values()]
        rows.append([language(name), str(files), *values, interval(results["xz"][name])])
    return table(["language", "files", *(f"`{m}`" for m in members), "`xz -9`"], rows)


def comparisons_table(results: dict[str, Any]) -> str:
    """Return the paired differences that the family was made to show."""
    rows = [
        [name, interval(record, 4), "yes" if record["high"] < 0 else "**no**"]
        for name, record in results["comparisons"].items()
        if "xz" not in name
    ]
    return table(["difference", "bits per byte", "below zero with its interval"], rows)


def xz_sentence(results: dict[str, Any]) -> str:
    """Say in how many languages base needs fewer bits than xz, and how many surely."""
    found = {k: v for k, v in results["comparisons"]["base - xz"].items() if k != "all"}
    below = sum(record["value"] < 0 for record in found.values())
    surely = sum(record["high"] < 0 for record in found.values())
    return (
        f"`base` needs fewer bits than `xz -9` for the same files one by one in {below} of "
        f"{len(found)} languages; in {surely} of them the whole interval of the paired difference "
        "is below zero.\n"
    )


def verification(results: dict[str, Any]) -> str:
    """Return what was checked of the files."""
    rows = []
    for name in results["members"]:
        member = results["verification"]["members"][name]
        logits = member["logits"]
        rows.append(
            [
                f"`{name}`",
                f"{logits['positions']:,}",
                f"{logits['largest_difference']:.4f}",
                f"{100 * logits['share_within_0.02']:.3f} %",
                f"{100 * logits['equal_top_1']:.3f} %",
                f"{member['logits_of_float32']['largest_difference']:.4f}",
                f"{member['logits_f32']['largest_difference']:.4f}",
                str(member["files_tokenized_differently"]),
                f"`{member['sha256'][:16]}`",
            ]
        )
    header = ["member", "positions", "largest difference", "positions within 0.02", "equal top 1"]
    header += ["largest to float32", "largest from F32 file"]
    return table([*header, "files tokenized differently", "SHA-256 begins"], rows)


def quantization(results: dict[str, Any]) -> str:
    """Return what quantization does to base."""
    rows = [
        [
            record["type"],
            f"{record['bits_per_weight']:.2f}",
            f"{record['bytes'] / 1e6:.2f}",
            str(record["fallbacks"]),
            f"{record['kl_nats']:.5f}",
        ]
        for record in results["verification"]["quantization"]
    ]
    return table(["type", "bits per weight", "MB", "fallbacks", "KL to F16, nats per token"], rows)


def visible(text: str) -> str:
    """Return a piece so that white space shows, on one line of a table."""
    shown = json.dumps(text, ensure_ascii=False)[1:-1]
    return "`" + shown.replace("|", "\\|").replace("`", "'") + "`"


def keywords_table(found: dict[str, dict[str, float]]) -> str:
    """Return the keyword share of every language at the cold start, the largest first."""
    ordered = sorted(found.items(), key=lambda pair: -pair[1]["mass"])
    rows = [[n, f"{100 * k['mass']:.2f} %", f"{k['odds_ratio']:.1f}"] for n, k in ordered]
    return table(["language", "keywords, all forms", "odds against English"], rows)


def cold_start(results: dict[str, Any]) -> str:
    """Return base's distribution after BOS and its continuations of a few prompts."""
    found = results["verification"]["members"]["base"]
    start = found["cold_start"]
    rows = [[visible(piece), f"{100 * share:.2f} %"] for piece, share in start["most_probable"]]
    text = f"Entropy {start['entropy_bits']:.2f} bits. The most probable first pieces:\n\n"
    text += table(["piece", "probability"], rows)
    text += (
        "\nThe probability of each language's keywords there, in all forms\n"
        "([probe.md](probe.md#which-forms-are-counted)), and of the bare ones against English\n"
    )
    text += "words of the same byte length and place in the vocabulary (`pyengine probe`):\n\n"
    text += keywords_table(found["keywords"])
    text += "\nGreedy continuations:\n\n"
    return text + "".join(
        f"After `{prompt}`:\n\n```\n{prompt}{answer}\n```\n\n"
        for prompt, answer in found["greedy"].items()
    )


def sources(manifest: list[dict[str, Any]]) -> str:
    """Return the packages, their licences, and how much of each language came from them."""
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for record in manifest:
        sizes.update(record["bytes"])
        files.update(record["files"])
    totals = [[language(k), f"{files[k]:,}", f"{sizes[k] / 1e6:.2f}"] for k in sorted(sizes)]
    rows = [
        [
            f"{record['name']} ({record['origin']})",
            record["version"],
            visible(record["licence"] or "not stated in the archive's metadata").strip("`"),
            f"{sum(record['bytes'].values()) / 1e3:.0f}",
        ]
        for record in manifest
    ]
    return (
        table(["language", "files", "MB"], totals)
        + f"\nFrom {len(rows)} packages (hashes: `training/corpus_manifest.json`):\n\n"
        + table(["package", "version", "licence stated for its files", "kB taken"], rows)
    )


def page(results: dict[str, Any], manifest: list[dict[str, Any]]) -> str:
    """Return docs/models.md."""
    held_out = results["held_out"]
    parts = [
        INTRODUCTION,
        "## The members\n",
        members_table(results),
        f"Held-out: {sum(held_out['files'].values())} files, {held_out['bytes']:,} bytes, "
        f"{held_out['tokens']:,} tokens, scored whole with windows that overlap by half a context, "
        "EOS included. `python` counts what it saw after `base`. "
        "Intervals are 95 % percentile bootstrap intervals over files, drawn within "
        "each language.\n",
        comparisons_table(results),
        "## Bits per byte by language\n",
        languages_table(results),
        xz_sentence(results),
        "## The files are what was trained\n",
        LOGITS,
        verification(results),
        "## What quantization does to base\n",
        "On the first 512 tokens of held-out files, about 4,000 positions:\n",
        quantization(results),
        "## The cold start of base\n",
        cold_start(results),
        LIMITS,
        "## What they learnt from\n",
        sources(manifest),
    ]
    return "\n".join(parts)


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(json.loads(RESULTS.read_text()), json.loads(MANIFEST.read_text())))


if __name__ == "__main__":
    main()
