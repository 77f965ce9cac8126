"""Downloads, against a server on this machine that speaks the hub's protocol."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")

from pyengine.discovery.places import Places
from pyengine.discovery.references import resolve_model
from pyengine.errors import InputError, ModelFileError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A repository, and a record of what was asked of it."""

    files: dict[str, bytes]
    requests: list[str] = field(default_factory=list)
    cut_after: int | None = None
    lies: dict[str, str] = field(default_factory=dict)
    listing: bytes | None = None
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path} {self.headers.get('Range') or ''}".strip())
        if path.startswith("/api/models/owner/repo"):
            self._json(path, body=body)
            return
        prefix = "/owner/repo/resolve/"
        name = path.removeprefix(prefix).partition("/")[2]
        if not path.startswith(prefix) or name not in self.hub.files:
            self._missing(path)
            return
        self._file(self.hub.files[name], body=body)

    def _json(self, path: str, *, body: bool) -> None:
        entries = [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in self.hub.files.items()
        ]
        siblings = [{"rfilename": name} for name in self.hub.files]
        tree = "/tree/" in path
        content = json.dumps(
            entries if tree else {"id": "owner/repo", "sha": COMMIT, "siblings": siblings}
        ).encode()
        content = self.hub.listing or content
        self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(content))})
        if body:
            self.wfile.write(content)

    def _missing(self, path: str) -> None:
        code = "EntryNotFound" if path.startswith("/owner/repo/") else "RepoNotFound"
        self._head(404, {"X-Error-Code": code, "Content-Length": "0"})

    def _file(self, data: bytes, *, body: bool) -> None:
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        begin = int(wanted.group(1)) if wanted else 0
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
            "Content-Length": str(len(data) - begin),
            **self.hub.lies,
        }
        if wanted:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self._head(206 if wanted else 200, headers)
        if not body:
            return
        if self.hub.cut_after is not None:
            self.wfile.write(data[begin : begin + self.hub.cut_after])
            self.hub.cut_after = None
            self.close_connection = True
            return
        self.wfile.write(data[begin:])

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def hub() -> Iterator[Hub]:
    block = bytes(range(256)) * 400
    hub = Hub(
        {
            "README.md": b"# a model",
            "model-Q4_K_M.gguf": b"GGUF q4" + block,
            "model-Q8_0.gguf": b"GGUF q8" + block,
            "big/model-F16-00001-of-00002.gguf": b"GGUF one" + block,
            "big/model-F16-00002-of-00002.gguf": b"GGUF two" + block,
            "torn-Q2_K-00001-of-00002.gguf": b"GGUF",
        }
    )
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def places(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    return Places(home=tmp_path, environment={"HF_ENDPOINT": hub.url})


@pytest.mark.parametrize("choice", ["Q4_K_M", "q4_k_m", "model-Q4_K_M.gguf"])
def test_a_type_or_a_file_name_downloads_that_file(hub: Hub, places: Places, choice: str) -> None:
    path = resolve_model(f"hf:owner/repo:{choice}", places=places)
    assert path.read_bytes() == hub.files["model-Q4_K_M.gguf"]
    assert places.hub() in path.parents


def test_what_is_cached_is_not_asked_for_again(hub: Hub, places: Places) -> None:
    first = resolve_model("hf:owner/repo:Q8_0", places=places)
    hub.requests.clear()
    assert resolve_model("hf:owner/repo:Q8_0", places=places) == first
    assert resolve_model("hf:owner/repo:Q8_0", places=places, offline=True) == first
    assert hub.requests == []


def test_a_download_that_broke_off_is_continued(hub: Hub, places: Places) -> None:
    # huggingface_hub keeps what it has in blocks of 10 MiB.
    hub.files["model-Q8_0.gguf"] = b"GGUF" + bytes(range(256)) * 4096 * 22
    hub.cut_after = 21 << 20
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    assert path.read_bytes() == hub.files["model-Q8_0.gguf"]
    gets = [request for request in hub.requests if request.startswith("GET /owner/repo/resolve")]
    assert len(gets) == 2
    begin = re.search(r"bytes=(\d+)-", gets[1])
    assert begin is not None
    assert 0 < int(begin.group(1)) <= 21 << 20


def test_all_parts_of_a_split_model_come(hub: Hub, places: Places) -> None:
    path = resolve_model("hf:owner/repo:F16", places=places)
    assert path.name == "model-F16-00001-of-00002.gguf"
    second = path.with_name("model-F16-00002-of-00002.gguf")
    assert second.read_bytes() == hub.files["big/model-F16-00002-of-00002.gguf"]


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("hf:owner/repo", "names 4 files; choose one"),
        ("hf:owner/repo:Q3_K_M", "names no file; choose one.*model-Q4_K_M.gguf"),
        ("hf:owner/repo:Q2_K", "lacks its part torn-Q2_K-00002-of-00002.gguf"),
        ("hf:owner/nothing:Q2_K", "hf:owner/nothing"),
    ],
)
def test_a_wrong_choice_is_one_clear_error(places: Places, reference: str, says: str) -> None:
    with pytest.raises(ModelFileError, match=says):
        resolve_model(reference, places=places)


