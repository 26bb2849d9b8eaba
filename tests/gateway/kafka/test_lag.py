"""How far a group is behind, on topics with and without transactions."""

from __future__ import annotations

import pytest

from gateway.kafka.lag import records_behind
from schemas.topics import BARS, RAW_BARS


@pytest.mark.parametrize(
    ("topic", "committed", "end", "behind"),
    [
        (RAW_BARS.name, 10, 10, 0),
        (RAW_BARS.name, 9, 10, 1),
        (BARS.name, 9, 10, 0),
        (BARS.name, 10, 10, 0),
        (BARS.name, 7, 10, 2),
        (RAW_BARS.name, 12, 10, 0),
    ],
)
def test_the_marker_at_the_end_of_a_transaction_is_no_record(topic, committed, end, behind):
    assert records_behind(topic, committed, end) == behind
