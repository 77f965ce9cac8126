"""What models are called in tables and pictures."""

import pytest

from pyengine.report.pieces import file_name

HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize("stored", [HASH, f"sha256-{HASH}", f"{HASH}.gguf"])
def test_a_file_that_a_store_named_by_its_hash_goes_by_its_model(stored: str) -> None:
    assert file_name(f"/store/blobs/{stored}", "Qwen 0.5B") == "Qwen 0.5B"


@pytest.mark.parametrize("name", ["qwen.Q4_K_M.gguf", "sha256-short", f"{HASH}0", f"x-{HASH}.gguf"])
def test_any_other_file_goes_by_its_name(name: str) -> None:
    assert file_name(f"models/{name}", "Qwen 0.5B") == name
    assert file_name(name, "Qwen 0.5B") == name
