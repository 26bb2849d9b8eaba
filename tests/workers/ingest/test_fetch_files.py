"""Fetched history is what the venue holds, continues where it ended, and can be replayed."""

from __future__ import annotations

import pandas as pd
import pytest

from schemas.timeframes import MINUTE_MS
from tests.fakes.ingest_run import venue
from workers.bars.ledger import ledger_of_files
from workers.bars.recording import read_recording
from workers.ingest.exchange import VenueAccess, VenueRefused
from workers.ingest.fetch_files import FetchRequest, fetch_history


def test_history_is_fetched_continued_and_replayable(tmp_path):
    shares = []
    with venue() as running:
        access = VenueAccess("simulated", running.rest_url)
        now = running.venue.clock.now_ms() // MINUTE_MS * MINUTE_MS
        start = now - 1_200 * MINUTE_MS
        first_part = FetchRequest(("BTCUSDT", "ETHUSDT"), "1m", start, start + 700 * MINUTE_MS)

        files = fetch_history(access, first_part, tmp_path, lambda *share: shares.append(share))
        again = fetch_history(access, FetchRequest(("BTCUSDT", "ETHUSDT"), "1m", start), tmp_path)

        assert files == again
        # Time stands still at a close: nothing proves yet that the last bar is final.
        truth = running.venue.market.bars("BTCUSDT", 800, 1_999)
    assert shares[-1] == ("ETHUSDT", 1.0)
    table = pd.read_parquet(tmp_path / "BTCUSDT_perp_1m.parquet")
    opened = table.date.astype("datetime64[ms, UTC]").astype("int64")
    assert list(opened) == list(range(start, now - MINUTE_MS, MINUTE_MS))
    assert list(opened) == truth.open_time_ms.tolist()
    assert table.volume.to_numpy() == pytest.approx(truth.volume)
    assert table.mark_price.notna().all()
    assert table.funding_rate.notna().all()
    assert ledger_of_files([str(tmp_path)]).findings == []
    assert read_recording([str(file) for file in files]).bars == 2 * 1_199


def test_unknown_symbol_is_refused(tmp_path):
    with venue() as running, pytest.raises(VenueRefused):
        fetch_history(
            VenueAccess("simulated", running.rest_url), FetchRequest(("NOUSDT",), "1m", 0), tmp_path
        )
