"""SIGKILL at random moments loses nothing, doubles nothing, spoils no state."""

from __future__ import annotations

import pytest

from tests.kafka.audit import KillPlan, kill_audit

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(
    "plan", [KillPlan(5, 5, 3.0), pytest.param(KillPlan(50, 50), marks=pytest.mark.audit)], ids=str
)
def test_kills_at_random_moments_lose_double_and_spoil_nothing(new_broker, capsys, plan):
    broker = new_broker()
    broker.start()

    report = kill_audit(broker, plan)

    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201 - the audit's result
    assert report.kills == plan.kills
    assert report.broker_kills >= max(1, plan.kills // 10)
    assert report.verdict.clean, str(report)
