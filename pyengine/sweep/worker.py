"""The process that makes one measurement, and how it is started and listened to.

A measurement that crashes, or whose file makes llama.cpp abort, ends its own process only. The
result comes back over the process's stdout, so nothing is left behind when the sweep is killed.
"""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass

from pyengine.engine.quantize import file_sha256
from pyengine.errors import InputError, ModelFileError, PyengineError, WorkerError
from pyengine.sweep.speed import measure_speed
from pyengine.sweep.speed_record import SpeedRecord
from pyengine.sweep.tasks import (
    QualityTask,
    SpeedTask,
    Task,
    task_from_json,
    task_key,
    task_to_json,
)
from pyengine.sweep.token_numbers import write_arrays


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        record: the measurement as JSON; empty where it failed.
        arrays: the per-token numbers as an NPZ file's bytes; empty for speed.
        failure: why it failed; empty where it did not.
        bad_input: it failed because a file or an option cannot be used, so that it would fail
            again; False where the process was killed or crashed.
    """

    record: str = ""
    arrays: bytes = b""
    failure: str = ""
    bad_input: bool = False


class Runner:
    """Runs tasks in processes of their own, and can end all of them."""

    def __init__(self) -> None:
        self._children: set[subprocess.Popen[bytes]] = set()
        self._closed = threading.Event()

    def run(self, task: Task) -> Outcome:
        """Make one measurement in a new process and wait for it."""
        if self._closed.is_set():
            return Outcome(failure="interrupted")
        # Its own session keeps the terminal's Ctrl-C away; it ends when its input closes.
        with subprocess.Popen(
            [sys.executable, "-m", "pyengine.sweep.worker", task_to_json(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as child:
            self._children.add(child)
            if self._closed.is_set():
                child.kill()
            try:
                return _listen(child)
            finally:
                self._children.discard(child)
                child.kill()

    def close(self) -> None:
        """End the processes that run, and start no more."""
        self._closed.set()
        for child in tuple(self._children):
            child.kill()


def run_task(task: Task) -> Outcome:
    """Make one measurement in a process of its own; what a remote worker calls."""
    return Runner().run(task)


def _listen(child: "subprocess.Popen[bytes]") -> Outcome:
    assert child.stdout is not None
    assert child.stderr is not None
    complaints: list[bytes] = []
    errors = child.stderr
    listener = threading.Thread(target=lambda: complaints.append(errors.read()))
    listener.start()
    head = child.stdout.readline()
    arrays = child.stdout.read()
    status = child.wait()
    listener.join()
    if status == 0:
        return Outcome(record=head.decode().strip(), arrays=arrays)
    lines = b"".join(complaints).decode(errors="replace").strip().splitlines()
    if status > 0:
        reason = lines[-1] if lines else f"exit status {status}"
        return Outcome(failure=reason, bad_input=status == InputError.exit_code)
    name = signal.Signals(-status).name
    return Outcome(failure=f"the process died with {name}" + (f": {lines[0]}" if lines else ""))


def _main(task: Task) -> int:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        if task.check_files:
            _check_files(task)
        if isinstance(task, SpeedTask):
            _tell(_speed(task), b"")
        else:
            _tell(*_quality(task))
    except PyengineError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{task.variant}: {error}\n")
        return InputError.exit_code
    except MemoryError:
        sys.stderr.write(f"{task.variant}: out of memory\n")
        return WorkerError.exit_code
    return 0


def _tell(record: str, arrays: bytes) -> None:
    sys.stdout.buffer.write(record.encode() + b"\n" + arrays)
    sys.stdout.buffer.flush()


def _check_files(task: Task) -> None:
    wanted = {task.variant: task.variant_sha256}
    if isinstance(task, QualityTask):
        wanted[task.reference] = task.reference_sha256
    for path, sha256 in wanted.items():
        if file_sha256(path) != sha256:
            raise ModelFileError(f"{path}: is not the file that the sweep was started with")


def _quality(task: QualityTask) -> tuple[str, bytes]:
    # Imported here: the process that measures memory does without it.
    from pyengine.sweep.measurements import QualityRecord
    from pyengine.sweep.quality import measure_quality

    quality = measure_quality(task)
    arrays = write_arrays(quality.tokens)
    known = quality.tokens.n_bytes
    record = QualityRecord(
        key=task_key(task),
        variant_sha256=task.variant_sha256,
        reference_sha256=task.reference_sha256,
        n_tokens=len(quality.tokens.kl),
        n_documents=quality.n_documents,
        n_bytes=int(known.sum()) if bool((known >= 0).all()) else None,
        start_ids=list(quality.start_ids),
        prefix=list(quality.prefix),
        reference_keyword_mass=quality.keyword_mass[0],
        variant_keyword_mass=quality.keyword_mass[1],
        keyword_masses=dict(quality.keyword_masses),
        cold_top=list(quality.cold_top),
        devices=list(quality.devices),
        arrays_sha256=hashlib.sha256(arrays).hexdigest(),
        longest_context=quality.longest_context,
        n_ctx_train=quality.n_ctx_train,
    )
    return record.model_dump_json(), arrays


def _speed(task: SpeedTask) -> str:
    speed = measure_speed(task)
    return SpeedRecord(
        key=task_key(task),
        variant_sha256=task.variant_sha256,
        machine=task.machine,
        threads=task.threads,
        prompt_tokens=task.prompt_tokens,
        generated_tokens=task.generated_tokens,
        **asdict(speed),
    ).model_dump_json()


def _end_with_parent() -> None:
    """Wait for the end of the input, which comes when the parent is gone, and end."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    raise SystemExit(_main(task_from_json(sys.argv[1])))
