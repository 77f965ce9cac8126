"""Tests of the duration parser that the backup tool's configuration uses."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.durations import DurationError, format_duration, parse_duration

HOUR = 3600


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("0s", 0),
        ("90s", 90),
        ("1m30s", 90),
        ("2h", 2 * HOUR),
        ("1d 12h", 36 * HOUR),
        ("1w", 7 * 24 * HOUR),
        ("  5m ", 300),
        pytest.param("1.5h", 5400, id="fraction"),
        pytest.param("PT10M", 600, id="iso"),
    ],
)
def test_parse(text, seconds):
    assert parse_duration(text) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "5", "5 parsecs", "-1m", "1m1h", "1h 1h", "1,5h"])
def test_nonsense_is_refused(text):
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)


def test_units_must_come_from_large_to_small():
    with pytest.raises(DurationError, match="after a smaller unit"):
        parse_duration("30s 1h")


class TestFormat:
    def test_leaves_out_what_is_zero(self):
        assert format_duration(dt.timedelta(hours=25)) == "1d 1h"

    def test_zero(self):
        assert format_duration(dt.timedelta()) == "0s"

    def test_rounds_to_the_second(self, recwarn):
        assert format_duration(dt.timedelta(seconds=59, milliseconds=600)) == "1m"
        assert not recwarn

    @given(st.integers(min_value=0, max_value=10**8))
    def test_comes_back(self, seconds):
        duration = dt.timedelta(seconds=seconds)
        assert parse_duration(format_duration(duration)) == duration


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKUP_HOME", str(tmp_path))
    path = tmp_path / "backup.toml"
    path.write_text('[keep]\ndaily = "2w"\nhourly = "36h"\n', encoding="utf-8")
    return path


def test_the_configuration_reads_durations(config):
    # Imported here, since the module looks at BACKUP_HOME when it is loaded.
    from backup import settings

    settings.reload()
    assert settings.keep.daily.days == 14
    assert settings.keep.hourly > dt.timedelta(days=1)


@pytest.mark.xfail(reason="months have no fixed length; undecided", strict=True)
def test_months():
    assert parse_duration("1mo").days in (30, 31)
