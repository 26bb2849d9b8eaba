"""Every record of every topic is one line that people can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.cli.tables.record import LONGEST_LINE, record_line
from tests.build import close_time, raw_bar, signal, status

GOLDEN = sorted((Path(__file__).resolve().parents[3] / "golden" / "schemas").glob("*.jsonl"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_record_of_any_topic_is_one_line_without_nulls(path):
    for text in path.read_text().splitlines():
        line = record_line(json.loads(text))

        assert line == line.strip()
        assert len(line.splitlines()) == 1
        assert len(line) <= LONGEST_LINE
        assert "None" not in line.replace("stage=None", "")  # a stage has that name


def test_time_symbol_and_timeframe_come_first_then_values_by_name():
    line = record_line(json.loads(raw_bar(0, close=100.123456).encode()))

    assert line.startswith("2025-06-15 15:08:00  BTCUSDT  1m  ")
    assert "open_time=2025-06-15T15:07:00" in line
    assert "close=100.12 " in line


def test_a_longer_bar_is_told_from_a_base_bar():
    hour = signal(0).model_copy(update={"timeframe_ms": 3_600_000})

    line = record_line(json.loads(hour.encode()))

    assert line.startswith("2025-06-15 15:08:00  BTCUSDT  1h  ")
    assert "timeframe" not in line


def test_objects_show_their_values_and_long_ones_their_number():
    line = record_line(json.loads(signal(0, qualified=False).encode()))
    many = record_line({"event_time_ms": close_time(0), "values": {f"f{n}": 1.0 for n in range(9)}})

    assert "probabilities={sell 0." in line
    assert many == "2025-06-15 15:08:00  values={9 values}"


def test_words_with_spaces_and_line_breaks_are_quoted():
    line = record_line(status(detail="two\nlines").model_dump(mode="json"))

    assert r"detail='two\nlines'" in line


def test_a_record_without_time_or_symbol_still_shows_its_values():
    assert record_line({"unreadable": "no JSON", "offset": 3}) == "unreadable='no JSON' offset=3"
