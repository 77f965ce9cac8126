"""The layouts in which other programs keep their models, made in a temporary home."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import tiny_models
from gguf import GGUFWriter
from test_codegen_user import as_user

from pyengine.errors import ModelFileError, problem_sentence
from pyengine.models.gguf import FILE_TYPES, file_type_name, parts_sha256, read_head, short_name
from pyengine.models.inventory import take_inventory
from pyengine.models.places import Places
from pyengine.models.references import resolve_model
from pyengine.models.stores import choose_files, find_all


def write_gguf(path: Path, *, name: str = "tiny", file_type: int = 15, tail: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.add_array("tokenizer.ggml.scores", [0.5, 1.5])
    writer.add_file_type(file_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with path.open("ab") as file:
        file.write(tail)
    return path


def add_to_ollama(home: Path, name: str, blob: Path) -> Path:
    digest = parts_sha256([blob])
    store = home / ".ollama" / "models"
    target = store / "blobs" / f"sha256-{digest}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(blob.read_bytes())
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    layers = [
        {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "0" * 64},
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"},
    ]
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return target


def add_to_hub(home: Path, repo: str, file: str, blob: Path) -> Path:
    root = home / ".cache" / "huggingface" / "hub" / f"models--{repo.replace('/', '--')}"
    target = root / "blobs" / parts_sha256([blob])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(blob.read_bytes())
    link = root / "snapshots" / "abc123" / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


@pytest.fixture
def home(tmp_path: Path) -> Path:
    model = write_gguf(tmp_path / "source" / "m.gguf", tail=bytes(200_000))
    home = tmp_path / "home"
    add_to_ollama(home, "registry.example/library/qwen/0.5b", model)
    add_to_ollama(home, "hf.example/someone/other-gguf/Q4_K_M", model)
    add_to_hub(home, "owner/repo", "model-Q4_K_M.gguf", model)
    write_gguf(home / ".lmstudio" / "models" / "pub" / "model" / "model-Q8_0.gguf", file_type=7)
    write_gguf(home / ".lmstudio" / "models" / "pub" / "model" / "mmproj-f16.gguf", file_type=1)
    write_gguf(home / ".cache" / "llama.cpp" / "owner_repo_x.gguf", name="cached")
    return home


@pytest.fixture
def places(home: Path, tmp_path: Path) -> Places:
    write_gguf(tmp_path / "embedded" / "base.gguf", name="base")
    return Places(
        home=home, environment={}, platform="linux", embedded=tmp_path / "embedded", system=home
    )


def test_every_store_is_found(places: Places, home: Path) -> None:
    found = {entry.reference: entry.store for entry in find_all(places)}
    assert found == {
        "embedded:base": "embedded",
        "ollama:qwen:0.5b": "ollama",
        "ollama:hf.example/someone/other-gguf:Q4_K_M": "ollama",
        "lmstudio:pub/model/model-Q8_0.gguf": "lmstudio",
        "lmstudio:pub/model/mmproj-f16.gguf": "lmstudio",
        str(home / ".cache/llama.cpp/owner_repo_x.gguf"): "llama.cpp",
        "hf:owner/repo:model-Q4_K_M.gguf": "hugging face",
    }


def test_same_bytes_are_grouped_across_stores_and_links_are_known(
    places: Places, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    twin = write_gguf(folder / "twin.gguf", tail=bytes(200_000))
    (folder / "link.gguf").symlink_to(twin)
    altered = bytearray(twin.read_bytes())
    altered[90_000] ^= 1  # between the samples: only reading it whole can tell
    (folder / "altered.gguf").write_bytes(altered)
    read: list[str] = []
    models = {m["reference"]: m for m in take_inventory(places, [folder], progress=read.append)}
    group = models["ollama:qwen:0.5b"]["same_bytes"]
    assert group is not None
    same = {reference for reference, model in models.items() if model["same_bytes"] == group}
    assert same == {
        "ollama:qwen:0.5b",
        "ollama:hf.example/someone/other-gguf:Q4_K_M",
        "hf:owner/repo:model-Q4_K_M.gguf",
        str(twin),
        str(folder / "link.gguf"),
    }
    assert models[str(folder / "altered.gguf")]["same_bytes"] is None
    assert not models[str(twin)]["same_file"]
    assert sorted(read) == sorted(
        [str(twin), str(folder / "link.gguf"), str(folder / "altered.gguf")]
    )


def test_links_alone_are_one_file_and_nothing_is_read(tmp_path: Path) -> None:
    model = write_gguf(tmp_path / "a.gguf")
    (tmp_path / "b.gguf").hardlink_to(model)
    read: list[str] = []
    empty = Places(home=tmp_path / "none", environment={}, embedded=tmp_path / "x", system=tmp_path)
    a, b = take_inventory(empty, [tmp_path], progress=read.append)
    assert a["same_bytes"] == b["same_bytes"] == 1
    assert a["same_file"]
    assert b["same_file"]
    assert read == []


def test_description_comes_from_the_header(places: Places) -> None:
    models = {m["reference"]: m for m in take_inventory(places)}
    model = models["lmstudio:pub/model/model-Q8_0.gguf"]
    assert (model["name"], model["architecture"], model["file_type"]) == ("tiny", "llama", "Q8_0")
    assert model["n_bytes"] == Path(model["path"]).stat().st_size
    assert model["problem"] is None


def test_a_damaged_file_is_listed_with_its_problem(tmp_path: Path) -> None:
    good = write_gguf(tmp_path / "good.gguf")
    (tmp_path / "cut.gguf").write_bytes(good.read_bytes()[:60])
    whole = tiny_models.write_plain(tmp_path / "whole.gguf")
    (tmp_path / "short.gguf").write_bytes(whole.read_bytes()[:-5000])
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "text.gguf").write_bytes(b"hello world, this is no model")
    empty = Places(home=tmp_path / "none", environment={}, embedded=tmp_path / "x", system=tmp_path)
    models = {Path(m["path"]).name: m for m in take_inventory(empty, [tmp_path])}
    assert models["good.gguf"]["problem"] is None
    assert models["whole.gguf"]["problem"] is None
    assert "truncated" in models["short.gguf"]["problem"]["message"]
    assert models["short.gguf"]["architecture"] == "llama"
    for name in ("cut.gguf", "empty.gguf", "text.gguf"):
        assert models[name]["problem"]["code"] == "unreadable"
        assert models[name]["problem"]["message"]
        assert models[name]["architecture"] is None


def test_every_truncation_of_a_header_is_a_typed_error(tmp_path: Path) -> None:
    data = write_gguf(tmp_path / "good.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    whole = read_head(tmp_path / "good.gguf")
    for length in range(0, len(data), 3):
        path.write_bytes(data[:length])
        try:
            head = read_head(path)
        except ModelFileError:
            continue
        assert head == whole  # only the alignment padding at the end may be missing


def test_absurd_numbers_are_typed_errors_too(tmp_path: Path) -> None:
    data = bytearray(write_gguf(tmp_path / "good.gguf").read_bytes())
    path = tmp_path / "bad.gguf"
    for offset in range(8, len(data) - 8, 4):
        path.write_bytes(data[:offset] + b"\xff" * 8 + data[offset + 8 :])
        with contextlib.suppress(ModelFileError):
            read_head(path)


def test_parts_of_a_split_model_are_one_entry(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write_gguf(tmp_path / f"big-{number:05d}-of-00003.gguf", name=f"part {number}")
    empty = Places(home=tmp_path / "none", environment={}, embedded=tmp_path / "x", system=tmp_path)
    (model,) = take_inventory(empty, [tmp_path])
    assert model["n_parts"] == 3
    assert model["n_bytes"] == sum(p.stat().st_size for p in tmp_path.glob("*.gguf"))


def test_a_name_that_is_not_utf8_is_a_problem_of_its_file(tmp_path: Path) -> None:
    good = write_gguf(tmp_path / "good.gguf")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.gguf")).write_bytes(good.read_bytes()[:-1])
    empty = Places(home=tmp_path / "none", environment={}, embedded=tmp_path / "x", system=tmp_path)
    first, second = take_inventory(empty, [tmp_path])
    assert first["problem"] is None
    assert second["problem"]["message"] == "its name is not UTF-8; give it another"


def test_parts_that_are_missing_are_told(tmp_path: Path) -> None:
    path = tmp_path / "big-00001-of-00003.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_int16("general.negative", -1)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    writer.add_uint16("split.count", 3)  # behind the tokenizer, as llama-gguf-split writes it
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert read_head(path) == (0, {"general.architecture": "llama", "split.count": 3})
    empty = Places(home=tmp_path / "none", environment={}, embedded=tmp_path / "x", system=tmp_path)
    (model,) = take_inventory(empty, [tmp_path])
    assert model["problem"] == {"code": "parts-missing", "here": 1, "parts": 3}


def test_references_resolve(places: Places, home: Path, tmp_path: Path) -> None:
    lmstudio = home / ".lmstudio/models/pub/model/model-Q8_0.gguf"
    path = write_gguf(tmp_path / "plain.gguf")
    assert resolve_model(None, places=places) == tmp_path / "embedded" / "base.gguf"
    assert resolve_model("embedded:base", places=places).name == "base.gguf"
    assert resolve_model("ollama:qwen:0.5b", places=places).name.startswith("sha256-")
    assert resolve_model("lmstudio:pub/model", places=places) == lmstudio
    assert resolve_model("lmstudio:pub/model/model-Q8_0.gguf", places=places) == lmstudio
    assert resolve_model("hf:owner/repo:Q4_K_M", places=places, offline=True).is_symlink()
    assert resolve_model(str(path), places=places) == path


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("ollama:qwen", "ollama:qwen:0.5b"),
        ("ollama:", "ollama:NAME"),
        ("lmstudio:nobody/x", "lmstudio:pub/model/model-Q8_0.gguf"),
        ("hf:owner/repo:Q2_K", "hf:owner/repo:model-Q4_K_M.gguf"),
        ("hf:just-a-name", "hf:OWNER/REPO"),
        ("hf:../..:x", "hf:OWNER/REPO"),
        ("embedded:huge", "base"),
        ("no/such.gguf", "no such file"),
    ],
)
def test_what_names_nothing_says_what_is_there(places: Places, reference: str, says: str) -> None:
    with pytest.raises(ModelFileError, match=re.escape(says)):
        resolve_model(reference, places=places, offline=True)


def test_a_folder_names_its_one_model(places: Places, tmp_path: Path) -> None:
    one = tmp_path / "one" / "below"
    one.mkdir(parents=True)
    with pytest.raises(ModelFileError, match=r"one: is a folder that holds no \.gguf"):
        resolve_model(one.parent, places=places)
    (one / "model.gguf").write_bytes(b"GGUF")
    assert resolve_model(one.parent, places=places) == one / "model.gguf"
    (one / "other.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelFileError, match=r"one: is a folder.*\(model\.gguf, other\.gguf\)"):
        resolve_model(one.parent, places=places)


def test_a_type_matches_whole_words_only() -> None:
    files = ["m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q4_K.gguf", "mmproj-Q4_K.gguf", "f16/m.gguf"]
    assert choose_files(files, "q4_k") == ["m-Q4_K.gguf"]
    assert choose_files(files, "Q4_K_M") == ["m-Q4_K_M.gguf"]
    assert choose_files(files, "f16") == ["f16/m.gguf"]
    assert choose_files(files, "m-Q4_K_S.gguf") == ["m-Q4_K_S.gguf"]
    assert choose_files(files, "Q4") == []


def test_the_environment_moves_the_stores(tmp_path: Path) -> None:
    for name in ("o", "l", "h"):
        (tmp_path / name).mkdir()
    environment = {
        "OLLAMA_MODELS": str(tmp_path / "o"),
        "LLAMA_CACHE": str(tmp_path / "l"),
        "HF_HOME": str(tmp_path / "h"),
    }
    places = Places(home=tmp_path, environment=environment, system=tmp_path)
    assert places.ollama() == [tmp_path / "o"]
    assert places.llama_cpp() == [tmp_path / "l"]
    assert places.hub() == tmp_path / "h" / "hub"


def test_every_file_type_has_the_name_that_gguf_gives_it() -> None:
    from gguf.constants import LlamaFileType

    names = {number.value: number.name for number in LlamaFileType if number.name != "GUESSED"}
    assert {
        number: name.removeprefix("MOSTLY_").removeprefix("ALL_") for number, name in names.items()
    } == FILE_TYPES
    assert file_type_name(15) == "Q4_K_M"
    assert file_type_name(999) == "type 999"
    assert file_type_name(1024) is None
    assert file_type_name("15") is None


DAMAGED = (b"{", b"[]", b'{"layers": 3}', b'{"layers": [3]}', b"\xff\xfe", b"[" * 100_000)


@pytest.mark.parametrize("content", [*DAMAGED, bytes(2 << 20)])
def test_a_damaged_manifest_hides_only_itself(places: Places, home: Path, content: bytes) -> None:
    before = [entry.reference for entry in find_all(places)]
    folder = home / ".ollama" / "models" / "manifests" / "registry.example" / "library" / "qwen"
    (folder / "damaged").write_bytes(content)
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere").symlink_to("nothing")
    assert [entry.reference for entry in find_all(places)] == before
    (home / ".lmstudio" / "settings.json").write_bytes(content)
    assert [entry.reference for entry in find_all(places)] == before


def test_a_file_that_a_store_names_by_its_hash_goes_by_its_model(tmp_path: Path) -> None:
    assert short_name(write_gguf(tmp_path / "Some.Model-Q4_K_M.gguf")) == "Some.Model-Q4_K_M"
    blob = write_gguf(tmp_path / f"sha256-{'a' * 64}", name="two\nlines")
    assert short_name(blob) == "two lines Q4_K_M"
    assert short_name(write_gguf(tmp_path / ("b" * 64), file_type=7)) == "tiny Q8_0"
    (tmp_path / f"sha256-{'c' * 64}").write_bytes(b"damaged")
    assert short_name(tmp_path / f"sha256-{'c' * 64}") == "sha256-cccccccccccc"


LOOKED_AT = """
import os, sys
from pyengine.commands.app import run
os.environ.update(argument.split("=") for argument in sys.argv[2:])
sys.exit(run(["models", sys.argv[1]]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become another user")
def test_stores_without_permission_are_named(home: Path) -> None:
    """By an ordinary user, who may not list what is root's alone."""
    closed = {
        "OLLAMA_MODELS": ".ollama/models/manifests",
        "LLAMA_CACHE": ".cache/llama.cpp",
        "HF_HUB_CACHE": ".cache/huggingface/hub/models--owner--repo/snapshots",
    }
    stores = {
        "OLLAMA_MODELS": home / ".ollama" / "models",
        "LLAMA_CACHE": home / ".cache" / "llama.cpp",
        "HF_HUB_CACHE": home / ".cache" / "huggingface" / "hub",
    }
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is root's alone
        Path(folder).chmod(0o755)
        place = Path(folder) / "home"
        shutil.copytree(home, place, symlinks=True)
        (place / "mine" / "closed").mkdir(parents=True)
        for name in (*closed.values(), "mine/closed"):
            (place / name).chmod(0o700)
        named = [f"{name}={place / path.relative_to(home)}" for name, path in stores.items()]
        done = subprocess.run(
            as_user("-B", "-c", LOOKED_AT, str(place / "mine"), *named),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    if "Operation not permitted" in done.stderr:
        pytest.skip("this root may not mount, so that the user cannot see the interpreter")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = " ".join(done.stdout.split())
    for name in (*closed.values(), "mine/closed"):
        assert f"{place / name} was not looked into: Permission denied." in said, said


def write_manifest(home: Path, name: str, layers: list[tuple[str, Path]]) -> None:
    store = home / ".ollama" / "models"
    listed = []
    for kind, file in layers:
        digest = parts_sha256([file])
        (store / "blobs").mkdir(parents=True, exist_ok=True)
        (store / "blobs" / f"sha256-{digest}").write_bytes(file.read_bytes())
        media = f"application/vnd.ollama.image.{kind}"
        listed.append({"mediaType": media, "digest": f"sha256:{digest}"})
    manifest = store / "manifests" / "registry.example" / "library" / name / "latest"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": listed}))


def write_typed(path: Path, architecture: str, content: str) -> Path:
    writer = GGUFWriter(path, architecture)
    writer.add_type(content)
    writer.add_name(path.stem)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_what_an_ollama_model_is_made_of_is_understood_or_refused(
    home: Path, tmp_path: Path
) -> None:
    model = write_gguf(tmp_path / "model.gguf", name="the model")
    projector = write_typed(tmp_path / "projector.gguf", "clip", "mmproj")
    adapter = write_typed(tmp_path / "adapter.gguf", "llama", "adapter")
    (text := tmp_path / "text").write_text("{{ .Prompt }}")
    made = {
        "tuned": [("model", model), ("adapter", adapter)],
        "disguised": [("model", model), ("model", adapter)],
        "seeing": [("projector", projector), ("model", model), ("template", text)],
        "seeing-old": [("model", projector), ("model", model)],
        "tensors": [("tensor", model), ("tensor", projector)],
        "mixed": [("tensor", projector), ("model", model)],
        "twice": [("model", model), ("model", write_gguf(tmp_path / "b.gguf", name="b"))],
        "new": [("model", model), ("speculator", text)],
        "words": [("template", text)],
    }
    for name, layers in made.items():
        write_manifest(home, name, layers)
    places = Places(home=home, environment={}, embedded=tmp_path / "none", system=home)
    for name in ("seeing", "seeing-old"):
        path = resolve_model(f"ollama:{name}", places=places)
        assert path.read_bytes() == model.read_bytes()
    refused = {
        "tuned": "adapter",
        "disguised": "adapter",
        "tensors": "single tensors",
        "mixed": "single tensors",
        "twice": "2 files of weights",
        "new": "'speculator'",
    }
    for name, reason in refused.items():
        with pytest.raises(ModelFileError, match=reason):
            resolve_model(f"ollama:{name}", places=places)
    problems = {m["reference"]: m["problem"] for m in take_inventory(places)}
    listed = {
        name: problem_sentence(problem) if problem else "" for name, problem in problems.items()
    }
    assert "ollama:words:latest" not in listed
    for name, reason in refused.items():
        assert reason in listed[f"ollama:{name}:latest"]
    assert listed["ollama:seeing:latest"] == ""


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    store, disk = tmp_path / "home" / ".lmstudio" / "models", tmp_path / "disk"
    write_gguf(disk / "model" / "linked.gguf")
    write_gguf(tmp_path / "mine" / "own.gguf")
    store.mkdir(parents=True)
    (store / "pub").symlink_to(disk)
    (tmp_path / "mine" / "more").symlink_to(disk)
    (disk / "loop").symlink_to(disk)
    (disk / "up").symlink_to(tmp_path / "mine")
    places = Places(
        home=tmp_path / "home", environment={}, embedded=tmp_path / "none", system=tmp_path
    )
    found = [entry.reference for entry in find_all(places, [tmp_path / "mine"])]
    assert found == [
        "lmstudio:pub/model/linked.gguf",
        "lmstudio:pub/up/own.gguf",
        str(tmp_path / "mine" / "more" / "model" / "linked.gguf"),
        str(tmp_path / "mine" / "own.gguf"),
    ]


def test_a_store_that_may_not_be_entered_is_passed_over(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {entry.reference for entry in find_all(places)}
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if "lmstudio" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = {entry.reference for entry in find_all(places)}
    assert found == {name for name in whole if not name.startswith("lmstudio:")}


def test_no_home_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", missing)
    places = Places(environment={}, system=Path("/nowhere"))
    assert not [*places.ollama(), *places.lmstudio(), *places.llama_cpp()]
    assert {entry.store for entry in find_all(places)} <= {"embedded"}
