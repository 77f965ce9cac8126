"""Read published sets of tasks, from files and from the Hugging Face hub."""

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyengine.code.formats import convert
from pyengine.code.tasks import Task, TaskFileError, load_task_file, unique
from pyengine.errors import OptionError
from pyengine.extras import import_extra
from pyengine.inputs import MOST_BYTES, read_bytes
from pyengine.models.hub_cache import download_from_dataset
from pyengine.models.places import Places


@dataclass(frozen=True)
class Published:
    """A set on the Hugging Face hub.

    Attributes:
        content: `content_sha256` of its records where it is known: that holds for any container.
        sha256: of the file, where that is known instead.
    """

    repository: str
    file: str
    content: str | None = None
    sha256: str | None = None


HUB: Mapping[str, Published] = {
    "humaneval": Published(
        "openai/openai_humaneval",
        "openai_humaneval/test-00000-of-00001.parquet",
        content="d9964c36d1e309e5d237f0d45bdb31915d6a77961df213c753c6fa58c3e994ac",
    ),
    "humaneval+": Published(
        "evalplus/humanevalplus",
        "test.jsonl",
        sha256="908377f1daf28dcb36846db73a5662b2e05a9907407c2696c89ad9d3b0b04492",
    ),
    "mbpp": Published("google-research-datasets/mbpp", "full/test-00000-of-00001.parquet"),
    "mbpp+": Published(
        "evalplus/mbppplus",
        "data/test-00000-of-00001-d5781c9c51e02795.parquet",
        sha256="dc20030b3788fccf617444edcb34138ef13d7e4fafd17bfcb8c1279dbb12399b",
    ),
    "bigcodebench": Published("bigcode/bigcodebench", "data/v0.1.4-00000-of-00001.parquet"),
    **{
        f"humaneval-x-{name}": Published("THUDM/humaneval-x", f"data/{name}/data/humaneval.jsonl")
        for name in ("cpp", "go", "java", "js", "python")
    },
}
# A file of any data set, and the SHA-256 that it must have.
ANY_FILE = re.compile(
    r"hf:(?!.*\.\.)(?P<repository>\w[\w.-]*/\w[\w.-]*):(?P<file>[^@/][^@]*)"
    r"(?:@(?P<sha256>[0-9a-f]{64}))?"
)
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
    return unique([convert(record, source) for record in records], source)


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


def fetch_tasks(name: str) -> list[Task]:
    """Return a set's tasks from the Hugging Face hub, or from its cache.

    Args:
        name: one of `HUB`, or `hf:OWNER/REPO:FILE[@SHA256]`.

    Raises:
        OptionError: the name is unknown.
        MissingExtraError: huggingface_hub is not installed.
        InputError: the download failed.
        TaskFileError: the content is not the one published.
    """
    found = _published(name)
    path = download_from_dataset(found.repository, found.file, places=Places())
    if found.sha256 is not None:
        _hold(path, hashlib.sha256(read_bytes(path, error=TaskFileError)).hexdigest(), found.sha256)
    if found.content is not None:
        _hold(path, content_sha256(_records(path)), found.content)
    return load_tasks(path)


def repository_of(name: str) -> str | None:
    """Return the id of the data set on the hub that a user names; None of other tasks."""
    if match := ANY_FILE.fullmatch(name):
        return match["repository"]
    return HUB[name].repository if name in HUB else None


def _published(name: str) -> Published:
    if match := ANY_FILE.fullmatch(name):
        return Published(**match.groupdict())
    if name.startswith("hf:"):
        raise OptionError(f"{name}: write hf:OWNER/REPO:FILE, or hf:OWNER/REPO:FILE@SHA256")
    if name not in HUB:
        raise OptionError(f"no benchmark is called {name!r}; use own, {', '.join(HUB)}, or a file")
    return HUB[name]


def _hold(path: Path, actual: str, expected: str) -> None:
    """Raise TaskFileError where a file is not the one that was meant."""
    if actual != expected:
        raise TaskFileError(f"{path}: content has SHA-256 {actual}, expected {expected}")


def content_sha256(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of what the records say, whatever file they were in."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(json.dumps([record.get(field) for field in CONTENT]).encode() + b"\n")
    return digest.hexdigest()
