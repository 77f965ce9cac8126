"""The recipe of the shipped models, end to end on a toy corpus. Needs what training/ needs."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: see training/README.md")
pytest.importorskip("tokenizers", reason="tokenizers is not installed: see training/README.md")


@pytest.mark.slow
def test_recipe_runs_end_to_end_and_survives_a_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))
    from training.smoke import smoke

    torch.set_num_threads(1)
    found = smoke(tmp_path)
    assert found.documents > 50
    assert 0 < found.steps_before_cut < found.steps
    assert found.last_loss < found.first_loss - 0.5
    assert found.largest_difference < 0.02
    assert 1.0 < found.cold_start_entropy_bits < 9.6
