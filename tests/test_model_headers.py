"""Candidates from a hub, folders and stores: known by headers alone, downloaded one at a time."""

import fcntl
import os
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hub_server import Hub, serving
from tiny_models import Tiny, write_bpe

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")

from pyengine import _core
from pyengine.errors import InputError, ModelFileError, NoSpaceError, OfflineError, problem_sentence
from pyengine.models.downloads import Downloads
from pyengine.models.gguf import bits_per_weight, check_gguf, read_tensor_table
from pyengine.models.header import read_header
from pyengine.models.model_files import LeftOut, ModelFile, ModelFiles, find_model_files
from pyengine.models.places import Places
from pyengine.models.quantize import file_sha256
from pyengine.models.references import resolve_model
from pyengine.models.same_model import compare_headers, families, is_same_model

TYPES = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q4_0", "Q3_K_M", "Q2_K")
MODEL = Tiny(n_embd=256, seed=3, chat_template="{{ messages }}")
IMATRIX = (("general.name", "of another"), ("quantize.imatrix.file", "some.dat"))
SETTINGS: Any = {
    "threads": 1,
    "output_type": None,
    "embedding_type": None,
    "pure": False,
    "allow_requantize": False,
    "imatrix": "",
    "overrides": [],
    "metadata": [],
}
# What is asked for at first, and beyond a header at most; and the vector that is compared.
FIRST, BLOCK, VECTOR = 1 << 12, 1 << 14, 4 * 256


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Two uploads of one model and one of another, by OWNER/REPO/FILE."""
    folder = tmp_path_factory.mktemp("uploads")
    models = {
        "owner/repo/tiny-F32": MODEL,
        "other/tiny/F32": replace(MODEL, card=IMATRIX, chat_template="{{ other }}"),
        "other/tuned/F32": replace(MODEL, seed=4),
    }
    found: dict[str, Path] = {}
    for name, tiny in models.items():
        source = folder / f"{name}.gguf"
        source.parent.mkdir(parents=True, exist_ok=True)
        write_bpe(source, tiny)
        types = TYPES if name == "owner/repo/tiny-F32" else ("Q4_K_M",)
        for kind in types:
            target = source.with_name(f"{source.stem.replace('F32', kind)}.gguf")
            _core.quantize(str(source), str(target), file_type=kind, **SETTINGS)
            found[target.relative_to(folder).as_posix()] = target
    split = folder / "other" / "tiny" / "parts-F32-00001-of-00002.gguf"
    write_bpe(split, replace(MODEL, card=IMATRIX, parts=2))
    for part in split.parent.glob("parts-*"):
        found[part.relative_to(folder).as_posix()] = part
    for kind in ("mmproj", "imatrix", "adapter"):
        path = folder / "owner" / "repo" / f"{kind}.gguf"
        found[path.relative_to(folder).as_posix()] = path
        write_bpe(path, replace(MODEL, card=(("general.type", kind),)))
    return found


@pytest.fixture
def hub(files: Mapping[str, Path]) -> Iterator[Hub]:
    repositories: dict[str, dict[str, bytes]] = {}
    for name, path in files.items():
        owner, repo, file = name.split("/")
        repositories.setdefault(f"{owner}/{repo}", {})[file] = path.read_bytes()
    own = repositories.pop("owner/repo")
    own |= {"README.md": b"# a model", "torn-Q2_K-00001-of-00002.gguf": b"GGUF"}
    own["cut.gguf"] = own["tiny-Q8_0.gguf"][:-1000]
    own["page.gguf"] = b"<html>" + bytes(100)
    own["z-again.gguf"] = own["tiny-Q8_0.gguf"]
    with serving(Hub(own, repositories)) as hub:
        yield hub


@pytest.fixture
def places(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    return Places(home=tmp_path / "home", environment={"HF_ENDPOINT": hub.url})


@pytest.fixture
def found(places: Places, tmp_path: Path) -> ModelFiles:
    return find_model_files(["hf:owner/repo"], tmp_path / "headers", places=places)


def address(reference: str) -> str:
    """Return where the server has the file that a reference names."""
    _, repository, file = reference.split(":")
    return f"/{repository}/resolve/0123456789abcdef0123456789abcdef01234567/{file}"


def by_name(offers: ModelFiles) -> dict[str, ModelFile]:
    return {offer.name: offer for offer in offers.found}


def header_bytes(path: Path) -> int:
    data = path.read_bytes()
    return read_header(str(path), len(data), lambda begin, end: data[begin:end]).n_bytes


def test_a_repository_is_known_by_its_headers(found: ModelFiles, files: Mapping[str, Path]) -> None:
    offers = by_name(found)
    assert sorted(offers) == sorted(f"tiny-{kind}" for kind in TYPES)
    for kind in TYPES:
        offer, path = offers[f"tiny-{kind}"], files[f"owner/repo/tiny-{kind}.gguf"]
        assert (offer.file_type, offer.architecture, offer.store) == (kind, "llama", "hub")
        assert offer.n_bytes == path.stat().st_size
        assert offer.sha256 == file_sha256(path)
        assert offer.bits_per_weight == bits_per_weight(read_tensor_table(path))
        assert (offer.path, offer.imatrix, offer.n_parts) == (None, False, 1)
        assert offer.reference == f"hf:owner/repo:tiny-{kind}.gguf"


def test_what_is_no_candidate_says_why(found: ModelFiles) -> None:
    left = {each.reference.rpartition(":")[2]: each.problem for each in found.left_out}
    codes = {name: problem["code"] for name, problem in left.items()}
    assert codes == {
        "adapter.gguf": "adapter-file",
        "cut.gguf": "unreadable",
        "imatrix.gguf": "imatrix-file",
        "mmproj.gguf": "projector",
        "page.gguf": "unreadable",
        "torn-Q2_K-00001-of-00002.gguf": "parts-missing",
        "z-again.gguf": "copy",
    }
    assert "truncated" in left["cut.gguf"]["message"]
    assert left["page.gguf"]["message"] == "is not a GGUF file"
    assert all(problem_sentence(problem) for problem in left.values())


def test_no_byte_is_read_that_is_no_header(
    hub: Hub, found: ModelFiles, files: Mapping[str, Path]
) -> None:
    before = header_bytes(files["owner/repo/tiny-Q8_0.gguf"])  # of cut.gguf, which comes first
    for offer in found.found:
        length = header_bytes(files[offer.reference.removeprefix("hf:").replace(":", "/")])
        most = length + VECTOR if length >= before else before + VECTOR
        most += FIRST if length > before else 0
        assert length <= hub.sent[address(offer.reference)] <= most, offer.name
        before = length
    assert hub.sent[address("hf:owner/repo:cut.gguf")] <= before + BLOCK
    for left in found.left_out:
        if left.problem["code"] in ("projector", "imatrix-file", "adapter-file"):
            assert hub.sent[address(left.reference)] <= FIRST
        if left.problem["code"] in ("copy", "parts-missing"):
            assert address(left.reference) not in hub.sent
    assert found.n_header_bytes == sum(hub.sent.values())
    assert not [request for request in hub.requests if "README" in request]


def test_a_header_alone_is_read_as_the_file_is(
    found: ModelFiles, files: Mapping[str, Path]
) -> None:
    for offer in found.found:
        path = files[offer.reference.removeprefix("hf:").replace(":", "/")]
        copy, whole = check_gguf(offer.header_file), check_gguf(path)
        assert (copy.n_tensors, copy.n_bytes) == (whole.n_tensors, whole.n_bytes)
        assert read_tensor_table(offer.header_file) == read_tensor_table(path)
        length = header_bytes(path)
        assert offer.header_file.read_bytes()[:length] == path.read_bytes()[:length]


def test_two_uploads_are_one_model_and_another_training_is_not(
    hub: Hub, places: Places, tmp_path: Path
) -> None:
    names = ["hf:owner/repo:Q4_K_M", "hf:other/tiny", "hf:other/tuned"]
    offers = find_model_files(names, tmp_path / "headers", places=places)
    own, theirs, parts, tuned = offers.found
    assert (parts.n_parts, parts.name, parts.sha256) == (2, "parts-F32", None)
    assert parts.n_bytes == sum(
        len(data) for name, data in hub.others["other/tiny"].items() if name.startswith("parts")
    )
    assert [own.imatrix, theirs.imatrix, parts.imatrix] == [False, True, True]
    same, other = families(offers.found)
    assert same.best is parts
    assert set(same.members) == {own, parts, theirs}
    assert other.members == [tuned]
    codes = {difference.code for difference in compare_headers(own, theirs)}
    assert codes == {"chat-template", "origin"}
    (difference,) = [each for each in compare_headers(own, tuned) if each.code == "vector"]
    assert difference.values == {"first": "output_norm.weight"}
    assert not is_same_model(compare_headers(own, tuned))
    (origin,) = [each for each in compare_headers(own, theirs) if each.code == "origin"]
    assert origin.values == {"first": "general.name", "a": "tiny 3", "b": "of another"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"n_embd": 128}, "shapes"),
        ({"extra_words": ("zebra",)}, "vocabulary"),
    ],
)
def test_other_models_are_told(
    places: Places, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    write_bpe(tmp_path / "a.gguf", MODEL)
    write_bpe(tmp_path / "b.gguf", replace(MODEL, **change))  # type: ignore[arg-type]
    names = [tmp_path / "a.gguf", tmp_path / "b.gguf"]
    a, b = find_model_files(names, tmp_path / "headers", places=places).found
    codes = {difference.code for difference in compare_headers(a, b)}
    assert code in codes
    assert len(families([a, b])) == 2


def test_what_is_cached_is_here_and_is_not_asked_for(
    hub: Hub, places: Places, tmp_path: Path
) -> None:
    path = resolve_model("hf:owner/repo:Q4_0", places=places)
    hub.sent.clear()
    offers = by_name(find_model_files(["hf:owner/repo:Q4_0"], tmp_path / "headers", places=places))
    assert (offers["tiny-Q4_0"].path, offers["tiny-Q4_0"].store) == (path, "hugging face")
    assert hub.sent == {}


def test_offline_the_cache_is_taken(hub: Hub, places: Places, tmp_path: Path) -> None:
    resolve_model("hf:owner/repo:Q4_0", places=places)
    hub.requests.clear()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for environment, why in (
        ({"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ({"HF_ENDPOINT": f"http://127.0.0.1:{port}"}, "cannot be reached: Connection refused"),
    ):
        away = replace(places, environment=environment)
        offers = find_model_files(["hf:owner/repo"], tmp_path / "headers", places=away)
        assert [offer.name for offer in offers.found] == ["tiny-Q4_0"]
        assert len(offers.offline) == 1
        assert why in offers.offline[0]
        with pytest.raises(OfflineError, match=r"hf:other/tiny: .*nothing of it is in the cache"):
            find_model_files(["hf:other/tiny"], tmp_path / "headers", places=away)
    offers = find_model_files(["hf:owner/repo"], tmp_path / "headers", places=places, offline=True)
    assert [offer.name for offer in offers.found] == ["tiny-Q4_0"]
    assert hub.requests == []


def test_stores_and_folders(tmp_path: Path, files: Mapping[str, Path]) -> None:
    model = files["owner/repo/tiny-Q4_0.gguf"]
    lmstudio = tmp_path / ".lmstudio" / "models" / "who" / "tiny-GGUF"
    cache = tmp_path / ".cache" / "llama.cpp"
    for folder in (lmstudio, cache):
        folder.mkdir(parents=True)
        shutil.copy(model, folder / "who_tiny-Q4_0.gguf")
    shutil.copy(files["owner/repo/tiny-Q8_0.gguf"], lmstudio)
    places = Places(home=tmp_path, environment={}, system=tmp_path)
    headers = tmp_path / "headers"
    for name, expected in (
        ("lmstudio:", ["tiny-Q8_0", "who_tiny-Q4_0"]),
        ("lmstudio:who/tiny-GGUF", ["tiny-Q8_0", "who_tiny-Q4_0"]),
        ("lmstudio:who/tiny-GGUF/tiny-Q8_0.gguf", ["tiny-Q8_0"]),
        ("llama.cpp:tiny", ["who_tiny-Q4_0"]),
        (str(lmstudio), ["tiny-Q8_0", "who_tiny-Q4_0"]),
        (str(lmstudio / "tiny-Q8_0.gguf"), ["tiny-Q8_0"]),
        ("embedded:small", ["small"]),
    ):
        offers = find_model_files([name], headers, places=places)
        assert [offer.name for offer in offers.found] == expected, name
        assert all(offer.path == offer.header_file for offer in offers.found)
    link = tmp_path / "link.gguf"
    link.symlink_to(lmstudio / "tiny-Q8_0.gguf")
    offers = find_model_files([lmstudio, link], headers, places=places)
    first = str(lmstudio / "tiny-Q8_0.gguf")
    assert offers.left_out == [LeftOut(str(link), {"code": "copy", "of": first})]
    (tmp_path / "empty").mkdir()
    for name, says in (
        ("lmstudio:nobody", "lmstudio:nobody: names no file; there is: lmstudio:who/tiny-GGUF"),
        (str(tmp_path / "empty"), "empty: the folder holds no .gguf file"),
        (str(tmp_path / "no.gguf"), "no such file"),
        ("hf:nothing", r"write hf:OWNER/REPO"),
        ("", "the name of a model is empty"),
    ):
        with pytest.raises(ModelFileError, match=says):
            find_model_files([name], headers, places=places)


def test_a_wrong_type_names_what_there_is(places: Places, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"hf:owner/repo:Q9: names no file; .*tiny-Q4_0\.gguf"):
        find_model_files(["hf:owner/repo:Q9"], tmp_path / "headers", places=places)


def blobs(places: Places) -> dict[str, int]:
    """Return what is in the cache beside links and folders, with its length."""
    return {
        path.relative_to(places.hub()).as_posix(): path.stat().st_size
        for path in places.hub().rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_one_candidate_beside_the_reference_where_space_is_short(
    hub: Hub, found: ModelFiles, places: Places
) -> None:
    offers = by_name(found)
    reference, *others = (offers[f"tiny-{kind}"] for kind in ("F16", "Q8_0", "Q6_K", "Q4_0"))
    hub.sent.clear()
    downloads = Downloads(found.cache, most_bytes=reference.n_bytes + others[0].n_bytes)
    assert file_sha256(downloads.fetch(reference)) == reference.sha256
    for offer in others:
        path = downloads.fetch(offer, beside=[reference])
        assert file_sha256(path) == offer.sha256
        assert downloads.here == [reference, offer]
        assert sum(blobs(places).values()) == reference.n_bytes + offer.n_bytes + 40  # and a ref
    for offer in (reference, *others):
        assert hub.sent[address(offer.reference)] == offer.n_bytes
    with pytest.raises(NoSpaceError, match=r"tiny-Q8_0\.gguf: needs \d+ bytes .* may be taken"):
        downloads.fetch(others[0], beside=downloads.here)
    downloads.finish("best", others[-1])
    assert sum(blobs(places).values()) == others[-1].n_bytes + 40
    assert resolve_model("hf:owner/repo:Q4_0", places=places, offline=True).exists()
    downloads.finish("none", others[-1])
    assert list(places.hub().iterdir()) == []


def test_what_was_in_the_cache_stays(found: ModelFiles, places: Places) -> None:
    offers = by_name(found)
    mine = resolve_model("hf:owner/repo:Q4_0", places=places)
    store = places.hub() / "models--owner--repo"
    (store / "blobs" / "notes").write_text("mine")
    before = blobs(places)
    downloads = Downloads(found.cache)
    assert downloads.fetch(offers["tiny-Q4_0"]) == mine
    assert downloads.here == []
    downloads.fetch(offers["tiny-Q2_K"])
    assert len(blobs(places)) == len(before) + 1
    downloads.finish("none", None)
    assert blobs(places) == before
    assert mine.read_bytes()[:4] == b"GGUF"


def test_what_another_run_brings_is_waited_for_and_stays(
    hub: Hub, found: ModelFiles, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the file that grows, is given up where that stands still, and ends first then."""
    offer = by_name(found)["tiny-Q4_0"]
    blob = places.hub() / "models--owner--repo" / "blobs" / str(offer.sha256)
    blob.parent.mkdir(parents=True)
    growing = blob.with_name(f".pyengine-{blob.name}.download")
    downloads = Downloads(found.cache)
    with growing.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        monkeypatch.setattr("pyengine.models.hub_cache.PATIENCE_SECONDS", 0.0)
        with pytest.raises(InputError, match="another pyengine is downloading this file"):
            downloads.fetch(offer)
        monkeypatch.setattr("pyengine.models.hub_cache.PATIENCE_SECONDS", 30.0)

        def end() -> None:
            other.write(hub.files["tiny-Q4_0.gguf"])
            other.flush()
            growing.rename(blob)
            fcntl.flock(other, fcntl.LOCK_UN)

        hub.sent.clear()
        timer = threading.Timer(0.5, end)
        timer.start()
        path = downloads.fetch(offer)
        timer.join()
    assert path.resolve() == blob
    assert hub.sent == {}
    assert downloads.here == []
    downloads.finish("none", None)
    assert path.resolve() == blob
    assert sorted(blobs(places)) == [
        f"models--owner--repo/{n}" for n in (f"blobs/{blob.name}", "refs/main")
    ]


