"""Read HumanEval, HumanEval-X and MBPP in the form in which they are published."""

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyengine.code.tasks import (
    Task,
    TaskFileError,
    build_task,
    load_task_file,
    unique,
)
from pyengine.errors import OptionError
from pyengine.extras import import_extra
from pyengine.inputs import MOST_BYTES, read_bytes
from pyengine.models.hub import download_from_dataset
from pyengine.models.places import Places

# HumanEval-X's languages: our names, and where the declaration has the function's.
HUMANEVAL_X = {
    "JavaScript": ("javascript", r"(?:const|let|var|function)\s+(\w+)\s*[=(]"),
    "Java": ("java", r"(\w+)\s*\([^()]*\)\s*(?:throws\s+[\w., ]+)?\{\s*$"),
    "Python": ("python", r"def\s+(\w+)\s*\("),
}
PYTHON_STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n@", "\nassert ")
# Benchmarks on the Hugging Face hub: repository, file, and the SHA-256 of its content if known:
# `content_sha256` of the records, so that it holds for any container.
HUB: Mapping[str, tuple[str, str, str | None]] = {
    "humaneval": (
        "openai/openai_humaneval",
        "openai_humaneval/test-00000-of-00001.parquet",
        "d9964c36d1e309e5d237f0d45bdb31915d6a77961df213c753c6fa58c3e994ac",
    ),
    "mbpp": ("google-research-datasets/mbpp", "full/test-00000-of-00001.parquet", None),
}
CONTENT = ("task_id", "prompt", "entry_point", "canonical_solution", "test")


def load_tasks(source: Path) -> list[Task]:
    """Read tasks from a file of ours (.toml) or a published one (.jsonl, .jsonl.gz, .json,
    .parquet).

    Raises:
        TaskFileError: The file cannot be read or is none of these.
    """
    if source.suffix == ".toml":
        return load_task_file(source)
    records = _records(source)
    if not records:
        raise TaskFileError(f"{source} has no task")
    return unique([_convert(record, source) for record in records], source)


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        data = read_bytes(path, error=TaskFileError)
        if path.suffix == ".parquet":
            parquet = import_extra("pyarrow.parquet", f"reading {path}")
            return list(parquet.read_table(path).to_pylist())
        if path.suffix == ".gz":
            data = _unpacked(data, path)
        text = data.decode("utf-8-sig")
        if path.suffix == ".json":
            found = json.loads(text)
        else:  # not splitlines: JSON's strings may hold what Unicode calls the end of a line
            found = [json.loads(line) for line in text.split("\n") if line.strip()]
    except OSError as error:
        raise TaskFileError(f"cannot read task file {path}: {error}") from error
    except (ValueError, EOFError, RecursionError, zlib.error) as error:
        kind = "valid Parquet" if path.suffix == ".parquet" else "JSON lines"
        raise TaskFileError(f"{path} is not {kind}: {error}") from error
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise TaskFileError(f"{path} is not a list of tasks")
    return found


def _unpacked(data: bytes, path: Path) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        unpacked = stream.read(MOST_BYTES + 1)
    if len(unpacked) > MOST_BYTES:
        raise TaskFileError(f"{path} unpacks to more than {MOST_BYTES} bytes")
    return unpacked


def _convert(record: dict[str, Any], path: Path) -> Task:
    converters = dict.fromkeys(("declaration", "canonical_solution"), _humaneval)
    converters["test_list"] = _mbpp
    convert = next((c for field, c in converters.items() if field in record), None)
    if convert is None:
        raise TaskFileError(f"{path}: neither HumanEval, HumanEval-X, MBPP nor a task file of ours")
    try:
        return build_task({"level": 3, **convert(record, path)}, path)
    except KeyError as error:
        raise TaskFileError(f"{path}: a task has no field {error}") from error
    except (TypeError, AttributeError, IndexError) as error:
        name = record.get("task_id")
        raise TaskFileError(f"{path}: {name!r} has a field of another kind: {error}") from error


def _humaneval(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Read a task of HumanEval, or of HumanEval-X, which gives a declaration beside the prompt.

    A prompt may define more than the function asked for, which its tests may call.
    """
    language, prompt, support = "python", record["prompt"], record["prompt"]
    if "declaration" not in record:
        entry_point = record["entry_point"]
    else:
        title = str(record["task_id"]).split("/")[0]
        if title not in HUMANEVAL_X:
            known = ", ".join(HUMANEVAL_X)
            raise TaskFileError(f"{path}: HumanEval-X is read for {known}, not for {title}")
        language, pattern = HUMANEVAL_X[title]
        declaration = record["declaration"].strip()
        if not (names := re.findall(pattern, declaration)):
            raise TaskFileError(f"{path}: no function in the declaration {declaration[:60]!r}")
        entry_point = names[-1]
        if language != "python":
            end = prompt.rfind(declaration.splitlines()[-1]) if language == "javascript" else 0
            support = prompt[:end]
    return {
        "name": record["task_id"],
        # The same number is the same problem in every language.
        "idea": f"HumanEval/{str(record['task_id']).split('/')[-1]}",
        "language": language,
        "prompt": prompt,
        "entry_point": entry_point,
        "tests": record["test"],
        "reference": record["canonical_solution"],
        "support": support,
        "stop": PYTHON_STOPS if language == "python" else (),
    }


def _mbpp(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Give text and asserts in a docstring, as the authors' prompt does (Austin et al. 2021)."""
    tests = list(record["test_list"])
    match = re.search(r"assert\s+[(\s]*(?:\w+\()*?(\w+)\s*\(", tests[0])
    code = str(record["code"]).replace("\r\n", "\n")
    defined = re.findall(r"^def\s+(\w+)", code, re.MULTILINE)
    called = [name for name in re.findall(r"(\w+)\s*\(", tests[0]) if name in defined]
    if not match or not called:
        raise TaskFileError(f"{path}: {record['task_id']}: no call of a function in {tests[0]!r}")
    text = record.get("text") or record["prompt"]
    shown = "\n".join(tests)
    setup = record.get("test_setup_code") or "\n".join(record.get("test_imports", []))
    return {
        "name": f"MBPP/{record['task_id']}",
        "language": "python",
        "prompt": f'"""\n{text}\n{shown}\n"""\n',
        "entry_point": called[0],
        "tests": "\n".join([setup, *tests]),
        "reference": code,
        "stop": ("\nassert", '\n"""', "\nprint(", "\nif __name__"),
    }


def fetch_tasks(name: str) -> list[Task]:
    """Return a benchmark's tasks from the Hugging Face hub, or from its cache.

    Raises:
        OptionError: the name is unknown.
        MissingExtraError: huggingface_hub is not installed.
        InputError: the download failed.
        TaskFileError: the content is not the one published.
    """
    if name not in HUB:
        raise OptionError(f"no benchmark is called {name!r}; use own, {', '.join(HUB)}, or a file")
    repository, file, expected = HUB[name]
    path = download_from_dataset(repository, file, places=Places())
    if expected is not None and (actual := content_sha256(_records(path))) != expected:
        raise TaskFileError(f"{path}: content has SHA-256 {actual}, expected {expected}")
    return load_tasks(path)


def content_sha256(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of what the records say, whatever file they were in."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(json.dumps([record.get(field) for field in CONTENT]).encode() + b"\n")
    return digest.hexdigest()
