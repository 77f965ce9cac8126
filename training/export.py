"""Write a trained member as a GGUF file: F16 matrices, F32 norms, tokenizer and card.

python -m training.export base pyengine/data/models/base.gguf
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

from training.model import Llama, Shape, parameter_count
from training.places import work_folder
from training.tokenizer import BOS, EOS, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, PRE_TOKENIZER, SPECIAL

LICENCE = "mit"
DATASETS = [
    "source code under permissive licences from Debian and PyPI, see training/corpus_manifest.json"
]
OUTER_NAMES = {
    "embedding.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "head.weight": "output.weight",
}
LAYER_NAMES = {
    "attention_norm": "attn_norm",
    "attention.query": "attn_q",
    "attention.key": "attn_k",
    "attention.value": "attn_v",
    "attention.output": "attn_output",
    "feed_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


@dataclass(frozen=True)
class Card:
    """What the file says about its own training."""

    name: str
    description: str
    tokens: int
    loss: float | None = None


def tensor_name(name: str) -> str:
    """Return llama.cpp's name of a weight: blk.0.ffn_gate.weight for layers.0.gate.weight."""
    if name in OUTER_NAMES:
        return OUTER_NAMES[name]
    _, number, rest = name.split(".", 2)
    return f"blk.{number}.{LAYER_NAMES[rest.removesuffix('.weight')]}.weight"


def add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """Write the hyperparameters of the Llama architecture."""
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Write tokens, their types, the merges, and the ids with a meaning."""
    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=lambda token: ids[token])
    control, normal = int(gguf.TokenType.CONTROL), int(gguf.TokenType.NORMAL)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIAL else normal for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(ids[BOS])
    writer.add_eos_token_id(ids[EOS])
    writer.add_uint32(gguf.Keys.Tokenizer.FIM_PRE_ID, ids[FIM_PREFIX])
    writer.add_uint32(gguf.Keys.Tokenizer.FIM_SUF_ID, ids[FIM_SUFFIX])
    writer.add_uint32(gguf.Keys.Tokenizer.FIM_MID_ID, ids[FIM_MIDDLE])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def add_card(writer: gguf.GGUFWriter, card: Card) -> None:
    """Write the general fields and what is known of the training."""
    writer.add_name(f"pyengine {card.name}")
    writer.add_description(card.description)
    writer.add_license(LICENCE)
    writer.add_array("general.datasets", DATASETS)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_uint64("pyengine.training.tokens", card.tokens)
    if card.loss is not None:
        writer.add_float32("pyengine.training.held_out_loss", card.loss)


def export(
    model: Llama,
    tokenizer: Tokenizer,
    card: Card,
    path: Path,
    *,
    matrices: type[np.floating[Any]] = np.float16,
) -> None:
    """Write the GGUF file, through a temporary file beside it. Norms are always float32."""
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(part, "llama")
    add_card(writer, card)
    writer.add_size_label(f"{parameter_count(model) / 1e6:.1f}M")
    add_shape(writer, model.shape)
    add_tokenizer(writer, tokenizer)
    # Of a tied pair named_parameters gives the first alone, as llama.cpp expects it.
    for name, weight in model.named_parameters():
        kind = matrices if weight.dim() == 2 else np.float32
        writer.add_tensor(tensor_name(name), weight.detach().float().numpy().astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


DESCRIPTIONS = {
    "base": "Embedded default: source code in twelve languages.",
    "small": "The recipe of base at half of its parameters.",
    "distilled": "The shape of small, trained on the distributions of base.",
    "python": "base, fine-tuned on Python.",
}


def main() -> None:
    """Export one member from its checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("member", choices=sorted(DESCRIPTIONS))
    parser.add_argument("path", type=Path)
    options = parser.parse_args()
    folder = work_folder()
    saved = torch.load(folder / options.member / "checkpoint.pt", weights_only=True)
    model = Llama(Shape(**saved["shape"]))
    model.load_state_dict(saved["model"])
    measured = folder / options.member / "held_out.json"
    loss = json.loads(measured.read_text())["nats_per_token"] if measured.exists() else None
    card = Card(options.member, DESCRIPTIONS[options.member], saved["progress"]["tokens"], loss)
    export(model, Tokenizer.from_file(str(folder / "tokenizer.json")), card, options.path)
    print(
        f"{options.path}: {options.path.stat().st_size} bytes, {parameter_count(model)} parameters"
    )


if __name__ == "__main__":
    main()
