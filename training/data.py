"""Turn the corpus into files of uint16 tokens, and tokens into batches.

    python -m training.data

Writes train.bin (all languages) and python.bin (Python only) to the work folder. Documents
follow each other in an order shuffled once by the seed: BOS, the whole file, EOS. For one
document in eight, an excerpt of it follows as a fill-in-the-middle example: BOS, FIM_PREFIX,
prefix, FIM_SUFFIX, suffix, FIM_MIDDLE, middle, EOS.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.documents import Document, read_documents
from training.places import work_folder
from training.tokenizer import BOS, EOS, SPECIAL, special_id

SEED = 20261121
FIM_SHARE = 0.125
FIM_EXCERPT = 1200
IGNORED = -100


def fim_excerpt(text: str, rng: random.Random) -> tuple[str, str, str]:
    """Return prefix, middle and suffix of a random excerpt of at most FIM_EXCERPT characters."""
    start = text.rfind("\n", 0, rng.randrange(max(len(text) - FIM_EXCERPT, 1))) + 1
    excerpt = text[start : start + FIM_EXCERPT]
    first, second = sorted(rng.sample(range(len(excerpt) + 1), 2))
    return excerpt[:first], excerpt[first:second], excerpt[second:]


def fim_tokens(tokenizer: Tokenizer, text: str, rng: random.Random) -> list[int]:
    """Return one fill-in-the-middle example made from the text, in prefix-suffix-middle order."""
    prefix, middle, suffix = (tokenizer.encode(part).ids for part in fim_excerpt(text, rng))
    bos, eos, *marks = (special_id(tokenizer, token) for token in SPECIAL)
    return [bos, marks[0], *prefix, marks[1], *suffix, marks[2], *middle, eos]


def token_stream(
    tokenizer: Tokenizer, documents: Iterable[Document], seed: int
) -> Iterator[list[int]]:
    """Yield the tokens of every document in shuffled order, and of the excerpts between them."""
    rng = random.Random(seed)
    shuffled = sorted(documents, key=lambda d: d.sha256)
    rng.shuffle(shuffled)
    bos, eos = special_id(tokenizer, BOS), special_id(tokenizer, EOS)
    for start in range(0, len(shuffled), 256):
        group = shuffled[start : start + 256]
        for item, encoded in zip(
            group, tokenizer.encode_batch([d.text for d in group]), strict=True
        ):
            yield [bos, *encoded.ids, eos]
            if rng.random() < FIM_SHARE:
                yield fim_tokens(tokenizer, item.text, rng)


def write_tokens(path: Path, stream: Iterable[list[int]]) -> int:
    """Write tokens as little-endian uint16 through a temporary file, and return their number."""
    part = path.with_suffix(".part")
    count = 0
    with part.open("wb") as out:
        for tokens in stream:
            out.write(np.asarray(tokens, dtype="<u2").tobytes())
            count += len(tokens)
    part.rename(path)
    return count


class Batches:
    """Cut a token file into rows of context + 1 tokens; step n always returns the same rows."""

    def __init__(
        self, path: Path, *, rows: int, context: int, bos: int, never: tuple[int, ...]
    ) -> None:
        self._tokens: npt.NDArray[np.uint16] = np.memmap(path, dtype="<u2", mode="r")
        self._rows, self._context = rows, context
        self._bos, self._never = bos, never

    @property
    def steps_per_epoch(self) -> int:
        """Return how many steps see every token of the file once."""
        return (len(self._tokens) - self._context - 1) // (self._rows * self._context)

    def step(self, number: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets, (rows, context); a later epoch cuts the rows at other places.

        What follows the end of a document is not predictable and not a target; nor is FIM_PREFIX
        after BOS, so that the cold start is that of a file.
        """
        epoch, place = divmod(number, max(self.steps_per_epoch, 1))
        shift = (epoch * 131) % self._context
        offset = shift + place * self._rows * self._context
        block = self._tokens[offset : offset + self._rows * self._context + 1].astype(np.int64)
        tokens = torch.from_numpy(block)
        inputs, targets = tokens[:-1].clone(), tokens[1:].clone()
        for token in (self._bos, *self._never):
            targets[targets == token] = IGNORED
        size = (self._rows, self._context)
        return inputs.view(size), targets.view(size)


def main() -> None:
    """Tokenize the training documents of the work folder."""
    folder = work_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    documents = [d for d in read_documents(folder / "documents.jsonl") if not d.held_out]
    total = write_tokens(folder / "train.bin", token_stream(tokenizer, documents, SEED))
    only = [d for d in documents if d.language == "python"]
    python = write_tokens(folder / "python.bin", token_stream(tokenizer, only, SEED + 1))
    print(f"{total} tokens of {len(documents)} documents; {python} tokens of Python")


if __name__ == "__main__":
    main()