@pytest.mark.parametrize("is_link", [False, True])
def test_what_only_looks_missing_stays(found: ModelFiles, places: Places, is_link: bool) -> None:
    """A blob of a wrong size, and a link that leads to none."""
    offer = by_name(found)["tiny-Q4_0"]
    (file,) = offer.remote
    store = places.hub() / "models--owner--repo"
    blob, link = store / "blobs" / file.blob, store / "snapshots" / file.commit / file.path
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    downloads = Downloads(found.cache)
    if is_link:
        link.symlink_to(os.path.relpath(blob, link.parent))
        assert downloads.fetch(offer).read_bytes()[:4] == b"GGUF"
        assert downloads.here == [offer]
    else:
        blob.write_text("the user's own")
        with pytest.raises(ModelFileError, match="was in the cache already"):
            downloads.fetch(offer)
    downloads.finish("none", None)
    assert link.is_symlink() == is_link
    assert blob.exists() != is_link


@pytest.mark.parametrize("was", ["f" * 40, None])
def test_a_ref_names_what_it_did_once_all_is_removed(
    found: ModelFiles, places: Places, was: str | None
) -> None:
    offers = by_name(found)
    ref = places.hub() / "models--owner--repo" / "refs" / "main"
    kept = ref.parent.parent / "snapshots" / "older" / "config.json"
    for path in (ref, kept):
        path.parent.mkdir(parents=True)
        path.write_text(was or "{}")
    if was is None:
        ref.unlink()
    downloads = Downloads(found.cache)
    for kind in ("Q4_0", "Q2_K"):
        downloads.fetch(offers[f"tiny-{kind}"])
    downloads.finish("best", offers["tiny-Q4_0"])
    assert ref.read_text() == offers["tiny-Q4_0"].remote[0].commit
    downloads.finish("none", None)
    assert (ref.read_text() if ref.exists() else None) == was
    assert kept.exists()


