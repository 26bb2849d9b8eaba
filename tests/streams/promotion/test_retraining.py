"""Retraining: one at a time, within its limits; each refusal says why with its numbers."""

from __future__ import annotations

import pytest

from schemas.commands import CommandOutcome
from schemas.record import Record
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.training import TrainingCancelled, TrainingRequest
from streams.promotion.processor import PROCESSOR
from streams.promotion.retraining import BUDGET
from streams.runtime.memory_driver import MemoryDriver
from tests.build import close_time, comparison, model_command, registered
from tests.streams.promotion.test_promotion import history

DAY = DAY_MS // MINUTE_MS  # in minutes
HOUR = HOUR_MS // MINUTE_MS


class Log:
    """A strategy whose first model serves, and what follows."""

    def __init__(self) -> None:
        self._driver = MemoryDriver([PROCESSOR])
        first = self._driver.feed(history(100))[0]
        assert isinstance(first, TrainingRequest)
        self.feed(registered(event_time_ms=close_time(110), request_id=first.request_id))

    def feed(self, record: Record) -> list[Record]:
        return list(self._driver.feed(record))

    def outcome(self, action, minute, **fields) -> CommandOutcome:
        made = self.feed(model_command(action, minute, **fields))
        return next(r for r in made if isinstance(r, CommandOutcome))

    def trained(self, minute, version="", verdict="keep", **fields) -> TrainingRequest:
        """Ask for a model and register it."""
        made = self.feed(model_command("retrain", minute, **fields))
        request = next(r for r in made if isinstance(r, TrainingRequest))
        self.feed(
            registered(
                model_version=version or f"v{minute}",
                event_time_ms=close_time(minute + 1),
                request_id=request.request_id,
                comparison=comparison(verdict=verdict),
            )
        )
        return request


def test_a_retraining_asks_for_bars_up_to_now_and_names_the_champion():
    closes = {"BTCUSDT": close_time(199), "XRPUSDT": close_time(199)}

    request = Log().trained(200, closes=closes, cause="drift")

    assert (request.reason, request.to_ms) == ("drift", close_time(199))
    assert request.closes == {"BTCUSDT": close_time(199)}
    assert request.champion is not None
    assert request.champion.model_version == "m1"


def test_one_training_at_a_time_until_it_registers_is_cancelled_or_given_up():
    log = Log()
    made = log.feed(model_command("retrain", 200))
    request = next(r for r in made if isinstance(r, TrainingRequest))

    refused = log.outcome("retrain", 230, cause="drift")
    assert refused.code == "conflict"
    assert f"{request.request_id} (manual) is under way for 30 min" in refused.detail
    assert log.outcome("cancel", 231, training_id="other").code == "conflict"
    cancelled = log.feed(model_command("cancel", 232))
    assert [r.request_id for r in cancelled if isinstance(r, TrainingCancelled)] == [
        request.request_id
    ]
    assert log.outcome("retrain", 233, force=True).code == "done"
    assert log.outcome("retrain", 233 + DAY, force=True).code == "done"


def test_between_two_retrainings_lies_a_cooldown_that_force_passes_over():
    log = Log()
    log.trained(200, verdict="manual_review")

    refused = log.outcome("retrain", 260, cause="age")

    assert refused.code == "conflict"
    assert "60 min of market time ago, expected at least 360" in refused.detail
    assert log.outcome("retrain", 261, force=True).code == "done"


def test_a_month_of_market_time_has_a_budget():
    log = Log()
    for number in range(BUDGET):
        log.trained(200 + number * DAY, verdict="manual_review")

    refused = log.outcome("retrain", 200 + 21 * DAY)

    assert f"{BUDGET} retrainings within 30 days" in refused.detail
    assert log.outcome("retrain", 200 + 31 * DAY).code == "done"


@pytest.mark.parametrize("closing", ["promote", "force"])
def test_two_challengers_kept_out_open_the_circuit_until_one_is_promoted(closing):
    log = Log()
    log.trained(200, "x")
    log.trained(200 + 7 * HOUR, "y")

    refused = log.outcome("retrain", 200 + 14 * HOUR, cause="drift")

    assert "2 challengers in a row were kept out" in refused.detail
    assert "2 (x), 3 (y)" in refused.detail
    if closing == "force":
        assert log.outcome("retrain", 201 + 14 * HOUR, force=True).code == "done"
        return
    log.feed(model_command("stage", 201 + 14 * HOUR, version="x"))
    log.feed(model_command("promote", 202 + 14 * HOUR, version="x"))
    assert log.outcome("retrain", 203 + 14 * HOUR).code == "done"
