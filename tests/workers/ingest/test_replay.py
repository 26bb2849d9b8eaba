"""Replay: checked files, one cut, history first, then time order; a restart goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from schemas.clock import ClockTick
from schemas.market import HistoryReady, RawBar
from schemas.models import ModelServing
from schemas.record import Record
from schemas.status import LoadedModel, WorkerStatus
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.training import TrainingProgress, TrainingStage
from tests.build import registered, serving, status
from tests.real_data import real_file
from workers.bars.recording import read_recording
from workers.bars.table_files import BarFileRejected
from workers.ingest.home_binding import HomeRefused, bind_home, market_identity
from workers.ingest.replay import ModelsAwaited, Player
from workers.settings import Settings

START = pd.Timestamp("2025-01-01", tz="UTC")


def table(rows=100, start=START):
    return pd.DataFrame(
        {
            "date": pd.date_range(start, periods=rows, freq="1min"),
            "open": 100.0,
            "high": 101.0,
            "low": 99.0,
            "close": np.linspace(99.5, 100.5, rows),
            "volume": 5.0,
        }
    )


@pytest.fixture
def files(tmp_path):
    table(100).to_parquet(tmp_path / "BTCUSDT_perp_1m.parquet")
    table(100, START + pd.Timedelta(minutes=20)).to_csv(tmp_path / "ETH_USDT-1m.csv", index=False)
    return [str(tmp_path / "BTCUSDT_perp_1m.parquet"), str(tmp_path / "ETH_USDT-1m.csv")]


def played(texts, closes=None, *, announced=(), hold=lambda: True, stop_after=None, higher=()):
    out: list[Record] = []

    def wait(_):
        return stop_after is not None and len(bars(out)) >= stop_after

    player = Player(read_recording(texts, higher), "ensemble", out.append, wait)
    finished = player.play(closes or {}, hold, announced)
    return out, finished


def bars(records):
    return [record for record in records if isinstance(record, RawBar)]


def test_a_missing_bar_at_the_cut_is_announced_by_the_close_before_it(tmp_path):
    table(100).drop(index=59).to_csv(tmp_path / "BTCUSDT_perp_1m.csv", index=False)

    out, _ = played([str(tmp_path / "BTCUSDT_perp_1m.csv")])

    (history,) = [record for record in out if isinstance(record, HistoryReady)]
    assert history.to_ms - history.closes["BTCUSDT"] == MINUTE_MS


def test_history_of_each_timeframe_that_the_bars_add_up_to_is_announced(files):
    out, _ = played(files, higher=(MINUTE_MS, 3 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS))

    announced = {r.timeframe_ms: r for r in out if isinstance(r, HistoryReady)}
    assert list(announced) == [MINUTE_MS, 3 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS]
    cut = read_recording(files).cut_ms
    assert [r.to_ms for r in announced.values()] == [cut - cut % length for length in announced]
    assert all(set(r.closes.values()) == {r.to_ms} for r in announced.values())
    assert [r.base_ms for r in announced.values()] == [None, *[MINUTE_MS] * 3]
    assert {b.higher_ms for b in bars(out)} == {(3 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS)}


def test_timeframes_that_are_no_multiple_of_the_files_are_not_made(files):
    assert read_recording(files, (MINUTE_MS, 90_000, 15 * MINUTE_MS)).higher_ms == (15 * MINUTE_MS,)


def test_a_recording_that_ends_while_others_go_on_is_said_to_have_ended(files):
    out, _ = played(files)

    last = [record for record in out if isinstance(record, WorkerStatus)][-1]
    first_end = max(bar.event_time_ms for bar in bars(out) if bar.symbol == "BTCUSDT")
    assert last.ended == {"BTCUSDT": first_end}


def test_cut_is_at_sixty_percent_of_the_common_span(files):
    recording = read_recording(files)

    first, last = 20, 100  # minutes after the start that both files cover
    minutes = first + int(0.6 * (last - first))
    assert recording.cut_ms == START.value // 10**6 + minutes * MINUTE_MS
    assert (recording.bars, recording.timeframe_ms) == (200, MINUTE_MS)


def test_history_comes_first_then_the_rest_by_time(files):
    out, finished = played(files)

    assert finished
    times = [bar.event_time_ms for bar in bars(out)]
    assert times == sorted(times)
    assert len(times) == 200
    cut = read_recording(files).cut_ms
    (ready,) = [r for r in out if isinstance(r, HistoryReady)]
    place = out.index(ready)
    assert {bar.event_time_ms <= cut for bar in bars(out[:place])} == {True}
    assert {bar.event_time_ms > cut for bar in bars(out[place:])} == {True}
    assert (ready.to_ms, ready.symbols) == (cut, ("BTCUSDT", "ETHUSDT"))


def test_bars_are_the_files_own(files):
    out, _ = played(files[:1])

    assert [bar.close for bar in bars(out)] == pytest.approx(np.linspace(99.5, 100.5, 100))
    assert {bar.source for bar in bars(out)} == {"replay/BTCUSDT_perp_1m.parquet"}
    assert {(bar.origin, bar.available_time_ms - bar.event_time_ms) for bar in bars(out)} == {
        ("replay", 0)
    }


def test_status_says_holding_at_the_cut_and_done_at_the_end(files):
    out, _ = played(files)

    statuses = [r for r in out if isinstance(r, WorkerStatus)]
    assert [s.state for s in statuses][-2:] == ["holding", "running"]
    assert statuses[-1].done == 1.0
    assert statuses[-1].detail.startswith("done")


def test_ticks_carry_recorded_time(files):
    out, _ = played(files)

    ticks = [r.event_time_ms for r in out if isinstance(r, ClockTick)]
    assert ticks == sorted(ticks)
    assert ticks[-1] == START.value // 10**6 + 120 * MINUTE_MS


def test_nothing_after_the_cut_is_played_before_a_model_serves(files):
    out, finished = played(files, hold=lambda: False)

    assert not finished
    assert max(bar.event_time_ms for bar in bars(out)) == read_recording(files).cut_ms


@pytest.mark.parametrize("stop_after", [1, 57, 116, 150, 200])
def test_restart_plays_each_bar_once_and_announces_once(files, stop_after):
    first, _ = played(files, stop_after=stop_after)
    closes: dict[str, int] = {}
    for bar in bars(first):
        closes[bar.symbol] = max(closes.get(bar.symbol, 0), bar.event_time_ms)
    announced = [r.timeframe_ms for r in first if isinstance(r, HistoryReady)]

    second, finished = played(files, closes, announced=announced)

    assert finished
    whole, _ = played(files)
    assert [b.encode() for b in bars(first) + bars(second)] == [b.encode() for b in bars(whole)]
    assert sum(isinstance(r, HistoryReady) for r in first + second) == 1


def test_a_timeframe_that_is_added_behind_the_cut_is_said_to_get_no_history(files):
    first, _ = played(files, higher=(3 * MINUTE_MS,), stop_after=180)
    closes = {bar.symbol: bar.event_time_ms for bar in bars(first)}
    before = {r.timeframe_ms for r in first if isinstance(r, HistoryReady)}

    out, _ = played(files, closes, announced=before, higher=(3 * MINUTE_MS, 15 * MINUTE_MS))
    same, _ = played(files, closes, announced=before, higher=(3 * MINUTE_MS,))

    last, untouched = (
        [r for r in o if isinstance(r, WorkerStatus)][-1].detail for o in (out, same)
    )
    assert "no history of 15m" in last
    assert "no history" not in untouched
    assert [record for record in out if isinstance(record, HistoryReady)] == []


def test_hole_in_a_file_is_counted_on_the_next_bar(tmp_path):
    path = tmp_path / "BTCUSDT_1m.parquet"
    table(50).drop(index=[10, 11]).to_parquet(path)

    out, _ = played([str(path)])

    assert [bar.bars_missing for bar in bars(out) if bar.bars_missing] == [2]


def test_speed_paces_what_comes_after_the_cut(files):
    out: list[Record] = []
    waits: list[float] = []

    def wait(seconds):
        waits.append(seconds)
        return sum(waits) > 0.2

    Player(read_recording(files), "ensemble", out.append, wait, speed=600.0).play({}, lambda: True)

    cut = read_recording(files).cut_ms
    live = {b.event_time_ms for b in bars(out) if b.event_time_ms > cut}
    assert len(live) <= 3
    assert max(waits) <= 0.1


def changed(tmp_path, column, row, value):
    frame = table(20).astype({"volume": object})
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    path = tmp_path / "BTCUSDT_1m.csv"
    frame.to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("close", "n/a", "column close, row 6"),
        ("open", -1.0, "column open, row 6: -1.0, expected more than 0"),
        ("volume", -5, "column volume, row 6: -5"),
        ("high", 50.0, "column high, row 6: 50.0, expected at least open and close"),
        ("low", 100.4, "column low, row 6: 100.4, expected at most open and close"),
        ("date", "yesterday", "column date, row 6: yesterday, expected a time"),
        ("date", "2025-01-01 00:05:30+00:00", "column date, row 6"),
        ("date", "2025-01-01 00:04:00+00:00", "expected later than the row before"),
    ],
)
def test_wrong_value_is_refused_with_file_column_and_row(tmp_path, column, value, said):
    with pytest.raises(BarFileRejected, match=said) as refused:
        read_recording([changed(tmp_path, column, 5, value)])

    assert "BTCUSDT_1m.csv" in str(refused.value)


def test_files_that_do_not_belong_together_are_refused(tmp_path, files):
    hourly = table(10).assign(date=pd.date_range(START, periods=10, freq="1h"))
    hourly.to_parquet(tmp_path / "SOLUSDT_1h.parquet")
    table(10, START + pd.Timedelta(days=9)).to_parquet(tmp_path / "BNBUSDT_1m.parquet")

    with pytest.raises(BarFileRejected, match="one timeframe for all files"):
        read_recording([*files, str(tmp_path / "SOLUSDT_1h.parquet")])
    with pytest.raises(BarFileRejected, match="no common span"):
        read_recording([*files, str(tmp_path / "BNBUSDT_1m.parquet")])
    with pytest.raises(BarFileRejected, match="one file for each"):
        read_recording([files[0], files[0]])
    with pytest.raises(BarFileRejected, match="at least one file"):
        read_recording([])
    with pytest.raises(BarFileRejected, match="no such file"):
        read_recording([str(tmp_path / "BTCUSDT_5m.parquet")])


def test_home_is_bound_to_its_first_market(tmp_path, files):
    simulated = Settings(exchange="simulated", home=tmp_path)
    bind_home(tmp_path, market_identity(simulated))

    bind_home(tmp_path, market_identity(simulated))

    for other in (
        Settings(exchange="simulated", seed=8, home=tmp_path),
        Settings(exchange="simulated", trend=8.0, home=tmp_path),
        Settings(exchange="binanceusdm", home=tmp_path),
        Settings(exchange="replay", replay_files=tuple(files), home=tmp_path),
    ):
        with pytest.raises(HomeRefused, match="without --seed and --trend, or choose"):
            bind_home(tmp_path, market_identity(other))


def test_the_refusal_of_a_home_says_with_which_options_it_goes_on(tmp_path):
    trending = Settings(exchange="simulated", seed=8, trend=6.0, home=tmp_path)
    bind_home(tmp_path, market_identity(trending))

    with pytest.raises(HomeRefused, match="start it again with --seed 8 --trend 6, or choose"):
        bind_home(tmp_path, market_identity(Settings(exchange="simulated", home=tmp_path)))


def test_one_variable_lists_the_files(monkeypatch, files):
    monkeypatch.setenv("REGIMEFLOW_REPLAY_FILES", ",".join(files))

    assert Settings(exchange="replay").replay_files == tuple(files)


def test_real_minutes_are_played_whole():
    texts = [str(real_file(f"ohlcv/{s}USDT_perp_1m.parquet")) for s in ("BTC", "ETH", "SOL")]

    out, finished = played(texts)

    assert finished
    assert len(bars(out)) == 73_139 + 60_191 + 43_200
    assert not any(bar.bars_missing for bar in bars(out))


def test_the_cut_waits_for_every_model_but_for_a_failed_training_of_a_higher_timeframe():
    awaited = ModelsAwaited("ensemble", (MINUTE_MS, HOUR_MS))

    def served(timeframe_ms: int) -> ModelServing:
        return serving(
            model=registered(timeframe_ms=timeframe_ms, model_version=f"v{timeframe_ms}")
        )

    def training(stage: TrainingStage, timeframe_ms: int) -> TrainingProgress:
        return TrainingProgress(
            request_id="r",
            strategy="ensemble",
            event_time_ms=0,
            stage=stage,
            done=0.0,
            timeframe_ms=timeframe_ms,
        )

    base = LoadedModel(
        name="ensemble",
        version=f"v{MINUTE_MS}",
        loaded_at_ms=0,
        device="cpu",
        parameters=1,
        qualified=True,
    )
    loaded = status("inference", models=(base,))
    assert not awaited.take(training("failed", MINUTE_MS))
    assert not awaited.take(training("failed", HOUR_MS))
    assert not awaited.take(served(MINUTE_MS))
    assert awaited.take(loaded)
    assert not awaited.take(training("dataset", HOUR_MS))
    assert awaited.take(training("failed", HOUR_MS))
