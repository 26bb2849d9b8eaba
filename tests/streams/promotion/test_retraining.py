"""Retraining: one at a time, within its limits; each refusal says why with its numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.commands import CommandOutcome
from schemas.policies import RetrainingPolicy
from schemas.record import Record
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.training import TrainingCancelled, TrainingRequest
from streams.promotion.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver
from tests.build import close_time, comparison, model_command, model_policy, registered
from tests.streams.promotion.test_promotion import history

DAY = DAY_MS // MINUTE_MS  # in minutes
HOUR = HOUR_MS // MINUTE_MS
BUDGET = RetrainingPolicy().monthly_budget


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

    def asked(self, action, minute, **fields) -> list[TrainingRequest]:
        made = self.feed(model_command(action, minute, **fields))
        return [r for r in made if isinstance(r, TrainingRequest)]

    def trained(self, minute, version="", verdict="keep", **fields) -> TrainingRequest:
        """Ask for a model and register it."""
        made = self.feed(model_command("retrain", minute, **fields))
        request = next(r for r in made if isinstance(r, TrainingRequest))
        self.register(version or f"v{minute}", minute + 1, request, verdict)
        return request

    def register(self, version, minute, request, verdict) -> None:
        self.feed(
            registered(
                model_version=version,
                event_time_ms=close_time(minute),
                request_id=request.request_id,
                comparison=comparison(verdict=verdict),
            )
        )


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

    refused = log.outcome("retrain", 230)
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

    refused = log.outcome("retrain", 260)

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


def test_a_training_that_ended_without_a_model_makes_room_and_rejects_nobody():
    log = Log()
    for minute in (200, 201, 202):  # more than open the circuit
        [request] = log.asked("retrain", minute)
        ended = log.outcome("fail", minute, training_id=request.request_id, reason="killed by 9")
        assert ended.detail == (
            f"training {request.request_id} (manual) of ensemble/1m has ended without a model: "
            "killed by 9"
        )

    waits = log.outcome("retrain", 203, cause="drift")
    assert waits.detail.startswith("drift waits: cooldown")  # it would fail in a circle
    assert log.outcome("retrain", 204).code == "done"
    late = log.outcome("fail", 205, training_id=request.request_id)
    assert (late.status, late.code) == ("unchanged", "same")


def test_causes_that_may_not_begin_wait_each_once_and_are_trained_for_together():
    log = Log()
    [first] = log.asked("retrain", 200)

    waits = log.outcome("retrain", 210, cause="drift")
    again = log.outcome("retrain", 211, cause="drift")
    log.outcome("retrain", 212, cause="age")
    log.register("x", 220, first, "keep")
    nothing = log.feed(model_command("review", 240))
    [request] = log.asked("review", 200 + 6 * HOUR)

    assert (waits.status, again.status, again.code) == ("accepted", "unchanged", "same")
    assert "is under way for 10 min" in waits.detail
    assert nothing == []
    assert (request.reason, request.causes) == ("drift", ("drift", "age"))
    assert request.champion is not None
    assert request.decision is not None
    assert [(f.name, f.value, f.threshold) for f in request.decision.figures] == [
        ("cooldown_hours", 6.0, 6.0),
        ("monthly_budget", 1.0, 20.0),
        ("max_rejected", 1.0, 2.0),
    ]
    assert log.outcome("retrain", 201 + 6 * HOUR).code == "conflict"  # it is under way


def test_what_waits_is_asked_for_with_a_retraining_by_hand_and_forgotten_with_another_model():
    log = Log()
    log.trained(200, "x")
    log.outcome("retrain", 260, cause="drift")

    [request] = log.asked("retrain", 261, force=True)
    log.outcome("retrain", 262, cause="drift")
    log.register("y", 270, request, "promote")

    assert request.causes == ("manual", "drift")
    assert log.asked("review", 261 + 7 * HOUR) == []


def test_a_cause_is_dropped_and_a_training_given_up_after_their_deadlines():
    log = Log()
    log.feed(model_policy(2, 150, retraining=RetrainingPolicy(
        deadline_hours=2.0, queue_deadline_hours=3.0, cooldown_hours=12.0)))  # fmt: skip
    [request] = log.asked("retrain", 200)
    log.outcome("retrain", 201, cause="drift")

    early = log.feed(model_command("review", 199 + 2 * HOUR))
    given_up = log.outcome("review", 200 + 2 * HOUR)
    dropped = log.outcome("review", 201 + 3 * HOUR)

    assert early == []
    assert given_up.detail == (
        f"training {request.request_id} (manual) is given up after 2 h of market time"
    )
    assert dropped.detail == "drift dropped after 3 h in the queue"
    assert log.asked("review", 200 + 13 * HOUR) == []


def test_a_schedule_counts_market_time_from_the_last_training():
    log = Log()
    log.feed(model_policy(2, 150, retraining=RetrainingPolicy(schedule_days=2.0)))

    early, due = log.asked("review", 115 + 2 * DAY - HOUR), log.asked("review", 115 + 2 * DAY)
    log.outcome("cancel", 116 + 2 * DAY)
    again = log.asked("review", 114 + 4 * DAY), log.asked("review", 115 + 4 * DAY)

    assert (early, [r.causes for r in due]) == ([], [("schedule",)])
    assert [len(requests) for requests in again] == [0, 1]
    assert due[0].decision is not None
    assert due[0].decision.config_id == "v2-0a1b2c3d"


def test_limits_count_from_the_time_of_their_policy_and_a_refusal_names_its_config():
    log = Log()
    log.trained(200)
    log.feed(model_policy(1, 0))
    log.feed(model_policy(2, 300, retraining=RetrainingPolicy(cooldown_hours=1.5)))

    before, after = log.outcome("retrain", 299), log.outcome("retrain", 300)

    assert "expected at least 360 (v1-0a1b2c3d: retraining.cooldown_hours)" in before.detail
    assert after.code == "done"


def test_only_some_symbols_are_trained_on_if_they_are_known():
    log = Log()

    unknown = log.outcome("retrain", 200, symbols=("XRPUSDT",))
    [request] = log.asked("retrain", 201, symbols=("BTCUSDT",))

    assert (unknown.code, unknown.detail) == (
        "invalid",
        "symbols: got XRPUSDT, expected some of BTCUSDT",
    )
    assert request.symbols == ("BTCUSDT",)


@given(
    st.lists(st.sampled_from(["retrain", "drift", "fail", "cancel", "review", "x"]), max_size=30)
)
def test_whatever_happens_no_state_is_without_a_way_out(actions):
    """After both deadlines and a month a training can be asked for, unless the circuit is open."""
    log = Log()
    minute, request = 200, None
    for action in actions:
        minute += 97
        fields = {"cause": "drift"} if action == "drift" else {}
        if action == "fail":
            fields = {"training_id": request.request_id if request else "r"}
        if action == "x" and request is not None:
            log.register(f"v{minute}", minute, request, "manual_review")
            continue
        name = "retrain" if action in ("drift", "x") else action
        made = log.asked(name, minute, **fields)
        request = made[0] if made else request
    minute += 31 * DAY
    log.feed(model_command("review", minute))

    assert log.outcome("retrain", minute + 2 * DAY).code == "done"
