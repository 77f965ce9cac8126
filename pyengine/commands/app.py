"""The `pyengine` command: its sub-commands, and how errors become exit codes."""

import errno
import io
import json
import os
import re
import resource
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from pyengine import __version__
from pyengine.asked import asked
from pyengine.commands.completion import answering_shell
from pyengine.errors import EngineError, InputError, PyengineError
from pyengine.plain_text import safe
from pyengine.startup import (
    INTERRUPTED,
    leave_at_signals,
    prepare_command,
    raise_at_signals,
    signal_arrived,
)

# Each is a module here with a function `command`. Modules are imported when used, so that
# `pyengine --version` does not pay for plotting or parsers.
COMMANDS = (
    *("probe", "vocab", "tokenize", "score", "lm-eval", "compare", "imatrix", "sensitivity"),
    *("quantize", "verify", "sweep", "pick", "recommend", "report", "models", "doctor"),
    *("evaluate", "paper"),
)

# What the system says of a stdout that takes no more: a full disk, or none behind it.
NO_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
# Options that say where and how a result goes, with what means it is made or how fast that is,
# and change none of its numbers.
SILENT_FLAGS = frozenset({"--json", "--markdown", "--resume", "--speed", "--no-speed"})
SILENT_OPTIONS = frozenset(
    {
        *(
            "--html",
            "-o",
            "--output",
            "--output-dir",
            "--save-logits",
            "--workers",
            "--dask",
            "--memory-cap",
        ),
        *("--repeats", "--speed-threads", "--modelfile", "--keep", "--max-disk"),
        *("--junit", "--badge"),
    }
)

# Commands that read saved results alone, and run where the compiled core cannot be loaded.
WITHOUT_CORE = frozenset({"report", "recommend"})
# By this variable a shell asks for completions.
COMPLETE = "_PYENGINE_COMPLETE"
EXAMPLES = Path(__file__).with_name("examples.json")
# What a type is called in help texts, by the name that typer gives it.
TYPES = {
    **{"int": "N", "int range": "N", "float": "X", "float range": "X"},
    **{"str": "TEXT", "path": "PATH", "Path": "PATH"},
}
HELP = {"help_option_names": ["-h", "--help"]}
LEAST_ADDRESSES = 448 << 20
INTERNAL = 3
EXIT_CODES = (
    "Exit codes: 0 good, 1 a threshold asked for was not met, 2 bad input or usage, "
    "3 internal error or broken installation, 130 interrupted or terminated."
)


