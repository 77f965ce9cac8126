"""Train one member of the family; the same command continues a run that was cut off.

    python -m training.train base

The learning rate follows a cosine over the fraction of the run that is done, where a run ends
after a number of minutes of training or of tokens, whichever comes first. Time is counted over
all the sessions of a run, so a slow or shared machine sees fewer tokens, not a broken schedule.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.data import SEED, Batches
from training.model import Llama, Shape, document_mask
from training.places import work_folder
from training.recipes import FAMILY, Recipe
from training.tokenizer import BOS, FIM_PREFIX, special_id

ROWS = 4
FINAL_SHARE = 0.02
EMBEDDING_RATE = 4.0
SAVE_SECONDS = 120.0
LONGEST_STEP = 20.0
LOG_STEPS = 100
DISTILLATION_WEIGHT = 0.75


@dataclass
class Progress:
    """What a run has done so far; it is part of every checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = 0.0

    def fraction(self, recipe: Recipe) -> float:
        """Return how much of the run is done, from 0 to 1."""
        by_time = self.seconds / (60 * recipe.minutes)
        by_tokens = self.tokens / recipe.tokens if recipe.tokens else 0.0
        return min(max(by_time, by_tokens), 1.0)


def learning_rate(recipe: Recipe, progress: Progress) -> float:
    """Return the rate: a short linear rise, then a cosine down to FINAL_SHARE of the peak."""
    rise = min((progress.tokens + 1) / recipe.warm_up, 1.0)
    cosine = 0.5 * (1 + math.cos(math.pi * progress.fraction(recipe)))
    return recipe.peak * rise * (FINAL_SHARE + (1 - FINAL_SHARE) * cosine)


def data_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats over the positions that have a target."""
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def teacher_loss(logits: Tensor, teacher: Tensor, targets: Tensor) -> Tensor:
    """Return the mean KL divergence from the teacher's distribution to the student's, in nats."""
    kept = (targets >= 0).flatten()
    student = functional.log_softmax(logits.float().flatten(0, 1), dim=-1)
    wanted = functional.log_softmax(teacher.float().flatten(0, 1), dim=-1)
    each = (wanted.exp() * (wanted - student)).sum(dim=-1)
    return (each * kept).sum() / kept.sum()


def checkpoint_path(name: str) -> Path:
    """Return where the checkpoint of a member lies, outside the repository."""
    return work_folder() / name / "checkpoint.pt"


def load_model(name: str) -> Llama:
    """Return a trained member from its checkpoint."""
    saved = torch.load(checkpoint_path(name), weights_only=True)
    model = Llama(Shape(**saved["shape"]))
    model.load_state_dict(saved["model"])
    return model


def optimizer_of(model: Llama) -> torch.optim.AdamW:
    """Return AdamW: weight decay on the layers' matrices, a higher rate for the input embedding.

    A row of the embedding learns only where its token occurs, which most do rarely.
    """
    vectors = [w for w in model.parameters() if w.dim() < 2]
    matrices = [w for w in model.parameters() if w.dim() == 2 and w is not model.embedding.weight]
    embedding_rate = 1.0 if model.shape.tied else EMBEDDING_RATE
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": 0.1, "share": 1.0},
        {"params": vectors, "weight_decay": 0.0, "share": 1.0},
        {"params": [model.embedding.weight], "weight_decay": 0.0, "share": embedding_rate},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


class Run:
    """One member's training: the model, its optimizer, its data, and how far it got."""

    def __init__(self, recipe: Recipe, *, rows: int = ROWS, compiled: bool = True) -> None:
        torch.manual_seed(SEED)
        folder = work_folder()
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.recipe = recipe
        self.bos = special_id(tokenizer, BOS)
        self.batches = Batches(
            folder / recipe.data,
            rows=rows,
            context=recipe.shape.context,
            bos=self.bos,
            never=(special_id(tokenizer, FIM_PREFIX),),
        )
        self.model = load_model(recipe.start) if recipe.start else Llama(recipe.shape)
        self.teacher = load_model(recipe.teacher).eval() if recipe.teacher else None
        self.optimizer = optimizer_of(self.model)
        self.progress = Progress()
        self.resume()
        self._loss = torch.compile(self._loss_of, dynamic=False) if compiled else self._loss_of

    def resume(self) -> None:
        """Continue from the checkpoint, where there is one."""
        path = checkpoint_path(self.recipe.name)
        if path.exists():
            saved = torch.load(path, weights_only=True)
            self.model.load_state_dict(saved["model"])
            if "optimizer" in saved:
                self.optimizer.load_state_dict(saved["optimizer"])
            self.progress = Progress(**saved["progress"])

    def save(self) -> None:
        """Write the checkpoint through a temporary file."""
        path = checkpoint_path(self.recipe.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        state = {
            "shape": asdict(self.recipe.shape),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
        }
        torch.save(state, part)
        part.rename(path)

    def _loss_of(self, inputs: Tensor, targets: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model(inputs, mask)
            if self.teacher is not None:
                with torch.no_grad():
                    taught = self.teacher(inputs, mask)
        data = data_loss(logits, targets)
        if self.teacher is None:
            return data, data
        both = DISTILLATION_WEIGHT * teacher_loss(logits, taught, targets)
        return both + (1 - DISTILLATION_WEIGHT) * data, data

    def step(self) -> float:
        """Take one optimizer step and return its cross-entropy on the data in nats per token."""
        inputs, targets = self.batches.step(self.progress.step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * learning_rate(self.recipe, self.progress)
        total, data = self._loss(inputs, targets, document_mask(inputs, self.bos))
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.tokens += inputs.numel()
        return data.item()

    def until_done(self) -> None:
        """Train to the end of the recipe, saving every SAVE_SECONDS; one that is done is left."""
        if self.progress.fraction(self.recipe) >= 1.0:
            return
        saved = started = time.monotonic()
        while self.progress.fraction(self.recipe) < 1.0:
            loss = self.step()
            now = time.monotonic()
            # A run that was suspended meanwhile has not trained all that time.
            self.progress.seconds += min(now - started, LONGEST_STEP)
            started = now
            kept = self.progress.loss or loss
            self.progress.loss = 0.98 * kept + 0.02 * loss
            if self.progress.step % LOG_STEPS == 0:
                rate = learning_rate(self.recipe, self.progress)
                print(json.dumps({**asdict(self.progress), "rate": rate}), flush=True)
            if now - saved > SAVE_SECONDS:
                self.save()
                saved = now
        self.save()


def main() -> None:
    """Train one member."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("member", choices=sorted(FAMILY))
    parser.add_argument("--minutes", type=float, help="end the cosine after this much training")
    parser.add_argument("--tokens", type=int, help="end the cosine after this many tokens")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    given = {k: v for k, v in vars(options).items() if k in ("minutes", "tokens") and v is not None}
    recipe = replace(FAMILY[options.member], **given)
    Run(recipe).until_done()


if __name__ == "__main__":
    main()
