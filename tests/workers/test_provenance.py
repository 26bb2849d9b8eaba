"""A result made outside the pipeline says which code made it, under an id that repeats."""

from __future__ import annotations

from tests.fakes.searches import market
from workers.provenance import git_commit, with_provenance
from workers.research.notebook import performance


def test_the_commit_is_known_in_a_checkout():
    assert len(git_commit()) == 12 or git_commit() == "unknown"


def test_the_same_request_has_the_same_trace_and_another_has_another():
    first, again, other = (with_provenance({"a": 1}, asked) for asked in ("x", "x", "y"))

    assert first == again
    assert first["a"] == 1
    assert first["git_commit"] == git_commit()
    assert len(first["trace_id"]) == 32
    assert first["trace_id"] != other["trace_id"]


def test_a_result_in_a_notebook_has_its_provenance():
    bars = market(1, 2000)

    results = [performance(bars, strategy="ema_cross", equity=e) for e in (1e4, 1e4, 2e4)]

    assert all(result["git_commit"] == git_commit() for result in results)
    traces = [result["trace_id"] for result in results]
    assert traces[0] == traces[1] != traces[2]
