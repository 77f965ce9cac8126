"""A server on this machine that speaks the hub's protocol, for one repository: owner/repo.

It is a repository of models and, at the addresses of such, one of data sets.
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
    """A repository, and a record of what was asked of it.

    Attributes:
        cut_after: bytes after which the next answer breaks off.
        lies: headers that are not true.
        listing: what is sent in place of the list of files.
        chunk_seconds: time that each CHUNK of a file takes.
    """

    files: dict[str, bytes]
    requests: list[str] = field(default_factory=list)
    cut_after: int | None = None
    lies: dict[str, str] = field(default_factory=dict)
    listing: bytes | None = None
    chunk_seconds: float = 0.0
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
        path = path.removeprefix("/datasets")
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
        with suppress(ConnectionError):  # a client that was killed
            for at in range(begin, len(data), CHUNK):
                self.wfile.write(data[at : at + CHUNK])
                time.sleep(self.hub.chunk_seconds)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


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
