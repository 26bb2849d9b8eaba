"""Findings about bars over HTTP: newest first, by kind and symbol, and how much of a gap came."""

from __future__ import annotations

import pytest

from gateway.views.ledger import FINDINGS, LedgerView
from schemas.market import LedgerEntry, LedgerKind
from schemas.timeframes import MINUTE_MS
from tests.build import close_time
from tests.fakes.gateway import RunningGateway

PATH = "/api/system/ledger"


def finding(kind: LedgerKind, minute: int, bars: int = 1, symbol: str = "BTCUSDT") -> LedgerEntry:
    """Return a finding about the bars that close up to a minute."""
    return LedgerEntry(
        symbol=symbol,
        timeframe_ms=MINUTE_MS,
        event_time_ms=close_time(minute),
        kind=kind,
        from_ms=close_time(minute - bars),
        to_ms=close_time(minute),
        bars=bars,
    )


@pytest.mark.anyio
async def test_findings_come_newest_first_by_kind_and_symbol(gateway: RunningGateway):
    gap, late = finding("gap", 10, bars=3), finding("late", 9)
    gateway.bus.feed(gap, late, finding("gap", 5, symbol="ETHUSDT"), late)

    body = (await gateway.get(PATH))["data"]

    assert body["counts"] == {"gap": 2, "late": 1}
    shown = [(f["kind"], f["symbol"], f["filled"]) for f in body["findings"]]
    assert shown == [("gap", "BTCUSDT", 1), ("late", "BTCUSDT", None), ("gap", "ETHUSDT", 0)]
    for query, count in (({"kind": "gap"}, 2), ({"symbol": "ETH-USD"}, 1), ({"limit": 1}, 1)):
        assert len((await gateway.get(PATH, **query))["data"]["findings"]) == count


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "status"), [({"kind": "hole"}, 400), ({"symbol": "NOPE"}, 404), ({"limit": 0}, 400)]
)
async def test_a_question_that_is_none_is_refused(
    gateway: RunningGateway, query: dict[str, str], status: int
):
    assert (await gateway.client.get(PATH, params=query)).status_code == status


def test_the_view_is_bounded_by_kind_so_that_one_kind_hides_no_other():
    view = LedgerView()
    view.put(finding("gap", 1))
    for minute in range(FINDINGS + 3):
        view.put(finding("duplicate", minute))

    assert view.counts() == {"gap": 1, "duplicate": FINDINGS}
    assert next(view.newest()).entry.event_time_ms == close_time(FINDINGS + 2)