def test_a_download_that_ends_early_is_taken_up(
    hub: Hub, found: ModelFiles, places: Places
) -> None:
    offer = by_name(found)["tiny-F16"]
    hub.sent.clear()
    hub.cut_after = offer.n_bytes // 2
    seen: list[int] = []

    def show(of: ModelFile, done: int, n_bytes: int) -> None:
        assert (of, n_bytes) == (offer, offer.n_bytes)
        seen.append(done)
        if done > offer.n_bytes // 4 and len(seen) < 1000:
            seen.extend([0] * 1000)
            raise KeyboardInterrupt

    downloads = Downloads(found.cache, most_bytes=offer.n_bytes, progress=show)
    with pytest.raises(KeyboardInterrupt):
        downloads.fetch(offer)
    downloads.finish("none", None)
    (name,) = blobs(places)
    assert name.endswith(f".pyengine-{offer.sha256}.download")
    (left,) = blobs(places).values()
    assert 0 < left < offer.n_bytes
    hub.cut_after = cut = (offer.n_bytes - left) // 2  # how much came is the machine's pace
    later = Downloads(found.cache, most_bytes=offer.n_bytes)
    assert file_sha256(later.fetch(offer)) == offer.sha256
    begins = [request.rpartition("bytes=")[2].partition("-")[0] for request in hub.requests[-2:]]
    assert int(begins[0]) == left
    assert int(begins[1]) == left + cut
    later.finish("none", None)
    assert list(places.hub().rglob("*.gguf")) == []


