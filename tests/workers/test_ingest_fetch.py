"""Fetched history is what the venue holds, continues where it ended, and can be replayed."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pandas as pd
import pytest

from workers.ingest.exchange import Access, VenueRefused
from workers.ingest.fetch import Wanted, fetch_history
from workers.ingest.ledger import ledger_of_files
from workers.ingest.replay import recording_of
from workers.simulator.server import SimulatorSettings, serve

MINUTE = 60_000


@contextlib.contextmanager
def venue():
    """A paused venue in a thread of its own, as ``fetch_history`` runs its own loop."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []

    async def main():
        stop = asyncio.Event()
        settings = SimulatorSettings(("BTCUSDT", "ETHUSDT"), history_minutes=2_000, paused=True)
        async with serve(settings) as running:
            found.extend((running, stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(found[1].set)
        thread.join()
        loop.close()


def test_history_is_fetched_continued_and_replayable(tmp_path):
    shares = []
    with venue() as running:
        access = Access("simulated", running.rest_url)
        now = running.venue.clock.now_ms() // MINUTE * MINUTE
        start = now - 1_200 * MINUTE
        part = Wanted(("BTCUSDT", "ETHUSDT"), "1m", start, start + 700 * MINUTE)

        files = fetch_history(access, part, tmp_path, lambda *each: shares.append(each))
        again = fetch_history(access, Wanted(("BTCUSDT", "ETHUSDT"), "1m", start), tmp_path)

        assert files == again
        truth = running.venue.market.bars("BTCUSDT", 800, 2_000)
    assert shares[-1] == ("ETHUSDT", 1.0)
    table = pd.read_parquet(tmp_path / "BTCUSDT_perp_1m.parquet")
    opened = table.date.astype("datetime64[ms, UTC]").astype("int64")
    assert list(opened) == list(range(start, now, MINUTE))
    assert list(opened) == truth.open_time_ms.tolist()
    assert table.volume.to_numpy() == pytest.approx(truth.volume)
    assert table.mark_price.notna().all()
    assert table.funding_rate.notna().all()
    assert ledger_of_files([str(tmp_path)]).findings == []
    assert recording_of([str(file) for file in files]).bars == 2_400


def test_unknown_symbol_is_refused(tmp_path):
    with venue() as running, pytest.raises(VenueRefused):
        fetch_history(Access("simulated", running.rest_url), Wanted(("NOUSDT",), "1m", 0), tmp_path)
