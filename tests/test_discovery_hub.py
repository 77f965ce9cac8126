"""Downloads, against a server on this machine that speaks the hub's protocol."""

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import CHUNK, COMMIT, Handler, Hub, serving

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")

from pyengine.errors import InputError, ModelFileError, OfflineError
from pyengine.models.hub import Hub as Asked
from pyengine.models.hub_cache import HubCache
from pyengine.models.places import Places
from pyengine.models.references import resolve_model


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
    with serving(hub):
        yield hub


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
    data = hub.files["model-Q8_0.gguf"]
    hub.cut_after = 70_000
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    assert path.read_bytes() == data
    gets = [request for request in hub.requests if request.startswith("GET /owner/repo/resolve")]
    assert [re.findall(r"bytes=(\d+)-", get) for get in gets] == [["0"], ["70000"]]
    assert sum(hub.sent.values()) == len(data)


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

    monkeypatch.setattr(huggingface_hub.hf_api.HfApi, "repo_info", refuse)
    with pytest.raises(InputError, match="cannot be downloaded: Connection refused"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
    assert hub.requests == []


def test_bytes_that_were_not_promised_are_removed(hub: Hub, places: Places) -> None:
    size = len(hub.files["model-Q8_0.gguf"])
    hub.lies = {"lfs": {"sha256": "0" * 64, "size": size, "pointerSize": 134}}
    with pytest.raises(ModelFileError, match="does not have the SHA-256 that was promised"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
    assert [path for path in places.hub().rglob("*") if path.name == "model-Q8_0.gguf"] == []
    assert [path for path in places.hub().rglob("blobs/*") if path.stat().st_size] == []
    hub.lies = {}
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    assert path.read_bytes() == hub.files["model-Q8_0.gguf"]


def test_what_was_in_the_cache_already_is_not_removed(hub: Hub, places: Places) -> None:
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    blob = path.resolve()
    os.truncate(blob, 5)  # whoever did that
    with pytest.raises(ModelFileError, match=r"was in the cache already .* remove it"):
        _fetch_again(places)
    assert blob.read_bytes() == b"GGUF "
    assert path.resolve() == blob
    blob.unlink()
    assert _fetch_again(places).read_bytes() == hub.files["model-Q8_0.gguf"]


def _fetch_again(places: Places) -> Path:
    """Download as where the cache was not looked at, as for a file of another commit."""
    asked = Asked(places)
    file = next(f for f in asked.files("owner/repo") if f.path == "model-Q8_0.gguf")
    return HubCache(places.hub(), asked).fetch(file)


@pytest.mark.parametrize(
    ("lies", "commit"),
    [
        ({"lfs": {"sha256": "../../../../../../out", "size": 1, "pointerSize": 1}}, COMMIT),
        ({"blobId": "/tmp/out", "lfs": None}, COMMIT),
        ({"rfilename": "../../../out.gguf"}, COMMIT),
        ({"rfilename": "/tmp/out.gguf"}, COMMIT),
        ({"size": -1}, COMMIT),
        ({}, "../../../../../out"),
    ],
)
def test_nothing_is_written_where_a_server_wishes(
    hub: Hub, places: Places, tmp_path: Path, lies: dict[str, object], commit: str
) -> None:
    hub.lies, hub.commit = lies, commit
    with pytest.raises(InputError, match=r"answer cannot be used: .* is (said to have|called)"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
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

    monkeypatch.setattr(huggingface_hub.hf_api.HfApi, "repo_info", refuse)
    with pytest.raises(InputError, match=r"in the cache there is: hf:owner/repo:model-Q8_0\.gguf"):
        resolve_model("hf:owner/repo", places=places)


def test_no_secret_of_an_address_is_said(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the password of HF_ENDPOINT, nor the key in the address that it sends one to."""

    def send_on(handler: Handler, *_: object, **__: object) -> None:
        key = "/cdn/blob?X-Amz-Signature=SECRETSIG&Key='SECRETKEY'"
        handler._head(302, {"Location": key, "Content-Length": "0"})

    monkeypatch.setattr(Handler, "_file", send_on)
    monkeypatch.setattr(
        Handler, "_missing", lambda handler, _: handler._head(403, {"Content-Length": "0"})
    )
    endpoint = hub.url.replace("://", "://user:SECRETWORD@")
    for url, reference in ((hub.url, "owner/repo:Q8_0"), (endpoint, "owner/nothing:Q8_0")):
        places = Places(home=tmp_path, environment={"HF_ENDPOINT": url})
        with pytest.raises(ModelFileError, match="403") as caught:
            resolve_model(f"hf:{reference}", places=places)
        assert hub.url in str(caught.value)
        assert not re.search(r"SECRET|user", str(caught.value))


def test_a_busy_server_is_asked_again(hub: Hub, places: Places) -> None:
    hub.busy = 2
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    assert path.read_bytes() == hub.files["model-Q8_0.gguf"]
    hub.busy = 3
    with pytest.raises(ModelFileError, match=r"model-Q4_K_M\.gguf: .*503"):
        resolve_model("hf:owner/repo:Q4_K_M", places=places)


def test_what_an_earlier_run_brought_is_not_downloaded_again(hub: Hub, places: Places) -> None:
    """A run that was killed or interrupted leaves the part that it has, under a name of ours."""
    asked = Asked(places)
    cache = HubCache(places.hub(), asked)
    file = next(f for f in asked.files("owner/repo") if f.path == "model-Q8_0.gguf")
    data, reached = hub.files["model-Q8_0.gguf"], 0

    def stop(done: int, _: int) -> None:
        nonlocal reached
        reached = done
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.fetch(file, progress=stop)
    assert 0 < reached < len(data)
    assert cache.missing_bytes(file) == len(data) - reached
    assert cache.fetch(file).read_bytes() == data
    assert hub.requests[-1].endswith(f"bytes={reached}-{len(data) - 1}")
    assert cache.missing_bytes(file) == 0
    blobs = places.hub() / "models--owner--repo" / "blobs"
    assert [path.name for path in blobs.iterdir()] == [file.sha256]


def test_a_server_that_sends_no_parts(hub: Hub, places: Places) -> None:
    hub.ranges, hub.cut_after = False, 1000
    with pytest.raises(InputError, match="sends a whole file where a part is asked for"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    assert path.read_bytes() == hub.files["model-Q8_0.gguf"]


def test_offline_is_said_at_once(hub: Hub, tmp_path: Path) -> None:
    begin = time.monotonic()
    wanted = Places(home=tmp_path, environment={"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1"})
    with pytest.raises(OfflineError, match=r"hf:owner/repo: HF_HUB_OFFLINE is set"):
        resolve_model("hf:owner/repo:Q8_0", places=wanted)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    nobody = Places(home=tmp_path, environment={"HF_ENDPOINT": f"http://127.0.0.1:{port}"})
    with pytest.raises(OfflineError, match=r"127\.0\.0\.1 cannot be reached: Connection refused"):
        resolve_model("hf:owner/repo:Q8_0", places=nobody)
    assert time.monotonic() - begin < 20
    assert hub.requests == []


@pytest.mark.parametrize(
    "endpoint", ["https://x:abc", "https://[", "https://a..b", "x:80", "https://", "http://x:99999"]
)
def test_an_endpoint_that_is_no_address_is_an_input_error(tmp_path: Path, endpoint: str) -> None:
    places = Places(home=tmp_path, environment={"HF_ENDPOINT": endpoint})
    with pytest.raises(InputError, match=r"^HF_ENDPOINT is no address of a server"):
        resolve_model("hf:owner/repo:Q8_0", places=places)


def test_a_name_that_is_never_found_ends_the_wait(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.models.hub.CONNECT_SECONDS", 0.1)
    released = threading.Event()

    def wait(*_: object, **__: object) -> None:
        released.wait(60)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", wait)
    begin = time.monotonic()
    with pytest.raises(OfflineError, match=r"cannot be reached: no answer within 0\.1 s"):
        resolve_model("hf:owner/repo:Q8_0", places=places)
    assert time.monotonic() - begin < 20
    released.set()


def test_a_transfer_that_stands_still_is_taken_up(
    hub: Hub, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.models.hub._SECONDS", (5.0, 1.0, 5.0, 5.0))
    data = b"GGUF" + bytes(range(256)) * 2500
    hub.files["model-Q8_0.gguf"], hub.chunk_seconds = data, 5.0
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    assert path.read_bytes() == data
    gets = [request for request in hub.requests if request.startswith("GET /owner/repo/resolve")]
    begins = [int(get.rpartition("bytes=")[2].partition("-")[0]) for get in gets]
    assert begins[0] == 0
    assert begins == sorted(begins)
    assert begins[-1] >= CHUNK