def test_no_network_is_an_input_error(
    places: Places, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.hf_api

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("Connection refused")

    monkeypatch.setattr(huggingface_hub.hf_api.HfApi, "list_repo_files", refuse)
    with pytest.raises(InputError, match="cannot be downloaded: Connection refused"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
    assert hub.requests == []


def test_bytes_that_were_not_promised_are_removed(hub: Hub, places: Places) -> None:
    hub.lies = {"ETag": f'"{"0" * 64}"'}
    with pytest.raises(ModelFileError, match="does not have the SHA-256 that was promised"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
    assert [path for path in places.hub().rglob("*") if path.name == "model-Q8_0.gguf"] == []
    assert [path for path in places.hub().rglob("blobs/*") if path.stat().st_size] == []
    hub.lies = {}
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    assert path.read_bytes() == hub.files["model-Q8_0.gguf"]


@pytest.mark.parametrize(
    "lies",
    [
        {"ETag": '"../../../../../../out"'},
        {"ETag": '"/tmp/out"'},
        {"X-Repo-Commit": "../../../../../out"},
    ],
)
def test_nothing_is_written_where_a_server_wishes(
    hub: Hub, places: Places, tmp_path: Path, lies: dict[str, str]
) -> None:
    hub.lies = lies
    with pytest.raises(InputError, match=r"answer cannot be used: .*is said to have the hash"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["../../../out-Q6_K.gguf", "/tmp/out-Q6_K.gguf"])
def test_a_file_name_leads_nowhere_else(
    hub: Hub, places: Places, tmp_path: Path, name: str
) -> None:
    hub.files[name] = b"GGUF"
    with pytest.raises((InputError, ModelFileError), match="hf:owner/repo"):
        resolve_model("hf:owner/repo:Q6_K", places=places)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("listing", [b"[1, 2]", b"<html>", b'{"siblings": 3}'])
def test_a_listing_that_is_none_is_an_input_error(hub: Hub, places: Places, listing: bytes) -> None:
    hub.listing = listing
    with pytest.raises(InputError, match="the server's answer cannot be used"):
        resolve_model("hf:owner/repo:Q8_0", places=places)


def test_without_network_what_is_cached_is_named(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.hf_api

    resolve_model("hf:owner/repo:Q8_0", places=places)

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("Connection refused")

    monkeypatch.setattr(huggingface_hub.hf_api.HfApi, "list_repo_files", refuse)
    with pytest.raises(InputError, match=r"in the cache there is: hf:owner/repo:model-Q8_0\.gguf"):
        resolve_model("hf:owner/repo", places=places)
