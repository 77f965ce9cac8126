"""A server on this machine that speaks the hub's protocol: owner/repo, and others if wanted.

They are repositories of models and, at the addresses of such, of data sets.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 1 << 18


@dataclass
class Hub:
    """Repositories, and a record of what was asked of them.

    Attributes:
        files: of owner/repo, by their names.
        others: files of further repositories, by OWNER/REPO.
        sent: bytes of each file that were sent, by its address.
        cut_after: bytes after which the next answer breaks off.
        busy: answers that say so before the next file is sent.
        lies: what the list of files says of each that is not true.
        commit: of all of them.
        listing: what is sent in place of the list of files.
        ranges: whether parts of files are sent.
        chunk_seconds: time that each CHUNK of a file takes.
    """

    files: dict[str, bytes]
    others: dict[str, dict[str, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    cut_after: int | None = None
    busy: int = 0
    lies: dict[str, object] = field(default_factory=dict)
    commit: str = COMMIT
    listing: bytes | None = None
    ranges: bool = True
    chunk_seconds: float = 0.0
    url: str = ""

    def repository(self, name: str) -> dict[str, bytes] | None:
        """Return the files of a repository, None where there is no such."""
        return self.files if name == "owner/repo" else self.others.get(name)


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        with suppress(ConnectionError):  # a client that was killed
            self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path} {self.headers.get('Range') or ''}".strip())
        found = re.fullmatch(r"/api/(?:models|datasets)/([^/]+/[^/]+)(?:/.*)?", path)
        if found and (files := self.hub.repository(found.group(1))) is not None:
            self._json(found.group(1), files, body=body)
            return
        found = re.fullmatch(r"(?:/datasets)?/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)
        files = self.hub.repository(found.group(1)) if found else None
        if not found or files is None or found.group(2) not in files:
            self._missing(path)
            return
        if self.hub.busy:
            self.hub.busy -= 1
            self._head(503, {"Content-Length": "0"})
            return
        self._file(path, files[found.group(2)], body=body)

    def _json(self, name: str, files: dict[str, bytes], *, body: bool) -> None:
        siblings = [
            {"rfilename": path, "size": len(data), **_hashes(path, data), **self.hub.lies}
            for path, data in files.items()
        ]
        listing = {"id": name, "sha": self.hub.commit, "siblings": siblings}
        content = self.hub.listing or json.dumps(listing).encode()
        self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(content))})
        if body:
            self.wfile.write(content)

    def _missing(self, path: str) -> None:
        code = "EntryNotFound" if path.startswith("/owner/repo/") else "RepoNotFound"
        self._head(404, {"X-Error-Code": code, "Content-Length": "0"})

    def _file(self, path: str, data: bytes, *, body: bool) -> None:
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        begin, end = 0, len(data)
        if wanted and self.hub.ranges:
            begin = int(wanted.group(1))
            end = int(wanted.group(2)) + 1 if wanted.group(2) else end
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - begin)}
        if wanted and self.hub.ranges:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
        self._head(206 if "Content-Range" in headers else 200, headers)
        if not body:
            return
        if self.hub.cut_after is not None and end - begin > self.hub.cut_after:
            self.hub.sent[path] = self.hub.sent.get(path, 0) + self.hub.cut_after
            self.wfile.write(data[begin : begin + self.hub.cut_after])
            self.hub.cut_after = None
            self.close_connection = True
            return
        for at in range(begin, end, CHUNK):
            block = data[at : min(at + CHUNK, end)]
            self.hub.sent[path] = self.hub.sent.get(path, 0) + len(block)
            self.wfile.write(block)
            time.sleep(self.hub.chunk_seconds)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _hashes(path: str, data: bytes) -> dict[str, object]:
    """Return what the hub says of a file's content: models are large files, others are git's."""
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    if not path.endswith((".gguf", ".parquet", ".jsonl")):
        return {"blobId": blob}
    sha256 = hashlib.sha256(data).hexdigest()
    return {"blobId": blob, "lfs": {"sha256": sha256, "size": len(data), "pointerSize": 134}}


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Answer for a repository while the block runs."""
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
