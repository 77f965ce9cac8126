"""Train the byte-level BPE tokenizer that all members of the family share.

    python -m training.tokenizer

The pre-tokenizer is GPT-2's, which llama.cpp calls "gpt-2": it keeps a line end and the
indentation after it in one piece, so that indented code stays short. Token ids 0 to 4 are BOS,
EOS and the three of fill-in-the-middle.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from training.documents import read_documents
from training.places import work_folder

VOCABULARY = 6144
BOS, EOS = "<|bos|>", "<|eos|>"
FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"
SPECIAL = (BOS, EOS, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE)
PRE_TOKENIZER = "gpt-2"
SAMPLE_BYTES_PER_LANGUAGE = 1_500_000


def train_tokenizer(texts: Iterable[str], *, vocabulary: int = VOCABULARY) -> Tokenizer:
    """Return a byte-level BPE tokenizer of the given size, special tokens included."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=ByteLevel.alphabet(),
        max_token_length=32,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def special_id(tokenizer: Tokenizer, token: str) -> int:
    """Return the id of a special token; raises KeyError where the tokenizer has none."""
    number: int | None = tokenizer.token_to_id(token)
    if number is None:
        raise KeyError(f"the tokenizer has no token {token}")
    return number


def sample(folder: Path) -> list[str]:
    """Return training texts, the same number of bytes of every language where there are as many."""
    taken: dict[str, int] = {}
    texts = []
    for item in read_documents(folder / "documents.jsonl"):
        size = taken.get(item.language, 0)
        if not item.held_out and size < SAMPLE_BYTES_PER_LANGUAGE:
            taken[item.language] = size + len(item.text)
            texts.append(item.text)
    return texts


def main() -> None:
    """Train the tokenizer on the corpus of the work folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY)
    options = parser.parse_args()
    folder = work_folder()
    tokenizer = train_tokenizer(sample(folder), vocabulary=options.vocabulary)
    tokenizer.save(str(folder / "tokenizer.json"))
    print(f"{tokenizer.get_vocab_size()} tokens in {folder / 'tokenizer.json'}")


if __name__ == "__main__":
    main()
