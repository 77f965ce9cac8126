"""A record of an importance matrix that the tests of reports share."""

from typing import Any

from run_samples import info, made_run

from pyengine.run import Exhibit, Note, Run


def sample_imatrix(*, reused: bool = False, merged: int = 0) -> Run:
    """A matrix of a mixture of experts with two layers, over two languages."""
    covered, left = _weights()
    file = {
        "path": "tiny-imatrix.gguf",
        "sha256": "d" * 64,
        "file_bytes": 12_345,
        "n_contexts": 40,
        "n_ctx": 500,
        "process_output": False,
        "reused": reused,
        "merged": [{"path": f"{i}.gguf", "sha256": "e" * 64, "entries": 4} for i in range(merged)],
    }
    contents: dict[str, dict[str, Any]] = {
        "imatrix": file,
        "covered": {"weights": covered},
        "not-covered": {"weights": left},
    }
    experts = {"n": 8, "never": 2, "seldom": 1, "fewest": 100}
    return made_run(
        [info("tiny", 1.0)],
        [],
        command="imatrix",
        exhibits=[
            Exhibit(kind=kind, model="tiny", content=told) for kind, told in contents.items()
        ],
        notes=[
            Note(code="tied-embedding", model="tiny", values={"name": "token_embd.weight"}),
            Note(code="seldom-experts", model="tiny", values=experts),
        ],
    )


def _weights() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    covered = [
        _covered("blk.0.attn_q.weight", 20_000),
        _covered("blk.0.ffn_up_exps.weight", 20_000, 19_000, 950, 50),
        _covered("blk.1.attn_q.weight", 20_000),
        _covered("blk.1.ffn_up_exps.weight", 25_000, 15_000, 0, 0),
    ]
    left = [
        {"name": "token_embd.weight", "shape": [64, 384], "reason": "tied"},
        {"name": "blk.0.ssm_conv1d.weight", "shape": [4, 64], "reason": "unused"},
        {"name": "blk.1.ssm_conv1d.weight", "shape": [4, 64], "reason": "unused"},
    ]
    return covered, left


def _covered(name: str, *counts: int) -> dict[str, Any]:
    seldom = sum(0 < count < 100 for count in counts)
    told = {"never": counts.count(0), "seldom": seldom}
    return {"name": name, "columns": 64, "counts": list(counts), **told}
