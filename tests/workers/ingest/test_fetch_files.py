"""Fetched history is what the venue holds, continues where it ended, and can be replayed."""

from __future__ import annotations

import pandas as pd
import pytest

from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.fakes.ingest_run import venue
from workers.bars.bar_files import read_bars
from workers.bars.ledger import ledger_of_files
from workers.bars.recording import read_recording
from workers.bars.table_files import BarFileRejected
from workers.ingest.fetch_files import DEFAULT_BARS, FetchRequest, fetch_history
from workers.venue.exchange import VenueAccess, VenueRefused


def test_history_is_fetched_continued_and_replayable(tmp_path):
    shares = []
    with venue() as running:
        access = VenueAccess("simulated", running.rest_url)
        now = running.venue.clock.now_ms() // MINUTE_MS * MINUTE_MS
        start = now - 1_200 * MINUTE_MS
        first_part = FetchRequest(("BTCUSDT", "ETHUSDT"), "1m", start, start + 700 * MINUTE_MS)

        files = fetch_history(access, first_part, tmp_path, lambda *share: shares.append(share))
        again = fetch_history(access, FetchRequest(("BTCUSDT", "ETHUSDT"), "1m", start), tmp_path)

        assert [file.path for file in files] == [file.path for file in again]
        assert [file.new_bars for file in again] == [499, 499]
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
    assert read_recording([str(file.path) for file in files]).bars == 2 * 1_199


def test_a_file_is_continued_at_both_ends_without_a_hole(tmp_path):
    path = tmp_path / "BTCUSDT_perp_1m.parquet"
    with venue() as running:
        access = VenueAccess("simulated", running.rest_url)
        now = running.venue.clock.now_ms() // MINUTE_MS * MINUTE_MS
        start = now - 1_200 * MINUTE_MS

        def fetched(first: int, last: int) -> int:
            span = (start + first * MINUTE_MS, start + last * MINUTE_MS)
            (file,) = fetch_history(access, FetchRequest(("BTCUSDT",), "1m", *span), tmp_path)
            return file.new_bars

        assert fetched(500, 600) == 100
        whole_numbers = pd.read_parquet(path)
        whole_numbers["date"] = whole_numbers["date"].astype("int64")
        whole_numbers.to_parquet(path)

        assert fetched(400, 450) == 100  # up to the bars that there are
        assert fetched(800, 900) == 300
        assert fetched(450, 500) == 0
    assert read_bars(str(path)).open_time_ms.tolist() == list(
        range(start + 400 * MINUTE_MS, start + 900 * MINUTE_MS, MINUTE_MS)
    )


def test_without_a_start_the_span_has_as_many_bars_as_it_says_whenever_it_is_asked():
    request = FetchRequest(("BTCUSDT",), "1h")
    middle_ms = 20_000 * HOUR_MS + HOUR_MS // 3

    for now_ms in (middle_ms, 20_000 * HOUR_MS):
        from_ms, to_ms = request.span(now_ms)
        assert to_ms // HOUR_MS - from_ms // HOUR_MS == DEFAULT_BARS


def test_without_a_span_the_newest_bars_are_fetched(tmp_path):
    with venue() as running:
        access = VenueAccess("simulated", running.rest_url)
        (file,) = fetch_history(access, FetchRequest(("BTCUSDT",), "1h"), tmp_path)
        now = running.venue.clock.now_ms()

    assert file.bars == file.new_bars > 10
    assert now - file.to_ms < 2 * HOUR_MS


def test_an_existing_file_that_cannot_be_read_is_refused_and_left(tmp_path):
    path = tmp_path / "BTCUSDT_perp_1m.parquet"
    path.write_bytes(b"no bars")
    with venue() as running:
        access = VenueAccess("simulated", running.rest_url)
        with pytest.raises(BarFileRejected, match=path.name):
            fetch_history(access, FetchRequest(("BTCUSDT",), "1m"), tmp_path)

    assert path.read_bytes() == b"no bars"


def test_unknown_symbol_is_refused(tmp_path):
    with venue() as running, pytest.raises(VenueRefused):
        fetch_history(
            VenueAccess("simulated", running.rest_url), FetchRequest(("NOUSDT",), "1m", 0), tmp_path
        )
