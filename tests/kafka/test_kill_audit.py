"""SIGKILL at random moments loses nothing, doubles nothing, spoils no state."""

from __future__ import annotations

import pytest

from tests.kafka.audit import kill_audit

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(("kills", "seed"), [(5, 5), pytest.param(50, 50, marks=pytest.mark.audit)])
def test_kills_at_random_moments_lose_double_and_spoil_nothing(new_broker, capsys, kills, seed):
    broker = new_broker()
    broker.start()

    report = kill_audit(broker, kills, seed)

    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201 - the audit's result
    assert report.kills == kills
    assert report.broker_kills >= kills // 10
    assert report.verdict.clean, str(report)
