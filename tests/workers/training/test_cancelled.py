"""A training looks up whether it was cancelled, by whom and why."""

from __future__ import annotations

from schemas.timeframes import MINUTE_MS
from schemas.training import TrainingCancelled
from tests.build import START_MS, training_request
from workers.training.cancelled import CancelledTrainings


def test_only_a_training_that_was_cancelled_is_and_says_by_whom_and_why():
    cancelled = CancelledTrainings()
    record = TrainingCancelled(
        request_id="r1",
        strategy="ensemble",
        timeframe_ms=MINUTE_MS,
        event_time_ms=START_MS,
        by="ana",
        reason="too late",
    )

    cancelled.take([training_request(2), record, record.model_copy(update={"request_id": "r3"})])

    assert cancelled.why("r1") == "cancelled by ana: too late"
    assert cancelled.why("r2") == ""
