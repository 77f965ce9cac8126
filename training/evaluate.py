"""Measure trained members on the held-out files, file by file, against each other and against xz.

    python -m training.evaluate base small distilled python

Writes training/results.json: bits per byte with intervals, per language and member, and the
paired comparisons that the family must show. docs/models.md is made from it by training.card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from training.documents import Document, read_documents
from training.model import Llama, document_mask, parameter_count
from training.places import work_folder
from training.tokenizer import BOS, EOS, special_id
from training.train import checkpoint_path, load_model

RESULTS = Path(__file__).with_name("results.json")
RESAMPLES = 4000
SEED = 7
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """What the held-out files cost: nats of every file under one model."""

    nats: Floats
    tokens: npt.NDArray[np.int64]


@torch.no_grad()
def file_nats(model: Llama, ids: list[int], bos: int) -> float:
    """Return minus the log-probability of a whole file, its EOS included, in nats.

    ids starts with BOS. Windows of the model's context overlap by half, so that every token but
    those of the first window is predicted from at least half a context.
    """
    context = model.shape.context
    stride = context // 2
    total, scored = 0.0, 1
    for start in range(0, max(len(ids) - 1 - stride, 1), stride):
        window = torch.tensor(ids[start : start + context + 1])
        inputs = window[:-1][None]
        logits = model(inputs, document_mask(inputs, bos))[0]
        costs = functional.cross_entropy(logits, window[1:], reduction="none")
        total += float(costs[scored - start - 1 :].sum())
        scored = start + len(window)
        if scored >= len(ids):
            break
    return total


def score(model: Llama, tokenizer: Tokenizer, documents: list[Document]) -> Scores:
    """Return the cost of every document in float32 arithmetic."""
    bos, eos = special_id(tokenizer, BOS), special_id(tokenizer, EOS)
    encoded = [[bos, *tokenizer.encode(d.text).ids, eos] for d in documents]
    nats = np.array([file_nats(model, ids, bos) for ids in encoded])
    return Scores(nats, np.array([len(ids) - 1 for ids in encoded]))


def kept_score(name: str, tokenizer: Tokenizer, documents: list[Document]) -> Scores:
    """Return the score of a member; one of the same checkpoint and files is not computed again."""
    path = checkpoint_path(name)
    digest = hashlib.sha256(path.read_bytes())
    for item in documents:
        digest.update(item.sha256.encode())
    kept = path.with_name("held_out_nats.json")
    if kept.exists():
        record = json.loads(kept.read_text())
        if record["of"] == digest.hexdigest():
            return Scores(np.array(record["nats"]), np.array(record["tokens"]))
    found = score(load_model(name), tokenizer, documents)
    record = {
        "of": digest.hexdigest(),
        "nats": found.nats.tolist(),
        "tokens": found.tokens.tolist(),
    }
    kept.write_text(json.dumps(record))
    return found


def xz_bits(text: str) -> int:
    """Return the bits that `xz -9` makes of one file, its container included."""
    return 8 * len(lzma.compress(text.encode(), format=lzma.FORMAT_XZ, preset=9))


def resampled(files: int, strata: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """Return RESAMPLES rows of file indices, drawn with replacement within each language."""
    rng = np.random.default_rng(SEED)
    rows = np.empty((RESAMPLES, files), dtype=np.int64)
    for language in np.unique(strata):
        own = np.flatnonzero(strata == language)
        rows[:, own] = rng.choice(own, size=(RESAMPLES, len(own)))
    return rows


def ratio(bits: Floats, weights: Floats, draws: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return sum(bits) / sum(weights) with its 95 % percentile bootstrap interval over files."""
    spread = bits[draws].sum(axis=1) / weights[draws].sum(axis=1)
    low, high = np.quantile(spread, [0.025, 0.975])
    value = bits.sum() / weights.sum()
    return {"value": float(value), "low": float(low), "high": float(high)}


def per_language(
    bits: Floats, sizes: Floats, languages: npt.NDArray[np.str_]
) -> dict[str, dict[str, float]]:
    """Return bits per byte of every language, and of all files together under "all"."""
    found = {"all": ratio(bits, sizes, resampled(len(bits), languages))}
    for language in np.unique(languages):
        own = languages == language
        draws = resampled(int(own.sum()), languages[own])
        found[str(language)] = ratio(bits[own], sizes[own], draws)
    return found


def member_record(
    name: str, scores: Scores, sizes: Floats, languages: npt.NDArray[np.str_]
) -> dict[str, object]:
    """Return everything that the card of one member says."""
    saved = torch.load(checkpoint_path(name), weights_only=True)
    model = load_model(name)
    bits = scores.nats / math.log(2)
    return {
        "shape": saved["shape"],
        "parameters": parameter_count(model),
        "training": saved["progress"],
        "nats_per_token": float(scores.nats.sum() / scores.tokens.sum()),
        "bits_per_byte": per_language(bits, sizes, languages),
    }


def comparisons(
    nats: dict[str, Floats], sizes: Floats, xz: Floats, languages: npt.NDArray[np.str_]
) -> dict[str, object]:
    """Return the paired differences in bits per byte that the family must show; below zero means
    the first is better.
    """
    bits = {name: costs / math.log(2) for name, costs in nats.items()}
    everywhere = resampled(len(sizes), languages)
    own = languages == "python"
    python_draws = resampled(int(own.sum()), languages[own])
    found: dict[str, object] = {}
    for first, second in (("base", "small"), ("distilled", "small")):
        if first in bits and second in bits:
            found[f"{first} - {second}"] = ratio(bits[first] - bits[second], sizes, everywhere)
    if "python" in bits and "base" in bits:
        difference = (bits["python"] - bits["base"])[own]
        found["python - base on Python"] = ratio(difference, sizes[own], python_draws)
    for name, costs in bits.items():
        found[f"{name} - xz"] = per_language(costs - xz, sizes, languages)
    return found


def main() -> None:
    """Score the members named and write training/results.json."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("members", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = work_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    documents = [d for d in read_documents(folder / "documents.jsonl") if d.held_out]
    languages = np.array([d.language for d in documents])
    sizes = np.array([len(d.text.encode()) for d in documents], dtype=np.float64)
    xz = np.array([xz_bits(d.text) for d in documents], dtype=np.float64)
    scores = {name: kept_score(name, tokenizer, documents) for name in options.members}
    record = {
        "held_out": {
            "files": {str(n): int((languages == n).sum()) for n in np.unique(languages)},
            "bytes": int(sizes.sum()),
            "tokens": int(next(iter(scores.values())).tokens.sum()),
        },
        "xz": per_language(xz, sizes, languages),
        "members": {n: member_record(n, s, sizes, languages) for n, s in scores.items()},
        "comparisons": comparisons({n: s.nats for n, s in scores.items()}, sizes, xz, languages),
    }
    if options.out.exists():
        earlier = json.loads(options.out.read_text())
        record |= {key: earlier[key] for key in ("verification",) if key in earlier}
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    for name, member in record["members"].items():
        reached = member["bits_per_byte"]
        (folder / name / "held_out.json").write_text(json.dumps(member) + "\n")
        print(name, {k: round(v["value"], 3) for k, v in reached.items()})
    print("xz", {k: round(v["value"], 3) for k, v in record["xz"].items()})


if __name__ == "__main__":
    main()
