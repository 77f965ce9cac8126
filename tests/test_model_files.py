"""What a model file says of itself, and how each unusable one is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from tiny_models import Tiny

from pyengine.errors import ModelFileError, ModelKindError
from pyengine.models.gguf import check_gguf
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.quantize import file_sha256
from pyengine.models.session import Session

ONE_THREAD = SessionOptions(n_ctx=32, n_batch=32, threads=1)


def test_a_model_describes_itself(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf", Tiny(seed=4))
    with open_model(path) as model:
        assert (model.architecture, model.name) == ("llama", "tiny 4")
        assert (model.n_vocab, model.n_embd, model.n_layer) == (384, 32, 2)
        assert model.n_ctx_train == 256
        # Embedding, two blocks of four attention and three feed-forward matrices, norms.
        block = 32 * 32 * 2 + 2 * 16 * 32 + 3 * 32 * 64 + 2 * 32
        assert model.n_params == 384 * 32 + 2 * block + 32
        assert model.n_bytes == 4 * model.n_params
        assert model.bits_per_weight == 32
        assert model.file_bytes == path.stat().st_size
        assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert model.metadata["llama.block_count"] == "2"
        assert not model.is_recurrent
        assert model.chat_template is None


def test_a_name_is_one_line(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf", Tiny(seed=4))
    path.write_bytes(path.read_bytes().replace(b"tiny 4", b"ti\n\t 4", 1))
    with open_model(path) as model:
        assert model.metadata["general.name"] == "ti\n\t 4"
        assert model.name == "ti 4"


def test_the_chat_template_is_that_of_the_file(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf", Tiny(chat_template="{{ 'é' }}"))
    assert open_model(path).chat_template == "{{ 'é' }}"


def test_equal_seeds_make_equal_files(tmp_path: Path) -> None:
    one, again, other = (
        tiny_models.write_bpe(tmp_path / f"{i}.gguf", Tiny(seed=seed)).read_bytes()
        for i, seed in enumerate((1, 1, 2))
    )
    assert one == again
    assert one != other


def test_a_split_model_opens_by_its_first_part(tmp_path: Path) -> None:
    whole = open_model(tiny_models.write_bpe(tmp_path / "whole.gguf"))
    first = tiny_models.write_bpe(tmp_path / "tiny-00001-of-00002.gguf", Tiny(parts=2))
    split = open_model(first)
    assert [Path(part).name for part in check_gguf(first).parts] == [
        "tiny-00001-of-00002.gguf",
        "tiny-00002-of-00002.gguf",
    ]
    assert split.n_params == whole.n_params
    rows = [Session(model, options=ONE_THREAD).logits([304]) for model in (whole, split)]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_a_split_model_is_as_large_and_as_different_as_all_its_parts(tmp_path: Path) -> None:
    first = tiny_models.write_bpe(tmp_path / "tiny-00001-of-00002.gguf", Tiny(parts=2))
    parts = (first, tmp_path / "tiny-00002-of-00002.gguf")
    model = open_model(first)
    assert model.parts == parts
    assert model.file_bytes == sum(part.stat().st_size for part in parts)
    assert model.sha256 == hashlib.sha256(b"".join(p.read_bytes() for p in parts)).hexdigest()
    assert model.sha256 == file_sha256(first)
    before = model.sha256
    data = bytearray(parts[1].read_bytes())
    data[-1] ^= 1
    parts[1].write_bytes(data)
    assert open_model(first).sha256 != before


def test_hashing_tells_its_progress_once(tmp_path: Path) -> None:
    model = open_model(tiny_models.write_bpe(tmp_path / "tiny.gguf"))
    seen: list[float] = []
    assert model.hash_bytes(seen.append) == model.sha256
    assert seen[-1] == 1.0
    assert model.hash_bytes(lambda _: pytest.fail("hashed again")) == model.sha256


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    first = tiny_models.write_bpe(tmp_path / "tiny-00001-of-00002.gguf", Tiny(parts=2))
    (tmp_path / "tiny-00002-of-00002.gguf").unlink()
    with pytest.raises(ModelFileError, match="tiny-00002-of-00002"):
        open_model(first)


def test_without_its_vocabulary_a_model_gives_the_same_logits(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf")
    whole = open_model(path)
    bare = open_model(path, options=ModelOptions(skip_vocabulary=True))
    assert (bare.vocabulary.kind, bare.n_vocab) == ("none", whole.n_vocab)
    rows = [Session(model, options=ONE_THREAD).logits([304, 5]) for model in (whole, bare)]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_reading_instead_of_mapping_gives_the_same_logits(tmp_path: Path) -> None:
    path = tiny_models.write_spm(tmp_path / "tiny.gguf")
    rows = [
        Session(open_model(path, options=ModelOptions(use_mmap=use)), options=ONE_THREAD).logits(
            [1]
        )
        for use in (True, False)
    ]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_a_vocabulary_has_no_weights(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "vocabulary.gguf", Tiny(weights=False))
    with pytest.raises(ModelKindError, match=r"vocabulary\.gguf"):
        open_model(path)
    model = open_model(path, options=ModelOptions(vocabulary_only=True))
    assert not model.has_weights
    assert model.vocabulary.token(b"import") == 256
    with pytest.raises(ModelKindError, match="vocabulary only"):
        Session(model)


def test_an_embedding_model_has_no_next_token(tmp_path: Path) -> None:
    model = open_model(tiny_models.write_bpe(tmp_path / "embed.gguf", Tiny(causal=False)))
    with pytest.raises(ModelKindError, match="embedding model"):
        Session(model)


def test_progress_rises_to_one(tmp_path: Path) -> None:
    seen: list[float] = []
    open_model(tiny_models.write_bpe(tmp_path / "tiny.gguf"), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_ctrl_c_in_the_progress_stops_the_load(tmp_path: Path) -> None:
    def stop(_fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_model(tiny_models.write_bpe(tmp_path / "tiny.gguf"), progress=stop)


def test_a_closed_model_says_so_and_its_session_lives_on(tmp_path: Path) -> None:
    model = open_model(tiny_models.write_bpe(tmp_path / "tiny.gguf"))
    session = Session(model, options=ONE_THREAD)
    before = session.logits([304])
    model.close()
    with pytest.raises(ModelKindError, match="closed"):
        _ = model.vocabulary
    np.testing.assert_array_equal(session.context.logits[0], before)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.gguf", None, "no such file"),
        ("empty.gguf", b"", r"empty\.gguf"),
        ("short.gguf", b"GG", r"short\.gguf"),
        ("foreign.gguf", b"PK\x03\x04" + bytes(100), r"foreign\.gguf"),
        ("header.gguf", b"GGUF\x03\x00\x00\x00", r"header\.gguf"),
        ("future.gguf", b"GGUF\x63\x00\x00\x00" + bytes(16), r"future\.gguf"),
        ("big_endian.gguf", b"GGUF\x00\x00\x00\x03" + bytes(16), r"big_endian\.gguf"),
    ],
)
def test_what_is_no_model_is_named(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=said):
        open_model(path)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="not a file"):
        open_model(tmp_path)