def test_wrong_bytes_are_removed_and_said(hub: Hub, found: ModelFiles, places: Places) -> None:
    offer = by_name(found)["tiny-Q4_0"]
    data = bytearray(hub.files["tiny-Q4_0.gguf"])
    data[-1] ^= 1
    hub.files["tiny-Q4_0.gguf"] = bytes(data)
    downloads = Downloads(found.cache)
    with pytest.raises(ModelFileError, match=r"tiny-Q4_0\.gguf: what came does not have"):
        downloads.fetch(offer)
    assert blobs(places) == {}


def test_a_split_model_comes_whole_and_goes_whole(
    places: Places, tmp_path: Path, files: Mapping[str, Path]
) -> None:
    offers = find_model_files(["hf:other/tiny:F32"], tmp_path / "headers", places=places)
    (offer,) = offers.found
    downloads = Downloads(offers.cache)
    path = downloads.fetch(offer)
    assert check_gguf(path).n_bytes == offer.n_bytes
    assert read_tensor_table(path) == read_tensor_table(
        files["other/tiny/parts-F32-00001-of-00002.gguf"]
    )
    downloads.finish("none", None)
    assert list(places.hub().iterdir()) == []


def test_headers_take_little_space(found: ModelFiles) -> None:
    """The copies are as long as the files and hold no weights."""
    on_disk = sum(os.stat(offer.header_file).st_blocks * 512 for offer in found.found)  # noqa: PTH116
    assert on_disk < sum(offer.n_bytes for offer in found.found) / 10
