"""Simulated time: runs at its speed, stands when paused, and never goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.simulator.simulated_clock import SimulatedClock


class Wall:
    """A wall clock that a test sets."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


def test_a_second_is_a_minute_at_the_default_speed():
    wall = Wall()
    clock = SimulatedClock(1_000, 60.0, wall_seconds=wall)

    wall.seconds += 2.0

    assert clock.now_ms() == 1_000 + 120_000


def test_paused_time_stands_and_goes_on_from_there():
    wall = Wall()
    clock = SimulatedClock(0, 10.0, paused=True, wall_seconds=wall)

    wall.seconds += 5.0
    stood = clock.now_ms()
    clock.resume()
    wall.seconds += 1.0

    assert (stood, clock.now_ms()) == (0, 10_000)


@given(
    st.lists(
        st.tuples(st.sampled_from(["pause", "resume", "speed"]), st.floats(0.01, 100.0)),
        max_size=20,
    )
)
def test_time_never_goes_back(changes):
    wall = Wall()
    clock = SimulatedClock(0, 60.0, wall_seconds=wall)
    seen = [clock.now_ms()]

    for change, amount in changes:
        wall.seconds += amount
        seen.append(clock.now_ms())
        if change == "speed":
            clock.set_speed(amount)
        else:
            getattr(clock, change)()
        seen.append(clock.now_ms())

    assert seen == sorted(seen)


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e9, float("nan")])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(ValueError, match="speed"):
        SimulatedClock(0, speed)
