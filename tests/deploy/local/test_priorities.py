"""Which processes go first: each is in the table, and each started once."""

from __future__ import annotations

from deploy.local.priorities import BACKGROUND, FIRST, start_order
from deploy.local.process_names import process_names
from streams.topology import WORKERS


def test_every_process_with_a_priority_is_in_the_table():
    assert {*process_names("simulated")} >= BACKGROUND | FIRST
    # Every other chain makes signals.
    assert {"letters", *(worker.name for worker in WORKERS)} >= BACKGROUND


def test_the_market_starts_first_and_what_can_wait_last():
    names = process_names("simulated")

    started = start_order(names)

    assert sorted(started) == sorted(names)
    assert started[:4] == ("simulator", "ingest", "market", "gateway")
    assert {*started[-len(BACKGROUND) :]} == BACKGROUND
