"""A broker that does not get ready is tried again and again; only unusable data ends a run."""

from __future__ import annotations

import pytest

from deploy.local.broker_keeper import BrokerKeeper
from deploy.local.errors import BrokerDiedError, BrokerError, FolderError


class Attempts:
    """A start that fails as told, and a clock that the test moves."""

    def __init__(self, *failures: BrokerError | None) -> None:
        self.failures = list(failures)
        self.now_s = 0.0
        self.at_s: list[float] = []
        self.told: list[str] = []

    def start(self) -> None:
        self.at_s.append(self.now_s)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure

    def keep_until(self, end_s: int) -> None:
        keeper = BrokerKeeper(
            self.start, lambda text, *_: self.told.append(text), lambda: self.now_s
        )
        for second in range(end_s):
            self.now_s = float(second)
            keeper.keep_up()


def test_it_is_tried_again_with_growing_pauses_and_says_so():
    late = BrokerDiedError("the broker did not answer within 90 s; its log is broker.log")
    attempts = Attempts(late, late, late)

    attempts.keep_until(16)

    assert attempts.at_s == [0.0, 2.0, 6.0, 14.0, 15.0]
    assert attempts.told[0] == f"{late}; it is tried again in 2 s"
    assert len(attempts.told) == 3


def test_data_that_cannot_be_used_end_the_run():
    with pytest.raises(FolderError):
        Attempts(FolderError("corrupt")).keep_until(1)
