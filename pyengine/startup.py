"""What a command does before anything heavy is imported: signals, and streams that are closed.

Imports only what Python has loaded anyway, since a signal may arrive at any moment.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # as typing has it, which takes its time to import
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

INTERRUPTED = 130
_STREAMS = (
    (0, "stdin", "r", os.O_WRONLY),
    (1, "stdout", "w", os.O_RDONLY),
    (2, "stderr", "w", os.O_WRONLY),
)


class _Signals:
    """Whether a signal has asked this process to end, and whether that needs cleaning up."""

    arrived = False
    raises = False
    wait = False


def started_as_command(argv: Sequence[str], orig_argv: Sequence[str]) -> bool:
    """Return whether these are the arguments of `pyengine` or `python -m pyengine`."""
    if not argv:
        return False
    # "-m" stands in for a module's path while the package that the module is in is imported.
    is_module = argv[0] == "-m"
    name = orig_argv[len(orig_argv) - len(argv)] if is_module else os.path.basename(argv[0])  # noqa: PTH119
    return name == "pyengine"


def prepare_command() -> None:
    """Take over SIGINT and SIGTERM, and open what was closed of stdin, stdout and stderr.

    NumPy shall start no threads: nothing here multiplies large matrices, and they spin at first.
    """
    _end_at_signals()
    _open_closed_streams()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def raise_at_signals() -> None:
    """From now on a signal raises KeyboardInterrupt, so that children end and halves go."""
    _Signals.raises = True
    sys.unraisablehook = _again


def _again(unraisable: sys.UnraisableHookArgs) -> None:
    """Raise once more what a destructor or a callback in C could not pass on."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    else:
        sys.__unraisablehook__(unraisable)


def leave_at_signals() -> None:
    """From now on a signal ends the process at once: there is nothing left to clean up."""
    _Signals.raises = False


class FinishingFirst:
    """A block that the first signal lets end, such as the writing of a line; a second one does not.

    Only of a command: where Python's own handler is in place, it raises as always.
    """

    def __enter__(self) -> None:
        _Signals.wait = True

    def __exit__(self, *_: object) -> None:
        _Signals.wait = False
        if _Signals.arrived and _Signals.raises:
            raise KeyboardInterrupt


def signal_arrived() -> bool:
    """Return whether a signal has asked this command to end; libraries may hide its exception."""
    return _Signals.arrived


def _end_at_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell starts background jobs, and nohup its program, with a signal ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    first = not _Signals.arrived
    _Signals.arrived = True
    if first and _Signals.wait:
        return
    if _Signals.raises:
        raise KeyboardInterrupt
    if first:
        try:  # noqa: SIM105  # contextlib may not be imported yet
            os.write(2, b"pyengine: interrupted\n")
        except OSError:
            pass
    os._exit(INTERRUPTED)


def _open_closed_streams() -> None:
    """Fill the numbers 0, 1 and 2, which files that are opened later would take otherwise.

    stdin and stdout are filled the wrong way round, so that whoever uses them gets an error;
    what goes to a closed stderr is lost.
    """
    for number, name, mode, flags in _STREAMS:
        if _fill(number, flags):
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _fill(number: int, flags: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, flags)  # takes the lowest number that is free
        return True
    return False
