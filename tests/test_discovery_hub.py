"""Downloads, against a server on this machine that speaks the hub's protocol."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Hub, serving

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")

from pyengine.errors import InputError, ModelFileError
from pyengine.models.hub import _fetch_file
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


def test_what_was_in_the_cache_already_is_not_removed(hub: Hub, places: Places) -> None:
    path = resolve_model("hf:owner/repo:Q8_0", places=places)
    blob = path.resolve()
    os.truncate(blob, 5)  # whoever did that
    with pytest.raises(ModelFileError, match=r"was in the cache already .* remove it"):
        _fetch_again(hub, places)
    assert blob.read_bytes() == b"GGUF "
    assert path.resolve() == blob
    blob.unlink()
    assert _fetch_again(hub, places).read_bytes() == hub.files["model-Q8_0.gguf"]


def _fetch_again(hub: Hub, places: Places) -> Path:
    """Download as where the cache was not looked at, as for a file of another commit."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url)
    return _fetch_file(api, "owner/repo", "model-Q8_0.gguf", places.hub())


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