class LazyGroup(TyperGroup):
    """Imports a sub-command when it is used."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002
        """Return the names of the sub-commands, in the order of the table."""
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Find the sub-command that is to run, and open the core that it needs to run.

        Raises ImportError where llama-cpp-python is not the one compiled against.
        """
        found = super().resolve_command(ctx, args)
        if found[0] not in WITHOUT_CORE and not ctx.resilient_parsing:
            import_core()
        return found

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """Import a sub-command's module and make its command object."""
        if cmd_name not in COMMANDS:
            return None
        _check_address_space()
        module = import_module(f"pyengine.commands.{cmd_name.replace('-', '_')}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        settings = getattr(module, "SETTINGS", HELP)
        epilog = _examples(cmd_name)
        single.command(name=cmd_name, context_settings=settings, epilog=epilog)(module.command)
        command: Any = typer.main.get_command(single)
        for param in command.params:
            param.display_type = partial(_type_words, param, param.display_type)
        return command


def _type_words(param: Any, usual: Callable[..., str], ctx: Any) -> str:  # noqa: ANN401
    """Return what help shows of a value's type: N for `<int range>`, nothing of an argument."""
    if param.param_type_name == "argument":
        return ""
    python = usual(ctx).strip("<>")
    return TYPES.get(python.removeprefix("list[").removesuffix("]"), python)


def _examples(name: str) -> str:
    """Return what stands below a command's help: lines to type, and what each gives."""
    lines = json.loads(EXAMPLES.read_text(encoding="utf-8"))[name]
    told = "".join(f"\n  {line}\n      {gives}" for line, gives in lines)
    return f"\b\nExamples:{told}"  # behind a backspace typer keeps the lines as they are


def import_core() -> None:
    """Load the compiled core; what that imports, `report` does without."""
    from pyengine.models.library import load_core

    load_core()


def _check_address_space() -> None:
    """Raise EngineError where the libraries that commands import would never end for want of room.

    NumPy's OpenBLAS reserves memory as it loads, and ends the process or tries for ever where
    there is none.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return
    if most < LEAST_ADDRESSES:
        raise EngineError(
            f"the address space is limited to {most >> 20} MiB, and {LEAST_ADDRESSES >> 20} MiB "
            "are needed to start; raise the limit (ulimit -v)"
        )


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    epilog=EXIT_CODES,
    context_settings=HELP,
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
    prepare_command()  # where another program imported pyengine first
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows ? instead of failing
    raise_at_signals()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # a second one, while the first was being answered
        code = INTERRUPTED
    leave_at_signals()
    code = _flushed(code)
    if code == INTERRUPTED:
        # An orderly exit may still end by SIGINT where Python has noted an interrupt of its own.
        os._exit(code)
    sys.exit(code)


def _flushed(code: int) -> int:
    """Write what the streams still hold; the exit code says where that failed."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _complain(_about(error))
        code = code or InputError.exit_code
    try:
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)
    return code


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit code. Errors are one sentence on stderr."""
    for argument in arguments:
        if not _is_unicode(argument):
            _complain(f"argument {argument!r} is not UTF-8; give the file another name")
            return InputError.exit_code
        # Only a text may be empty; a path would be the current folder.
        if arguments[0] != "tokenize" and re.fullmatch(r"(--[\w-]+=)?", argument):
            _complain(f"{argument or 'an argument'} is empty; name something, or leave it out")
            return InputError.exit_code
    if COMPLETE in os.environ:
        with answering_shell():
            return _run(arguments)
    before = asked.set(what_was_asked(arguments))
    try:
        return _run(arguments)
    finally:
        asked.reset(before)


def _run(arguments: list[str]) -> int:
    try:
        code = typer.main.get_command(app)(
            args=arguments or ["--help"], prog_name="pyengine", standalone_mode=False
        )
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001  # each becomes a sentence and a code
        if signal_arrived():  # an import that a signal ended says that the module is damaged
            return _interrupted()
        return _answer(error)
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit as end:  # typer's own answer to a broken pipe, with the code of a threshold
        if isinstance(end.__context__, BrokenPipeError):
            return _without_reader()
        raise
    if code == INTERRUPTED:  # typer swallows Ctrl-C and returns its code
        return _interrupted()
    return code if isinstance(code, int) else 0


def _interrupted() -> int:
    _complain("interrupted")
    return INTERRUPTED


def _answer(error: Exception) -> int:
    """Say what went wrong in one sentence; return the exit code."""
    if isinstance(error, typer.Abort):
        return _interrupted()
    if isinstance(error, typer.TyperException):
        _complain(error.format_message())
        return InputError.exit_code
    if isinstance(error, PyengineError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return _without_reader()
    if isinstance(error, ImportError):
        return _failed_import(error)
    if isinstance(error, MemoryError):
        _complain("out of memory; use a smaller model, context or batch")
        return INTERNAL
    if isinstance(error, OSError):
        _complain(_about(error))
        return InputError.exit_code
    with suppress(OSError):  # a defect, whose traceback is the report
        traceback.print_exception(error)
    _complain("internal error; please report it with the lines above")
    return INTERNAL


def _failed_import(error: ImportError) -> int:
    """Tell a module that the system had no room for from one that is not there."""
    text = str(error)
    for short in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        if os.strerror(short) in text or "failed to map segment" in text:
            _complain(f"the system gives too little to start with: {text}")
            return INTERNAL
    _complain(f"this installation is broken: {text}")
    return INTERNAL


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
    if error.errno not in NO_OUTPUT:
        return reason
    _drop(sys.stdout)  # files have names, so it is stdout that went there
    return f"the output cannot be written: {reason}"


def _without_reader() -> int:
    """Drop what is left: the reader of our output went away (| head), which is no error."""
    _drop(sys.stdout)
    return 0


def _drop(stream: TextIO) -> None:
    """Let what a stream still holds vanish; Python would complain of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(message: str) -> None:
    """Write one line to stderr; what a file or a server wrote into it cannot steer the terminal."""
    try:
        sys.stderr.write(f"pyengine: {safe(' '.join(message.split()))}\n")
        sys.stderr.flush()
    except OSError:  # nobody can be told, and the exit code stays
        _drop(sys.stderr)
