"""Turn a shipped GGUF back into a checkpoint and a tokenizer, so that training can go on from it.

    python -m training.restore pyengine/data/models/base.gguf base

The optimizer's state is not in the file: a run that continues starts with fresh moments.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from training.export import tensor_name
from training.model import Llama, Shape
from training.places import work_folder
from training.tokenizer import SPECIAL
from training.train import Progress, checkpoint_path


def read_tokenizer(reader: gguf.GGUFReader) -> Tokenizer:
    """Return the tokenizer library's object for the vocabulary and merges of a file."""
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(pair.split(" ")) for pair in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return tokenizer


def read_shape(reader: gguf.GGUFReader) -> Shape:
    """Return the shape that the file's metadata states."""

    def value(key: str) -> int:
        return int(reader.fields[f"llama.{key}"].contents())

    return Shape(
        vocabulary=value("vocab_size"),
        layers=value("block_count"),
        width=value("embedding_length"),
        heads=value("attention.head_count"),
        hidden=value("feed_forward_length"),
        context=value("context_length"),
        tied=all(tensor.name != "output.weight" for tensor in reader.tensors),
    )


def read_model(reader: gguf.GGUFReader) -> Llama:
    """Return the model with the file's F16 weights as float32."""
    model = Llama(read_shape(reader))
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    state = {
        name: torch.from_numpy(np.array(tensors[tensor_name(name)], dtype=np.float32))
        for name, _ in model.named_parameters()
    }
    model.load_state_dict(state, strict=not model.shape.tied)
    return model


def main() -> None:
    """Write a checkpoint of weights, and the tokenizer, into the work folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("member")
    options = parser.parse_args()
    reader = gguf.GGUFReader(options.path)
    model = read_model(reader)
    tokens = int(reader.fields["pyengine.training.tokens"].contents())
    path = checkpoint_path(options.member)
    path.parent.mkdir(parents=True, exist_ok=True)
    read_tokenizer(reader).save(str(work_folder() / "tokenizer.json"))
    state = {
        "shape": asdict(model.shape),
        "model": model.state_dict(),
        "progress": asdict(Progress(tokens=tokens)),
    }
    torch.save(state, path)
    print(json.dumps(asdict(model.shape)))


if __name__ == "__main__":
    main()
