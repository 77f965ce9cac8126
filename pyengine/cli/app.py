"""The `pyengine` command: its sub-commands, and how errors become exit codes."""

import errno
import io
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pyengine import __version__
from pyengine.asked import asked
from pyengine.engine.library import open_llama_cpp
from pyengine.errors import InputError, PyengineError
from pyengine.reports.pieces import safe

# Command name -> module; each module has a function `command`. Modules are imported when used,
# so that `pyengine --version` does not pay for plotting or parsers.
COMMANDS: dict[str, str] = {
    "probe": "pyengine.cli.probe",
    "vocab": "pyengine.cli.vocab",
    "tokenize": "pyengine.cli.tokenize",
    "compare": "pyengine.cli.compare",
    "quantize": "pyengine.cli.quantize",
    "sweep": "pyengine.cli.sweep",
    "recommend": "pyengine.cli.recommend",
    "report": "pyengine.cli.report",
    "models": "pyengine.cli.models",
    "doctor": "pyengine.cli.doctor",
    "evaluate": "pyengine.cli.evaluate",
}

FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Options that say where and how a result goes, with what means it is made or how fast that is,
# and change none of its numbers.
SILENT_FLAGS = frozenset({"--json", "--markdown", "--resume", "--speed", "--no-speed"})
SILENT_OPTIONS = frozenset(
    {
        *("--html", "--output-dir", "--save-logits", "--workers", "--dask"),
        *("--repeats", "--speed-threads"),
    }
)

INTERNAL = 3
INTERRUPTED = 130
EXIT_CODES = (
    "Exit codes: 0 good, 1 a threshold asked for was not met, 2 bad input or usage, "
    "3 internal error or broken installation, 130 interrupted or terminated."
)


class LazyGroup(TyperGroup):
    """Imports a sub-command when it is used."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002
        """Return the names of the sub-commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """Import a sub-command's module and make its command object."""
        if cmd_name not in COMMANDS:
            return None
        function = import_module(COMMANDS[cmd_name]).command
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name=cmd_name)(function)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    epilog=EXIT_CODES,
)


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"pyengine {__version__}\n")
        raise typer.Exit


@app.callback()
def pyengine(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print version."),
    ] = False,
) -> None:
    """Measure how local language models in GGUF files see programming languages."""
    _ = version


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows ? instead of failing
    # Being terminated is as orderly as Ctrl-C: children end, half-written files go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # An orderly exit may still end by SIGINT where Python has noted an interrupt of its own.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit code. Errors are one sentence on stderr."""
    for argument in arguments:
        if not _is_unicode(argument):
            _complain(f"argument {argument!r} is not UTF-8; give the file another name")
            return InputError.exit_code
    before = asked.set(what_was_asked(arguments))
    try:
        return _run(arguments)
    finally:
        asked.reset(before)


def _run(arguments: list[str]) -> int:
    try:
        open_llama_cpp()
        code = typer.main.get_command(app)(
            args=arguments or ["--help"], prog_name="pyengine", standalone_mode=False
        )
        sys.stdout.flush()
    except typer.TyperException as error:
        _complain(error.format_message())
        return 2
    except PyengineError as error:
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return _without_reader()
    except SystemExit as end:  # typer's own answer to a broken pipe, with the code of a threshold
        if isinstance(end.__context__, BrokenPipeError):
            return _without_reader()
        raise
    except ImportError as error:
        _complain(f"this installation is broken: {error}")
        return INTERNAL
    except MemoryError:
        _complain("out of memory; use a smaller model, context or batch")
        return INTERNAL
    except OSError as error:
        _complain(_about(error))
        return InputError.exit_code
    except Exception:  # noqa: BLE001  # a defect, whose traceback is the report
        traceback.print_exc()
        _complain("internal error; please report it with the lines above")
        return INTERNAL
    if code == INTERRUPTED:  # typer swallows Ctrl-C and returns its code
        _complain("interrupted")
    return code if isinstance(code, int) else 0


def what_was_asked(arguments: list[str]) -> tuple[str, ...]:
    """Return the words that decide the numbers of a result."""
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        option, _, value = word.partition("=")
        if option in SILENT_OPTIONS and not value:
            next(rest, None)
        elif option not in SILENT_FLAGS | SILENT_OPTIONS:
            words.append(word)
    return tuple(words)


def _is_unicode(argument: str) -> bool:
    """Return whether the bytes of an argument were UTF-8: records and reports are."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _about(error: OSError) -> str:
    """Say in words what the system refused."""
    reason = error.strerror or str(error)
    if error.filename:
        return f"{error.filename}: {reason}"
    if error.errno not in FULL_DISK:
        return reason
    _drop_output()  # files have names, so it is stdout that went there
    return f"the output cannot be written: {reason}"


def _without_reader() -> int:
    """Drop what is left: the reader of our output went away (| head), which is no error."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Let what stdout still holds vanish; Python would complain of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    """Write one line to stderr; what a file or a server wrote into it cannot steer the terminal."""
    sys.stderr.write(f"pyengine: {safe(' '.join(message.split()))}\n")
