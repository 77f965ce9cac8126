"""What models are called in tables and pictures."""

import pytest
from run_samples import estimate, info, made_run

from pyengine.code.languages import LANGUAGES
from pyengine.report.comparison_pictures import comparison_pictures
from pyengine.report.document import Picture
from pyengine.report.pieces import file_name, place_words
from pyengine.report.terminal import render_terminal
from pyengine.report.views import documents_of
from pyengine.report.words import member_name
from pyengine.vocabulary.keywords import load_tables

HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize("stored", [HASH, f"sha256-{HASH}", f"{HASH}.gguf"])
def test_a_file_that_a_store_named_by_its_hash_goes_by_its_model(stored: str) -> None:
    assert file_name(f"/store/blobs/{stored}", "Qwen 0.5B") == "Qwen 0.5B"


@pytest.mark.parametrize("name", ["qwen.Q4_K_M.gguf", "sha256-short", f"{HASH}0", f"x-{HASH}.gguf"])
def test_any_other_file_goes_by_its_name(name: str) -> None:
    assert file_name(f"models/{name}", "Qwen 0.5B") == name
    assert file_name(name, "Qwen 0.5B") == name


def test_a_language_is_called_as_people_call_it_everywhere() -> None:
    titles = {table.language: table.title for table in load_tables().values()}
    titles |= {name: language.title for name, language in LANGUAGES.items()}
    assert {name: member_name("language", name) for name in titles} == titles
    assert member_name("class", "c") == "c"
    assert member_name("language", "zig") == "zig"

    rows = [
        estimate("kl", "m-Q8", 0.1, 0.01, reference="m", group=group)
        for group in ("", "language=cpp", "language=csharp")
    ]
    run = made_run([info("m", 9), info("m-Q8", 5)], rows, command="compare")
    ((_, document),) = documents_of([run])
    text = render_terminal(document, width=200)
    assert "\nC++ " in text
    assert "\nC# " in text
    assert "csharp" not in text
    (heat,) = (
        picture
        for picture in comparison_pictures(run)
        if isinstance(picture, Picture) and picture.name == "by-language"
    )
    assert heat.chart.categories == ("C++", "C#")


def test_a_place_is_written_as_editors_take_it() -> None:
    assert place_words({"document": "a.py", "place": [3, 14]}) == "a.py:3:14"
    assert place_words({"document": "a.py", "place": None}) == "a.py"
