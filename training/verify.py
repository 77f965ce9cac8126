"""Check the exported files against what they were made from, through pyengine's own engine.

    python -m training.verify base small distilled python

Adds "verification" to training/results.json: tokenizer ids and logits against the training side,
the cold start, greedy continuations, and what quantization does to base.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from pyengine.models.file_types import USUAL_TYPES
from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.session import Session
from training.documents import Document, read_documents
from training.evaluate import RESULTS
from training.export import Card, export
from training.model import Llama, document_mask
from training.places import work_folder
from training.tokenizer import BOS, EOS, special_id
from training.train import load_model

MODELS = Path(__file__).parent.parent / "pyengine" / "data" / "models"
# Without the space after the word: it belongs to the next token.
PROMPTS = ("def", "#include <", "public class", "package main")
GREEDY_TOKENS = 48
COLD_START_ROWS = 24
# One type of each size, from the smallest; Q2_K_S needs an importance matrix.
TYPES = [name for name in reversed(USUAL_TYPES) if name != "Q2_K_S"]
POSITIONS = 10_000
QUANTIZATION_POSITIONS = 4_000
F32_POSITIONS = 2_000
CLOSE = 0.02
Floats = npt.NDArray[np.float64]


def session_of(model: Model, threads: int) -> Session:
    """Return a session that decodes one context at a time.

    Without flash attention, which llama.cpp sums in another order than the training side.
    """
    options = SessionOptions(n_ctx=512, threads=threads, flash_attention="off")
    return Session(model, options=options)


def windows(tokenizer: Tokenizer, documents: list[Document], *, positions: int) -> list[list[int]]:
    """Return the first 512 tokens of held-out files, until there are enough positions."""
    bos, eos = special_id(tokenizer, BOS), special_id(tokenizer, EOS)
    found: list[list[int]] = []
    for item in sorted(documents, key=lambda d: d.sha256):
        if sum(map(len, found)) >= positions:
            break
        found.append([bos, *tokenizer.encode(item.text).ids, eos][:512])
    return found


def rows_of(session: Session, ids: list[int]) -> npt.NDArray[np.float32]:
    """Return the logits after every token."""
    return session.logits_at(ids, list(range(len(ids))))


@torch.no_grad()
def compare_logits(
    model: Llama, session: Session, texts: list[list[int]], bos: int
) -> dict[str, float]:
    """Return how far the logits of PyTorch and of our engine are apart."""
    largest, close, equal, count = 0.0, 0, 0, 0
    for ids in texts:
        inputs = torch.tensor(ids)[None]
        wanted = model(inputs, document_mask(inputs, bos))[0].numpy()
        found = rows_of(session, ids)
        apart = np.abs(wanted - found).max(axis=1)
        largest = max(largest, float(apart.max()))
        close += int((apart < CLOSE).sum())
        equal += int((wanted.argmax(axis=1) == found.argmax(axis=1)).sum())
        count += len(ids)
    return {
        "positions": count,
        "largest_difference": largest,
        "share_within_0.02": close / count,
        "equal_top_1": equal / count,
    }


def compare_f32(
    trained: Llama, tokenizer: Tokenizer, texts: list[list[int]], bos: int
) -> dict[str, float]:
    """Compare on a file of the same weights in F32, where only attention's products are F16."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f32.gguf"
        export(trained, tokenizer, Card("f32", "", tokens=0), path, matrices=np.float32)
        with open_model(path) as model:
            return compare_logits(with_f16_attention(trained), session_of(model, 1), texts, bos)


def through_f16(model: Llama) -> Llama:
    """Round the matrices to F16, as the file holds them."""
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.data = weight.data.half().float()
    return model.eval()


def half(x: Tensor) -> Tensor:
    """Round to F16 and go on in float32."""
    return x.half().float()


def with_f16_attention(model: Llama) -> Llama:
    """Return a copy that rounds the factors of attention's products to F16.

    llama.cpp keeps keys and values so, and rounds what they are multiplied with to the same type.
    """
    rounded = copy.deepcopy(model)
    for module in rounded.modules():
        if isinstance(module, nn.Identity):
            module.register_forward_hook(lambda _module, _inputs, output: half(output))
    return rounded


def in_f16(model: Llama) -> Llama:
    """Return a copy that computes with the roundings of an F16 file in llama.cpp.

    There the factors of every product with a matrix are F16: what comes in is rounded, too.
    """
    rounded = with_f16_attention(model)
    for module in rounded.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda _module, inputs: (half(inputs[0]),))
    return rounded


def differing_files(model: Model, tokenizer: Tokenizer, documents: list[Document]) -> int:
    """Return in how many held-out files our tokenizer's ids differ from the tokenizer library's."""
    vocabulary = model.vocabulary
    return sum(
        vocabulary.tokenize(d.text.encode()).tolist() != tokenizer.encode(d.text).ids
        for d in documents
    )


