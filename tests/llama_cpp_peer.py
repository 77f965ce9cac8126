"""Run llama.cpp through llama_cpp's plain C bindings: the peer that our core is held against.

A script of its own, run in a subprocess, so that neither side can influence the other:

    python llama_cpp_peer.py pieces MODEL OUT.npz
    python llama_cpp_peer.py logits MODEL OUT.npz '{"sequences": [[1, 2]], "threads": 1, ...}'
"""

import ctypes
import json
import sys
from typing import Any

import llama_cpp
import numpy as np

Options = dict[str, Any]


def open_model(path: str, *, vocabulary_only: bool) -> Any:  # noqa: ANN401 - a C pointer
    llama_cpp.llama_log_set(SILENCE, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.use_extra_bufts = False
    params.n_gpu_layers = 0
    params.vocab_only = vocabulary_only
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    assert model, f"llama.cpp cannot open {path}"
    return model


def pieces(path: str) -> dict[str, np.ndarray]:
    model = open_model(path, vocabulary_only=True)
    vocab = llama_cpp.llama_model_get_vocab(model)
    n = llama_cpp.llama_vocab_n_tokens(vocab)
    buffer = ctypes.create_string_buffer(4096)
    found = []
    for token in range(n):
        length = llama_cpp.llama_token_to_piece(vocab, token, buffer, len(buffer), 0, True)
        assert length >= 0
        found.append(buffer.raw[:length])
    return {
        "data": np.frombuffer(b"".join(found), dtype=np.uint8),
        "offsets": np.cumsum([0, *map(len, found)]),
        "bos": np.array(llama_cpp.llama_vocab_bos(vocab)),
        "add_bos": np.array(llama_cpp.llama_vocab_get_add_bos(vocab)),
    }


def logits(path: str, options: Options) -> dict[str, np.ndarray]:
    """Decode each sequence in a fresh memory; return the logits after its last token."""
    model = open_model(path, vocabulary_only=False)
    vocab = llama_cpp.llama_model_get_vocab(model)
    n_vocab = llama_cpp.llama_vocab_n_tokens(vocab)
    params = llama_cpp.llama_context_default_params()
    for name in ("n_ctx", "n_batch", "n_ubatch", "n_seq_max"):
        setattr(params, name, options[name])
    params.n_outputs_max = max(int(options["n_seq_max"]), int(options["max_rows"]))
    params.n_threads = params.n_threads_batch = options["threads"]
    params.kv_unified = True
    context = llama_cpp.llama_init_from_model(model, params)
    assert context
    rows = []
    for tokens in options["sequences"]:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), False)
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        batch = llama_cpp.llama_batch_get_one(array, len(tokens))
        assert llama_cpp.llama_decode(context, batch) == 0
        pointer = llama_cpp.llama_get_logits_ith(context, -1)
        rows.append(np.ctypeslib.as_array(pointer, shape=(n_vocab,)).copy())
    return {"rows": np.stack(rows)}


SILENCE = llama_cpp.llama_log_callback(lambda *_: None)

if __name__ == "__main__":
    what, path, out = sys.argv[1:4]
    found = pieces(path) if what == "pieces" else logits(path, json.loads(sys.argv[4]))
    np.savez(out, **found)  # type: ignore[arg-type]
