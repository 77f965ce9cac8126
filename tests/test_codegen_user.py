"""The attacks again, by an ordinary user: the sandbox then rests on a namespace of users."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from codegen_samples import LIMITS, NO_LIMIT, peak_bytes
from conftest import PROJECT
from test_codegen_memory import FILES, PROCESSES, TOLERANCE

from pyengine.code.cgroup import memory_group
from pyengine.code.sandbox import Isolation

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can become another user"
)
AS_USER = Path(__file__).parent / "as_user.py"
SELECTED = (
    "past_the_limits or nothing_of_ours or processes_than_it_may or killing_the_parent"
    " or filling_the_disk or fork_bomb or honest"
)
# Says that it is ready, waits, and runs a job as the user does.
MEASURED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from pyengine.code.sandbox import Isolation, Job, Limits, Sandbox, Step, interpreter, works
from pyengine.code.watch import watch
if reason := works(Isolation({isolation!r})):
    sys.exit(reason)
print("ready", flush=True)
sys.stdin.readline()
step = Step("run", [interpreter(), "-I", "-S", "main.py"])
job = Job({{"main.py": {program!r}}}, [step], {limits!r})
with Sandbox(Isolation({isolation!r})).start(job) as process:
    watch([process])
    print(process.began)
"""


def as_user(*command: str) -> list[str]:
    folders = [sys.base_prefix, sys.prefix, str(PROJECT)]
    return [sys.executable, str(AS_USER), *folders, "--", sys.executable, *command]


@pytest.fixture
def open_folder() -> Iterator[str]:
    """A folder of the user's own: pytest's are root's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield folder


def test_no_attack_succeeds_as_an_ordinary_user(open_folder: str) -> None:
    files = [
        str(Path(__file__).parent / f"test_codegen_{name}.py")
        for name in ("escapes", "cheating", "sandbox", "memory")
    ]
    options = ["-B", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-k", SELECTED]
    argv = as_user(*options, f"--basetemp={open_folder}/user", *files)
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=300, check=False, cwd=PROJECT
    )
    if "Operation not permitted: unshare" in done.stderr:
        pytest.skip("this root may not mount, so that the user cannot see the interpreter")
    said = done.stdout[-3000:] + done.stderr[-1000:]
    assert done.returncode == 0, said
    counts = re.search(r"(\d+) passed", done.stdout)
    if counts is None or int(counts[1]) == 0:
        pytest.skip(f"no sandbox works for an ordinary user: {said[-500:]}")
    for isolation in Isolation:
        if f"{isolation.value} does not work here" in done.stdout:
            pytest.skip(f"only in part: {said[-500:]}")


@pytest.mark.parametrize("isolation", [Isolation.BUBBLEWRAP, Isolation.NAMESPACES])
@pytest.mark.parametrize("way", ["pages", "sockets", "files"])
def test_memory_stays_within_the_limit_as_an_ordinary_user(isolation: Isolation, way: str) -> None:
    group = memory_group(NO_LIMIT)
    if group is None:
        pytest.skip("this machine gives no cgroup to measure with")
    bound = LIMITS.memory_bytes + (LIMITS.disk_bytes if way in FILES else 0)
    program = {**PROCESSES, **FILES}[way]
    script = MEASURED.format(
        tests=str(Path(__file__).parent),
        isolation=isolation.value,
        program=program,
        limits=LIMITS,
    )
    try:
        with subprocess.Popen(
            group.entering(as_user("-B", "-c", script)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            if child.stdout.readline() != "ready\n":
                pytest.skip(f"not for an ordinary user: {child.communicate()[1].strip()[-300:]}")
            before = group.used_bytes()
            said, errors = child.communicate("go\n", timeout=60)
            peak = peak_bytes(group) - before
    finally:
        group.close()
    assert said == "True\n", errors
    assert peak <= TOLERANCE * bound