def log_softmax(rows: npt.NDArray[np.float32]) -> Floats:
    """Return log-probabilities in float64."""
    wide = rows.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))


def cold_start(model: Model, session: Session) -> dict[str, object]:
    """Return the entropy of the distribution after BOS alone, and its most probable pieces."""
    bos = model.vocabulary.bos
    assert bos is not None
    logs = log_softmax(session.logits([bos]))
    order = np.argsort(-logs)[:COLD_START_ROWS]
    pieces = [model.vocabulary.piece(int(i)).decode(errors="replace") for i in order]
    return {
        "entropy_bits": float(-(np.exp(logs) * logs).sum() / np.log(2)),
        "most_probable": [[p, float(np.exp(logs[i]))] for p, i in zip(pieces, order, strict=True)],
    }


def keywords(path: Path) -> dict[str, dict[str, float]]:
    """Return what `pyengine probe` finds of each language's keywords at the cold start."""
    command = [sys.executable, "-m", "pyengine", "probe", str(path), "--json"]
    answer = subprocess.run(command, check=True, capture_output=True)
    languages = json.loads(answer.stdout)["models"][0]["languages"]
    names = ("mass", "control_mass", "odds_ratio")
    return {found["title"]: {name: found[name] for name in names} for found in languages}


def greedy(model: Model, session: Session, prompt: str) -> str:
    """Return the most probable continuation of a prompt, with BOS before it."""
    vocabulary = model.vocabulary
    ids = vocabulary.tokenize(prompt, add_special=True).tolist()
    start = len(ids)
    for _ in range(GREEDY_TOKENS):
        token = int(session.logits(ids).argmax())
        if token == vocabulary.eos:
            break
        ids.append(token)
    return vocabulary.detokenize(ids[start:]).decode(errors="replace")


def divergence(reference: list[Floats], session: Session, texts: list[list[int]]) -> float:
    """Return the mean KL divergence, in nats, from the reference to the session's model."""
    total, count = 0.0, 0
    for ids, wanted in zip(texts, reference, strict=True):
        found = log_softmax(rows_of(session, ids))
        total += float((np.exp(wanted) * (wanted - found)).sum())
        count += len(ids)
    return total / count


def quantization(source: Path, texts: list[list[int]], threads: int) -> list[dict[str, object]]:
    """Return size, fallbacks and KL divergence to F16 of every type, the smallest type first."""
    with open_model(source) as model:
        session = session_of(model, threads)
        reference = [log_softmax(rows_of(session, ids)) for ids in texts]
    digest = file_sha256(source)
    records: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for plan in plan_quantization(source, TYPES):
            target = Path(folder) / f"{plan.file_type}.gguf"
            quantize_file(source, target, plan, source_sha256=digest)
            with open_model(target) as model:
                found = divergence(reference, session_of(model, threads), texts)
            records.append(
                {
                    "type": plan.file_type,
                    "bytes": plan.file_bytes,
                    "bits_per_weight": plan.bits_per_weight,
                    "fallbacks": len(plan.fallbacks),
                    "kl_nats": found,
                }
            )
    return records


def verify(
    name: str, tokenizer: Tokenizer, documents: list[Document], threads: int
) -> dict[str, object]:
    """Return what holds of one exported member."""
    texts = windows(tokenizer, documents, positions=POSITIONS)
    few = windows(tokenizer, documents, positions=F32_POSITIONS)
    trained = through_f16(load_model(name))
    bos = special_id(tokenizer, BOS)
    with open_model(MODELS / f"{name}.gguf") as model:
        session = session_of(model, threads)
        return {
            "sha256": file_sha256(MODELS / f"{name}.gguf"),
            "file_bytes": (MODELS / f"{name}.gguf").stat().st_size,
            "logits": compare_logits(in_f16(trained), session, texts, bos),
            "logits_of_float32": compare_logits(trained, session, texts, bos),
            "logits_f32": compare_f32(trained, tokenizer, few, bos),
            "files_tokenized_differently": differing_files(model, tokenizer, documents),
            "cold_start": cold_start(model, session),
            "keywords": keywords(MODELS / f"{name}.gguf"),
            "greedy": {prompt: greedy(model, session, prompt) for prompt in PROMPTS},
        }


def main() -> None:
    """Verify the members named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("members", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = work_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    documents = [d for d in read_documents(folder / "documents.jsonl") if d.held_out]
    record = json.loads(RESULTS.read_text())
    kept = record.setdefault("verification", {"members": {}})
    for name in options.members:
        kept["members"][name] = verify(name, tokenizer, documents, options.threads)
    if "base" in options.members:
        texts = windows(tokenizer, documents, positions=QUANTIZATION_POSITIONS)
        kept["quantization"] = quantization(MODELS / "base.gguf", texts, options.threads)
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["verification"], indent=1))


if __name__ == "__main__":
    main()
