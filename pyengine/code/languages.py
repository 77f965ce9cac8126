"""How a program of each language is built and run."""

import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyengine.code.sandbox import SandboxError, Step, interpreter
from pyengine.files import temporary_folder
from pyengine.inputs import home_folder


@dataclass(frozen=True)
class Tool:
    """A program found on this machine, and the folder that it needs to see inside the sandbox."""

    path: str
    root: str


@dataclass(frozen=True)
class Language:
    """One language: its file, the commands as templates over the tools' paths, its hints.

    `build` and `run` name their program by the tool's key, e.g. `{gcc}`. `address_space` tells
    whether the runtime lives with a limit on reserved addresses; those that reserve far more than
    they use are held by resident memory instead.
    """

    name: str
    file: str
    tools: tuple[str, ...]
    run: tuple[str, ...]
    build: tuple[str, ...] = ()
    address_space: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    syntax_marks: tuple[str, ...] = ()

    def missing(self) -> tuple[str, ...]:
        """Return the tools that are not here."""
        return tuple(tool for tool in self.tools if find_tool(tool) is None)

    def roots(self) -> tuple[str, ...]:
        """Return the folders outside the system's that the sandbox must show."""
        found = [find_tool(tool) for tool in self.tools]
        return tuple(sorted({tool.root for tool in found if tool is not None and tool.root}))

    def steps(self) -> list[Step]:
        """Return the steps that build and run the file that lies in the working folder."""
        steps = [Step("build", self._filled(self.build), env=self.env)] if self.build else []
        limited = self.address_space
        if not limited or self.name in ("go", "rust"):
            steps = [Step(s.name, s.argv, env=s.env, limit_address_space=False) for s in steps]
        last = self._filled(self.run)
        return [*steps, Step("run", last, env=self.env, limit_address_space=limited)]

    def _filled(self, command: tuple[str, ...]) -> list[str]:
        paths = {tool: found.path for tool in self.tools if (found := find_tool(tool))}
        return [part.format(**paths) for part in command]


JAVA_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto")
JAVAC_FLAGS = tuple(f"-J{flag}" for flag in JAVA_FLAGS)

LANGUAGES: Mapping[str, Language] = {
    language.name: language
    for language in (
        Language("python", "main.py", (), (interpreter(), "-I", "-S", "-u", "main.py")),
        Language(
            "javascript",
            "main.js",
            ("node",),
            ("{node}", "main.js"),
            address_space=False,
            syntax_marks=("SyntaxError",),
        ),
        Language(
            "c",
            "main.c",
            ("gcc",),
            ("./program",),
            ("{gcc}", "-std=c11", "-O1", "-w", "main.c", "-o", "program", "-lm"),
        ),
        Language(
            "cpp",
            "main.cpp",
            ("g++",),
            ("./program",),
            ("{g++}", "-std=c++17", "-O0", "-w", "main.cpp", "-o", "program"),
        ),
        Language(
            "java",
            "Main.java",
            ("javac", "java"),
            ("{java}", *JAVA_FLAGS, "-Xmx256m", "-cp", ".", "Main"),
            ("{javac}", *JAVAC_FLAGS, "-proc:none", "-nowarn", "-d", ".", "Main.java"),
            address_space=False,
        ),
        Language(
            "go",
            "main.go",
            ("go",),
            ("./program",),
            ("{go}", "build", "-o", "program", "main.go"),
            address_space=False,
            env={
                "GOCACHE": "/tmp/go",
                "GOFLAGS": "-p=1",
                "GO111MODULE": "off",
                "CGO_ENABLED": "0",
                "GOTELEMETRY": "off",
            },
        ),
        Language(
            "rust",
            "main.rs",
            ("rustc",),
            ("./program",),
            (
                "{rustc}",
                "--edition=2021",
                "-Awarnings",
                "-Cdebuginfo=0",
                "main.rs",
                "-o",
                "program",
            ),
        ),
        Language(
            "ruby",
            "main.rb",
            ("ruby",),
            ("{ruby}", "--disable-gems", "main.rb"),
            syntax_marks=("syntax error", "SyntaxError"),
        ),
        Language(
            "php",
            "main.php",
            ("php",),
            ("{php}", "-n", "-d", "display_errors=stderr", "main.php"),
            syntax_marks=("Parse error",),
        ),
    )
}


@functools.cache
def find_tool(name: str) -> Tool | None:
    """Return the real program behind `name`, past launchers such as rustup's, or None."""
    found = shutil.which(name)
    if found is None:
        return None
    if name in _HOMES:
        home = _HOMES[name](found)
        if home is None:
            return None
        return Tool(str(home / "bin" / name), _root(home))
    real = Path(found).resolve()
    return Tool(found if _is_system(real) else str(real), _root(real.parent.parent))


def _is_system(path: Path) -> bool:
    return str(path).startswith(("/usr/", "/bin/", "/lib"))


def _root(home: Path) -> str:
    """Return `home` as a folder to show; "" where it is shown anyway, or holds the user's files."""
    if _is_system(home / "x"):
        return ""
    user = home_folder().resolve()
    return "" if home == user or home in user.parents else str(home)


def _asked(*command: str) -> Path | None:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(answer.stdout.strip()).resolve()


def _java_home(found: str) -> Path | None:
    return Path(os.path.realpath(found)).parent.parent


_HOMES: Mapping[str, Callable[[str], Path | None]] = {
    "rustc": lambda found: _asked(found, "--print", "sysroot"),
    "go": lambda found: _asked(found, "env", "GOROOT"),
    "java": _java_home,
    "javac": _java_home,
}


@functools.cache
def compiled(sources: Path) -> Mapping[str, bytes]:
    """Return the classes of our Java program in a folder, by their files' names, compiled here.

    Raises:
        SandboxError: the compiler does not take it.
    """
    compiler = find_tool("javac")
    assert compiler is not None
    with temporary_folder() as folder:
        argv = [compiler.path, *JAVAC_FLAGS, "-proc:none", "-nowarn", "-d", str(folder)]
        argv += sorted(map(str, sources.glob("*.java")))
        try:
            subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
        except subprocess.CalledProcessError as error:
            said = (error.stderr or error.stdout).strip()[-300:]
            raise SandboxError(f"javac does not compile {sources}: {said}") from error
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxError(f"javac does not start: {error}") from error
        found = folder.rglob("*.class")
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}
