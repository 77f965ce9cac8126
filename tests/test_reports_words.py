"""What is data in reports: tables name metrics and writers that exist, words are used and fit."""

import re
from pathlib import Path
from string import Formatter

import pytest

import pyengine.report
from pyengine.report.listing import TABLES, listing
from pyengine.report.numbers import writer
from pyengine.report.words import TERMS, WORDS, filled, say
from pyengine.run import METRICS

ROOM = Path(pyengine.report.__file__).parent
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOM.rglob("*.py")))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_shows_what_exists(name: str) -> None:
    spec = TABLES[name]
    for column in spec["columns"]:
        if column == "…":
            continue
        assert ("metric" in column) != ("of" in column)
        assert column.get("metric", "kl") in METRICS
        writer(column.get("write", "text"))
    assert f'"{name}"' in SOURCE or re.sub(r"(by|vocab)-.*", r"\1-", name) in SOURCE


def test_units_are_alike_in_all_tables() -> None:
    columns = [column for spec in TABLES.values() for column in spec["columns"] if column != "…"]
    assert {column["unit"] for column in columns if "unit" in column} == {"nats", "tokens"}
    own = {metric.unit for metric in METRICS.values() if metric.style not in ("bytes", "seconds")}
    assert own == {"", "bits", "nats", "bytes", "tokens/s"}  # bits and bytes per something
    assert {metric.unit for metric in METRICS.values() if metric.style == "bytes"} == {"bytes"}


def test_every_topic_is_used() -> None:
    for topic in WORDS:
        assert re.search(rf"""["']{topic}["']""", SOURCE), topic


def test_all_words_can_be_read() -> None:
    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for inner in value.values() for text in texts(inner)]
        return [str(value)]

    for text in texts(WORDS):
        assert text.count("[[") == text.count("]]")
        list(Formatter().parse(text.replace("[[", "").replace("]]", "")))
    for term in TERMS.values():
        assert not [
            text for text in texts({**WORDS, "terms": {}}) if term in text and term[0] in "ab"
        ]


def test_parts_without_values_are_left_out() -> None:
    words = "{n:n file}[[, {size:size}]][[ in {folder}]]; {names:list}"
    assert filled(words, {"n": 1, "size": None, "folder": "", "names": []}) == "1 file; none"
    assert filled(words, {"n": 2000, "size": 2048, "folder": "x", "names": ["a", "b"]}) == (
        "2,000 files, 2.00 KiB in x; a, b"
    )
    assert say("found", "threads", cores=2, threads=1, limit=None, load=0.5).endswith(
        "1; load 0.50"
    )


def test_values_are_no_templates() -> None:
    rows = [{"model": "{0} [[x]]", "js": None, "kl": 0.5, "refused": "{model}"}]
    made = listing("probe-against", rows, first="{first} [[y]]")
    assert made.title == "Against {first} [[y]], token by token"
    assert [cell.text for cell in made.rows[0]] == ["{0} [[x]]", "–", "0.500", "{model}"]
