"""Topics of the gateway: how far back each is read, and what is none of its records."""

from __future__ import annotations

import pytest

from gateway.kafka.topics import decode, start_offset
from gateway.views.series_view import BUDGET, WINDOW
from schemas.telemetry import HEADER_SCHEMA
from schemas.topics import BARS, CLOCK_TICKS, PREDICTION_REPLIES, SIGNALS, WORKER_STATUS
from tests.build import bar

END = 1_000_000


@pytest.mark.parametrize(
    ("topic", "series", "expected"),
    [
        (WORKER_STATUS.name, 1, 7),
        (CLOCK_TICKS.name, 1, END - 200),
        (PREDICTION_REPLIES.name, 1, END),
        (SIGNALS.name, 1, END - 2 * WINDOW),
        (SIGNALS.name, 100, END - 2 * BUDGET),
        (SIGNALS.dead_letters, 1, END - 1_000),
    ],
)
def test_a_topic_is_read_from_the_start_of_its_window(topic, series, expected):
    assert start_offset(topic, first=7, end=END, series=series) == expected


def test_a_window_begins_no_earlier_than_the_first_record_kept():
    assert start_offset(SIGNALS.name, first=7, end=10, series=1) == 7


def test_a_record_of_another_schema_is_refused():
    encoded = bar(0).encode()

    assert decode(BARS.name, [], encoded) == bar(0)
    with pytest.raises(ValueError, match=r"schema 'Bar.v2', expected 'Bar.v1'"):
        decode(BARS.name, [(HEADER_SCHEMA, b"Bar.v2")], encoded)
