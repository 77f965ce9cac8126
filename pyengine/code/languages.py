"""How a program of each language is built and run."""

import functools
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyengine.code.go_cache import ENVIRONMENT, go_cache
from pyengine.code.sandbox import SHOWN, SandboxError, Step, interpreter
from pyengine.files import temporary_folder
from pyengine.inputs import home_folder


@dataclass(frozen=True)
class Language:
    """One language: its file, its commands, its hints.

    Attributes:
        run, build: commands; `{gcc}` in them is the path of that tool.
        judged: whether tests may assert in it, as it has a judge; else its output is compared.
        together: whether tests may assert in the program of the solution.
        braced: whether its definitions end with the brace that closes them.
        end: what completes a prompt of which no solution is known, so that it parses.
        reserving: the steps whose runtime reserves far more addresses than it uses: they are held
            by resident memory instead.
    """

    name: str
    title: str
    file: str
    tools: tuple[str, ...]
    run: str
    build: str = ""
    judged: bool = False
    together: bool = False
    braced: bool = True
    end: str = "\n}\n"
    reserving: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    syntax_marks: tuple[str, ...] = ()

    def missing(self) -> tuple[str, ...]:
        """Return the tools that are not here."""
        return tuple(tool for tool in self.tools if find_tool(tool) is None)

    def roots(self) -> tuple[str, ...]:
        """Return the folders outside the system's that the sandbox must show."""
        found = filter(None, map(find_tool, self.tools))
        return tuple(sorted({root for _, root in found if root}))

    def packages(self) -> tuple[str, ...]:
        """Return folders of compiled packages that its programs are built with: Go's own."""
        tool = find_tool("go") if self.name == "go" else None
        cache = "" if tool is None else go_cache(tool[0])
        return (cache,) if cache else ()

    def steps(self) -> list[Step]:
        """Return the steps that build and run the file that lies in the working folder."""
        compiled_before = [f"{SHOWN}/{Path(path).name}" for path in self.packages()]
        env = {**self.env, **dict(zip(("GOCACHE",), compiled_before, strict=False))}
        paths = {tool: found[0] for tool in self.tools if (found := find_tool(tool))}
        return [
            Step(
                name,
                [part.format(python=interpreter(), **paths) for part in command.split()],
                env=env,
                limit_address_space=name not in self.reserving,
            )
            for name, command in (("build", self.build), ("run", self.run))
            if command
        ]


JAVA_FLAGS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xshare:auto"
JAVAC_FLAGS = " ".join(f"-J{flag}" for flag in JAVA_FLAGS.split()) + " -proc:none -nowarn"
BOTH = ("build", "run")
OWN_CACHE = "/tmp/go"  # where Go compiles its packages where they could not be compiled before
# How to ask a launcher where its toolchain lies.
ASKED = {"rustc": ("--print", "sysroot"), "go": ("env", "GOROOT")}

LANGUAGES: Mapping[str, Language] = {
    language.name: language
    for language in (
        Language(
            *("python", "Python", "main.py", (), "{python} -I -S -u main.py"),
            judged=True,
            together=True,
            braced=False,
            end="    pass\n",
            syntax_marks=("SyntaxError", "IndentationError", "TabError"),
        ),
        Language(
            *("javascript", "JavaScript", "main.js", ("node",), "{node} main.js"),
            judged=True,
            reserving=BOTH,
            syntax_marks=("SyntaxError",),
        ),
        Language(
            *("c", "C", "main.c", ("gcc",), "./program"),
            build="{gcc} -std=c11 -O1 -w main.c -o program -lm",
        ),
        Language(
            *("cpp", "C++", "main.cpp", ("g++",), "./program"),
            build="{g++} -std=c++17 -O0 -w main.cpp -o program",
            together=True,
        ),
        Language(
            *("java", "Java", "Main.java", ("javac", "java")),
            run=f"{{java}} {JAVA_FLAGS} -Xmx256m -cp . Main",
            build=f"{{javac}} {JAVAC_FLAGS} -d . Main.java",
            judged=True,
            together=True,
            end="\n}\n}\n",
            reserving=BOTH,
        ),
        Language(
            *("go", "Go", "main.go", ("go",), "./program"),
            build="{go} build -o program main.go",
            together=True,
            reserving=BOTH,
            env={
                "GOCACHE": OWN_CACHE,
                "GOFLAGS": "-p=1",
                **ENVIRONMENT,
            },
        ),
        Language(
            *("rust", "Rust", "main.rs", ("rustc",), "./program"),
            build="{rustc} --edition=2021 -Awarnings -Cdebuginfo=0 main.rs -o program",
            together=True,
            reserving=("build",),
        ),
        Language(
            *("ruby", "Ruby", "main.rb", ("ruby",), "{ruby} --disable-gems main.rb"),
            braced=False,
            end="\nend\n",
            syntax_marks=("syntax error", "SyntaxError"),
        ),
        Language(
            *("php", "PHP", "main.php", ("php",)),
            run="{php} -n -d display_errors=stderr main.php",
            syntax_marks=("Parse error",),
        ),
    )
}


@functools.cache
def find_tool(name: str) -> tuple[str, str] | None:
    """Return the real program behind `name`, past launchers such as rustup's, or None.

    With it the folder that it needs to see inside the sandbox; "" where that is shown anyway.
    """
    found = shutil.which(name)
    if found is None:
        return None
    real = Path(found).resolve()
    if name in ASKED:
        home = _asked(found, *ASKED[name])
        return None if home is None else (str(home / "bin" / name), _root(home))
    if name in ("java", "javac"):
        return str(real), _root(real.parent.parent)
    return found if _is_system(real) else str(real), _root(real.parent.parent)


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


@functools.cache
def compiled(sources: Path) -> Mapping[str, bytes]:
    """Return the classes of our Java program in a folder, by their files' names, compiled here.

    Raises:
        SandboxError: the compiler does not take it.
    """
    compiler = find_tool("javac")
    assert compiler is not None
    with temporary_folder() as folder:
        argv = [compiler[0], *JAVAC_FLAGS.split(), "-d", str(folder)]
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
