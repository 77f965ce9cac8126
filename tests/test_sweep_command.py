"""Bad usage of `pyengine sweep` is one sentence."""

from pathlib import Path

import pytest
from sweep_samples import SmallSweep

from pyengine.commands.app import run
from pyengine.measure import executors


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--tokens", "0"], "tokens"),
        (["--stride", "64", "--context", "64"], "stride"),
        (["--margin", "-1"], "margin"),
        (["--variants", "/nowhere"], "--to and --variants"),
        (["--corpus", "/nowhere"], "/nowhere"),
        (["--json", "--markdown"], "exclude each other"),
        (["--dask", "tcp://127.0.0.1:9"], "127.0.0.1:9"),
    ],
)
def test_bad_usage_is_one_sentence(
    sweep: SmallSweep,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    complaint: str,
) -> None:
    if "--dask" in extra:
        pytest.importorskip("distributed", reason="the dask extra is not installed")
        monkeypatch.setattr(executors, "CONNECT_SECONDS", 1)
    assert run([*sweep.command(tmp_path / "sweep"), *extra]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_sweep_needs_a_variant(
    sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sweep.command_on(sweep.source, tmp_path)) == 2
    assert "no variant that differs" in capsys.readouterr().err


def test_variants_may_be_references(
    sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(sweep.command_on(Path("embedded:nothing"), tmp_path)) == 2
    assert "embedded:nothing: no such embedded model" in capsys.readouterr().err


def test_a_quantized_source_names_the_way_out(
    sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["quantize", str(sweep.source), "--to", "Q8_0", "--output-dir", str(tmp_path)]) == 0
    (source,) = tmp_path.glob("*.gguf")
    again = ["sweep", str(source), "--to", "Q4_0", "--output-dir", str(tmp_path / "s")]
    assert run(again) == 2
    assert "or --requantize" in capsys.readouterr().err
    words = ["--requantize", "--no-speed", "--tokens", "200", "--corpus", str(sweep.corpus)]
    assert run([*again, *words]) == 0
