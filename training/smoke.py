"""Run the whole recipe on a toy corpus in seconds: corpus, tokenizer, tokens, training, export,
probe.

    python -m training.smoke

The corpus is the project's own source. The model learns next to nothing; what is checked is that
every step takes what the step before it made, that a run cut off goes on where it stopped, and
that the file opens in the engine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from training.corpus import collect_files
from training.data import token_stream, write_tokens
from training.documents import Document, read_documents, write_documents
from training.export import Card, export
from training.model import Shape
from training.places import VARIABLE
from training.recipes import Recipe
from training.tokenizer import train_tokenizer
from training.train import Run, load_model
from training.verify import compare_logits, through_f16

PROJECT = Path(__file__).parent.parent
SHAPE = Shape(vocabulary=768, layers=1, hidden=256, heads=2, context=128)
RECIPE = Recipe("base", SHAPE, "train.bin", minutes=5, tokens=32_768, peak=5e-3, warm_up=4_096)


@dataclass(frozen=True)
class Smoke:
    """What a smoke run showed."""

    documents: int
    held_out: int
    first_loss: float
    last_loss: float
    steps_before_cut: int
    steps: int
    largest_difference: float
    cold_start_entropy_bits: float


def prepare(folder: Path) -> list[Document]:
    """Write documents, tokenizer and tokens of the project's own source to a folder."""
    documents = collect_files("pyengine", PROJECT, ("pyengine", "training", "csrc"))
    write_documents(folder / "documents.jsonl", documents)
    documents = read_documents(folder / "documents.jsonl")
    trained = [d for d in documents if not d.held_out]
    tokenizer = train_tokenizer((d.text for d in trained), vocabulary=SHAPE.vocabulary)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_tokens(folder / "train.bin", token_stream(tokenizer, trained, seed=1))
    return documents


def train_in_two_parts() -> tuple[list[float], int]:
    """Train half of the tokens, drop everything but the checkpoint, and train the rest."""
    losses: list[float] = []
    for _ in range(2):
        run = Run(RECIPE, compiled=False)
        cut = run.progress.step
        half = replace(RECIPE, tokens=RECIPE.tokens // 2 if cut == 0 else RECIPE.tokens)
        while run.progress.fraction(half) < 1.0:
            losses.append(run.step())
        run.save()
    return losses, cut


def smoke(folder: Path) -> Smoke:
    """Run everything in an empty folder; the work folder is that one while it runs."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(folder)
    try:
        documents = prepare(folder)
        losses, cut = train_in_two_parts()
        return probe(folder, documents, losses, cut)
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def probe(folder: Path, documents: list[Document], losses: list[float], cut: int) -> Smoke:
    """Export the model, open it with the engine, and compare both sides."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    path = folder / "smoke.gguf"
    export(load_model("base"), tokenizer, Card("smoke", "A toy.", tokens=RECIPE.tokens or 0), path)
    with open_model(path) as model:
        session = Session(model, options=SessionOptions(n_ctx=256, threads=1))
        bos = model.vocabulary.bos
        assert bos is not None
        texts = [[bos, *tokenizer.encode(d.text).ids][: SHAPE.context] for d in documents[:8]]
        logits = session.logits([bos]).astype(np.float64)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        compared = compare_logits(through_f16(load_model("base")), session, texts, bos)
    return Smoke(
        documents=len(documents),
        held_out=sum(d.held_out for d in documents),
        first_loss=losses[0],
        last_loss=float(np.mean(losses[-4:])),
        steps_before_cut=cut,
        steps=len(losses),
        largest_difference=compared["largest_difference"],
        cold_start_entropy_bits=float(-(shares * np.log2(shares)).sum()),
    )


def main() -> None:
    """Run the recipe in a temporary folder and print what it showed."""
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(smoke(Path(folder)))


if __name__ == "__main__":
    main()
