"""The kernels for ARM, compiled by a cross compiler and run by an emulator where both are here."""

import shutil
import subprocess
from pathlib import Path

import pytest

CSRC = Path(__file__).parent.parent / "csrc"
COMPILER = shutil.which("aarch64-linux-gnu-g++")
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")


@pytest.mark.skipif(COMPILER is None, reason="no g++-aarch64-linux-gnu here")
@pytest.mark.skipif(EMULATOR is None, reason="no qemu-user here")
def test_the_numbers_are_those_of_the_portable_kernels(tmp_path: Path) -> None:
    assert COMPILER is not None
    assert EMULATOR is not None
    program = tmp_path / "program"
    sources = [CSRC / "rows" / f"kernels{name}.cpp" for name in ("", "_portable", "_neon")]
    sources.append(Path(__file__).with_name("kernels_of_this_processor.cpp"))
    flags = ["-std=c++17", "-O3", "-ffp-contract=fast", "-static", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([COMPILER, *flags, f"-I{CSRC}", *sources, "-o", program], check=True)
    ended = subprocess.run([EMULATOR, program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.startswith("portable neon ")
    assert ended.stdout.endswith(" compared, 0 wrong\n")
