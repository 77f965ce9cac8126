"""Every start: the exact ids that are fed, and what a model that lacks one is told."""

from pathlib import Path

import pytest
import tiny_models
from tiny_models import Tiny

from pyengine.errors import OptionError
from pyengine.measure.start_tokens import default_starts, natural_start, resolve_start
from pyengine.models.model import Model, open_model
from pyengine.report.sentences.starts import reason_words

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|fim_prefix|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}if{% endif %}"
)


def write(folder: Path, tiny: Tiny) -> Model:
    return open_model(tiny_models.write_bpe(folder / "tiny.gguf", tiny))


def spelled(model: Model, ids: tuple[int, ...]) -> list[bytes]:
    return [model.vocabulary.piece(token) for token in ids]


def test_a_model_starts_with_its_bos(tmp_path: Path) -> None:
    model = write(tmp_path, Tiny())
    start = natural_start(model.vocabulary)
    assert spelled(model, start.ids) == [b"<|begin|>"]
    assert start.reason == "bos-added"


def test_eos_stands_in_for_bos(tmp_path: Path) -> None:
    model = write(tmp_path, Tiny(bos=False))
    start = natural_start(model.vocabulary)
    assert spelled(model, start.ids) == [b"<|end|>"]
    assert start.reason == "eos-for-bos"
    with pytest.raises(OptionError, match=r"'bos'.*tiny\.gguf"):
        resolve_start("bos", model)


def test_a_newline_stands_in_for_both(tmp_path: Path) -> None:
    model = write(tmp_path, Tiny(bos=False, eos=False))
    assert spelled(model, natural_start(model.vocabulary).ids) == [b"\n"]
    assert natural_start(model.vocabulary).reason == "newline-for-bos"
    with pytest.raises(OptionError, match="'eos'"):
        resolve_start("eos", model)


def test_token_zero_is_the_last_resort(tmp_path: Path) -> None:
    model = write(tmp_path, Tiny(bos=False, eos=False, newline=False))
    assert natural_start(model.vocabulary).ids == (0,)
    assert natural_start(model.vocabulary).reason == "zero-for-bos"


@pytest.mark.parametrize(
    ("spec", "pieces"),
    [
        ("natural", [b"<|begin|>"]),
        ("bos", [b"<|begin|>"]),
        ("eos", [b"<|end|>"]),
        ("newline", [b"<|begin|>", b"\n"]),
        ("fim", [b"<|begin|>", b"<|fim_prefix|>", b"<|fim_suffix|>", b"<|fim_middle|>"]),
        ("fence:go", [b"<|begin|>", b"`", b"`", b"`", b"g", b"o", b"\n"]),
        ("text:return:1", [b"<|begin|>", b"return", b":", b"1"]),
        ("text:<|end|>", [b"<|begin|>", b"<", b"|", b"e", b"n", b"d", b"|", b">"]),
    ],
)
def test_every_start_has_its_ids(tmp_path: Path, spec: str, pieces: list[bytes]) -> None:
    model = write(tmp_path, Tiny())
    start = resolve_start(spec, model)
    assert spelled(model, start.ids) == pieces
    assert start.name == spec
    assert reason_words(start.reason)


def test_the_chat_start_is_the_rendered_template(tmp_path: Path) -> None:
    model = write(tmp_path, Tiny(chat_template=TEMPLATE))
    start = resolve_start("chat", model)
    words = [b"<|begin|>", b"<|fim_prefix|>", b"u", b"s", b"e", b"r", b"\n", b"<|end|>", b"if"]
    assert spelled(model, start.ids) == words
    assert start.reason == "chat"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("chat", "no chat template"),
        ("fim", "fill-in-the-middle"),
        ("fence:", "unknown start 'fence:'"),
        ("text:", "unknown start 'text:'"),
        ("BOS", "unknown start 'BOS'"),
        ("nonsense", "fence:LANGUAGE"),
    ],
)
def test_a_start_that_cannot_be_had_is_named(tmp_path: Path, spec: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        resolve_start(spec, write(tmp_path, Tiny(fim=False)))


def test_default_starts_are_all_that_the_model_supports(tmp_path: Path) -> None:
    model = write(tmp_path, Tiny(bos=False, fim=False))
    names = [start.name for start in default_starts(model)]
    assert names == ["natural", "newline", "fence:python"]  # eos is the natural one already
    (tmp_path / "full").mkdir()
    full = write(tmp_path / "full", Tiny(chat_template=TEMPLATE))
    names = [start.name for start in default_starts(full)]
    assert names == ["natural", "eos", "newline", "fim", "chat", "fence:python"]


def test_a_hostile_template_costs_the_chat_start_alone(tmp_path: Path) -> None:
    model = write(tmp_path, Tiny(chat_template="{{ ''.__class__.__mro__[1].__subclasses__() }}"))
    assert "chat" not in [start.name for start in default_starts(model)]
