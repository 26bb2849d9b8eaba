"""A killed child is no lost training: it is tried again, then refused with what to do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from schemas.record import Record
from streams.processor import RecordRejected
from workers.child import ChildFailed
from workers.training.attempts import ATTEMPTS, train_with_attempts


class Training:
    """Its child is killed so many times before it ends."""

    def __init__(self, kills: int) -> None:
        self.kills, self.attempts = kills, 0

    def __call__(self) -> Sequence[Record]:
        self.attempts += 1
        if self.attempts <= self.kills:
            raise ChildFailed("run_networks ended with exit code -9")
        return ()


def test_a_training_whose_child_is_killed_is_tried_again() -> None:
    training = Training(kills=ATTEMPTS - 1)

    assert train_with_attempts(training, lambda: False, "r1") == ()
    assert training.attempts == ATTEMPTS


def test_one_that_is_always_killed_is_refused_with_cause_and_remedy() -> None:
    training = Training(kills=ATTEMPTS)

    with pytest.raises(RecordRejected, match=r"exit code -9, 3 times.*replay this letter"):
        train_with_attempts(training, lambda: False, "r1")
    assert training.attempts == ATTEMPTS


def test_a_cancelled_training_is_not_tried_again() -> None:
    training = Training(kills=ATTEMPTS)

    with pytest.raises(ChildFailed):
        train_with_attempts(training, lambda: True, "r1")
    assert training.attempts == 1
