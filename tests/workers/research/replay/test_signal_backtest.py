"""Signal back-test: what is counted is what the pipeline said, and every number is checked."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest
from scipy.stats import binomtest

from deploy.cli.tables.signals import signal_lines
from schemas.predictions import ClassProbabilities
from schemas.signals import ScoredSignal, ScoreTotals, Signal
from schemas.timeframes import DAY_MS, MINUTE_MS
from streams.costs import DEFAULT_COSTS
from streams.runtime.memory_driver import replay
from streams.scoring.outcome import CLASSES, brier_score, log_loss
from streams.topology import CHAINS
from tests.build import (
    START_MS,
    bar,
    close_time,
    raw_bar,
    regime_parameters,
    scored,
    signal,
)
from tests.fakes.scripted_inference import inference
from tests.fakes.small_models import small_model
from workers.bars.arrays import Bars
from workers.bars.recording import merged, read_recording
from workers.models.artifact import REGISTERED, ArtifactError
from workers.research.fills import FillModel, simulate
from workers.research.replay.recompute import Recomputation, Span
from workers.research.replay.signal_backtest import (
    backtest_signals,
    newest_model,
    read_registration,
    serving_change,
)
from workers.research.replay.signal_page import equity_chart, reliability_chart, signal_page
from workers.research.replay.signal_report import EVERY, signal_report
from workers.research.replay.tally import GROUPS, Tally
from workers.training.metrics import calibration_error

SIGNALS_CHAIN = next(chain.processors for chain in CHAINS if chain.name == "signals")
PRIOR = (0.25, 0.5, 0.25)
HORIZON = 15
M5 = 5 * MINUTE_MS
Value = TypeVar("Value")


def present(value: Value | None) -> Value:
    """Return a value that must be known."""
    assert value is not None
    return value


@pytest.fixture
def model(tmp_path):
    """The folder of a small model, as training leaves it."""
    made = small_model(tmp_path / "models")
    made = made.model_copy(update={"regimes": (regime_parameters(),)})
    folder = tmp_path / "models" / "ensemble" / made.model_version
    (folder / REGISTERED).write_bytes(made.encode())
    return folder


@pytest.fixture
def file(tmp_path):
    """300 one-minute bars of a seeded walk."""
    rng = np.random.default_rng(3)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 2e-3, 300)))
    opens = np.concatenate(([100.0], closes[:-1]))
    times = START_MS + MINUTE_MS * np.arange(300)
    table = np.column_stack(
        (times, opens, np.maximum(opens, closes), np.minimum(opens, closes), closes, np.ones(300))
    )
    path = tmp_path / "BTCUSDT_perp_1m.csv"
    rows = (",".join([str(int(row[0])), *(repr(float(v)) for v in row[1:])]) for row in table)
    path.write_text("\n".join(["date,open,high,low,close,volume", *rows]) + "\n")
    return path


def day(number: int, minute: int = 0) -> int:
    """Return a close on a day after the start."""
    return START_MS - START_MS % DAY_MS + number * DAY_MS + (minute + 1) * MINUTE_MS


def random_log(days: int = 40, each: int = 12, seed: int = 2) -> list[Signal | ScoredSignal]:
    """Return signals and their scores over some days, made of dice."""
    rng = np.random.default_rng(seed)
    found: list[Signal | ScoredSignal] = []
    for number in range(days * each):
        sell, neutral, buy = rng.dirichlet((2.0, 2.0, 2.0)).tolist()
        chances = ClassProbabilities(sell=sell, neutral=neutral, buy=buy)
        direction = max(CLASSES, key=lambda name: getattr(chances, name))
        outcome = CLASSES[rng.integers(3)] if rng.random() > 0.05 else None
        now = day(number // each, 60 * (number % each))
        shared = {
            "direction": direction,
            "grade": str(rng.choice(["A+", "A", "B", "C"])),
            "confidence": getattr(chances, direction),
            "probabilities": chances,
        }
        gross, cost = float(rng.normal(0.0, 5e-3)), DEFAULT_COSTS.round_trip
        net = None if outcome is None else 0.0 if direction == "neutral" else gross - cost
        found.append(signal(event_time_ms=now, expires_ms=now + HORIZON * MINUTE_MS, **shared))
        found.append(
            scored(
                event_time_ms=now + HORIZON * MINUTE_MS,
                signal_time_ms=now,
                outcome=outcome,
                hit=None if outcome is None else outcome == direction,
                net_return=net,
                cost=None if net is None else 0.0 if direction == "neutral" else cost,
                brier=None if outcome is None else brier_score(chances, outcome),
                log_loss=None if outcome is None else log_loss(chances, outcome),
                **shared,
            )
        )
    return found


def tallied(records, **fields) -> Tally:
    tally = Tally(priors={"m1": PRIOR}, **fields)
    for record in records:
        tally.take(record)
    return tally


def test_every_group_counts_what_a_table_of_all_scores_says():
    log = random_log()

    found = {row.group: row for row in signal_report(tallied(log)).groups}

    assert tuple(found) == GROUPS
    for name, row in found.items():
        wanted = ("A+", "A", "B", "C") if name == "directional" else (name,)
        mine = [r for r in log if ("neutral" if r.direction == "neutral" else r.grade) in wanted]
        scores = [r for r in mine if isinstance(r, ScoredSignal)]
        known = [s for s in scores if s.hit is not None]
        hits = sum(present(s.hit) for s in known)
        wilson = binomtest(hits, len(known)).proportion_ci(method="wilson")
        assert (row.signals, row.open) == (len(mine) - len(scores), 0)
        assert (row.known, row.hits) == (len(known), hits)
        assert row.unknowable == len(scores) - len(known)
        assert row.hit_rate == pytest.approx(hits / len(known))
        assert row.hit_rate_interval == pytest.approx((wilson.low, wilson.high))
        low, high = present(row.hit_rate_block_interval)
        assert low < present(row.hit_rate) < high
        if name != "neutral":
            assert row.mean_net_return == pytest.approx(np.mean([s.net_return for s in known]))
            assert present(row.mean_net_return_interval)[0] < present(row.mean_net_return)
    assert found["neutral"].mean_net_return is None


def test_probabilities_are_scored_against_the_class_shares_of_their_model():
    log = random_log()
    known = [r for r in log if isinstance(r, ScoredSignal) and r.outcome is not None]
    shares = ClassProbabilities(sell=PRIOR[0], neutral=PRIOR[1], buy=PRIOR[2])

    found = signal_report(tallied(log)).scores[0]

    assert found.known == found.compared == len(known)
    assert found.brier == pytest.approx(np.mean([s.brier for s in known]))
    assert found.log_loss == pytest.approx(np.mean([s.log_loss for s in known]))
    assert found.prior_brier == pytest.approx(
        np.mean([brier_score(shares, present(s.outcome)) for s in known])
    )
    assert found.prior_log_loss == pytest.approx(
        np.mean([log_loss(shares, present(s.outcome)) for s in known])
    )
    assert found.log_loss_edge == pytest.approx(
        present(found.prior_log_loss) - present(found.log_loss)
    )


def test_without_class_shares_there_is_nothing_to_compare_with():
    tally = Tally()
    for record in random_log():
        tally.take(record)

    found = signal_report(tally).scores[0]

    assert found.log_loss is not None
    assert (found.compared, found.prior_log_loss, found.log_loss_edge_interval) == (0, None, None)


def test_the_calibration_error_is_that_of_training():
    known = [r for r in random_log() if isinstance(r, ScoredSignal) and r.outcome is not None]
    chances = np.array([list(s.probabilities.model_dump().values()) for s in known])
    classes = np.array([("sell", "neutral", "buy").index(s.outcome) for s in known])

    found = signal_report(tallied(random_log()))

    assert sum(row.known for row in found.reliability) == len(known)
    directional = [i for i, s in enumerate(known) if s.direction != "neutral"]
    assert found.directional_calibration_error == pytest.approx(
        calibration_error(chances[directional], classes[directional])
    )


def test_the_account_of_every_signal_adds_what_each_of_them_returned():
    log = random_log()
    known = [
        r
        for r in log
        if isinstance(r, ScoredSignal) and r.outcome is not None and r.direction != "neutral"
    ]

    found = signal_report(tallied(log))

    every, _, cash = found.rows
    total = sum(present(s.net_return) for s in known) / HORIZON
    assert every.metrics.total_return == pytest.approx(total)
    assert every.metrics.trades == len(known)
    assert every.metrics.win_rate == pytest.approx(
        np.mean([present(s.net_return) > 0 for s in known])
    )
    assert found.equity.every_signal[-1] == pytest.approx(1.0 + total)
    assert (cash.metrics.total_return, cash.metrics.sharpe_ratio) == (0.0, None)


def test_buy_and_hold_is_that_of_the_fill_engine():
    rng = np.random.default_rng(8)
    prices = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 3_001))), 4).tolist()
    stamps = [close_time(m - m % 480) for m in range(3_000)]
    bars = [
        bar(
            minute,
            open=opened,
            close=closed,
            high=max(opened, closed),
            low=min(opened, closed),
            mark_price=closed * 1.0001,
            funding_rate=1e-3,
            funding_time_ms=stamps[minute],
        )
        for minute, (opened, closed) in enumerate(pairwise(prices))
    ]
    tally = Tally()
    for minute, each in enumerate(bars):
        tally.take(each)
        tally.take(signal(minute))

    found = signal_report(tally)

    history = Bars.from_records(bars)
    fills = simulate(history, np.ones(len(history)), FillModel(equity=1.0))
    assert history.funding_known
    assert found.equity.buy_and_hold[-1] == pytest.approx(fills.equity[-1], abs=1e-9)
    assert found.funding_note == ""


@pytest.mark.parametrize("start", [0, 4 * 60])  # the second spans midnight: two dates, no two days
def test_hours_of_signals_have_a_total_return_but_no_year_no_ratio_and_no_drawdown(start):
    tally = Tally()
    for minute in range(start, start + 480):
        close = 100.0 + minute % 7
        tally.take(bar(minute, open=100.0, close=close, high=107.0, low=100.0))
        tally.take(signal(minute, direction="buy"))
        if minute >= start + HORIZON:
            tally.take(scored(minute, signal_time_ms=close_time(minute - HORIZON)))

    found = signal_report(tally)

    every = found.rows[0].metrics
    assert every.trades > 400
    assert every.total_return not in (None, 0.0)
    for row in found.rows:
        days = row.metrics
        assert (days.annual_return, days.sharpe_ratio, days.max_drawdown) == (None, None, None)
        assert (days.calmar_ratio, days.annual_volatility, days.turnover) == (None, None, None)
    assert "0.33 days" in found.span_note
    assert "need 2 days" in found.span_note
    assert found.span_note in signal_page(found)
    document = json.loads(found.encode()) | {"refused_models": [], "seconds": 1, "verified": None}
    lines = signal_lines(document)
    assert found.span_note in lines
    assert next(line for line in lines if line.startswith(EVERY)).split().count("n/a") == 3
    assert len(found.equity.time_ms) == len(found.equity.every_signal)


def test_days_of_signals_need_no_word_about_their_span():
    assert signal_report(tallied(random_log())).span_note == ""


def test_signals_before_the_span_and_their_scores_are_left_out():
    log = random_log()
    middle = day(20)

    tally = tallied([r for r in log if r.event_time_ms >= middle], from_ms=middle)

    row = signal_report(tally).groups[0]
    later = [r for r in log if isinstance(r, Signal) and r.event_time_ms >= middle]
    assert tally.signals == len(later)
    assert row.known + row.unknowable + row.open == row.signals


def test_a_signal_that_has_not_expired_is_open():
    records = [raw_bar(minute) for minute in range(20)]
    work = Recomputation([], inference())
    tally = Tally()
    for each in records:
        for record in work.feed(each):
            tally.take(record)

    row = signal_report(tally).groups[0]

    assert (row.signals, row.known, row.open) == (20, 5, 15)


def test_no_signal_gives_a_report_of_nulls():
    found = signal_report(Tally())

    assert (found.signals, found.first_signal_ms, found.rows) == (0, None, ())
    assert found.groups[0].hit_rate is None
    assert "No signal" in signal_page(found)
    assert json.loads(found.encode())["calibration_error"] is None


def test_a_file_and_a_model_give_what_the_live_processors_make_of_its_bars(file, model):
    made = [record for record in _live(model, file) if isinstance(record, Signal | ScoredSignal)]
    told = []

    found = backtest_signals(
        [file], model, inference=inference(), progress=lambda *each: told.append(each)
    )

    wanted = tallied(made).digests["BTCUSDT"]
    assert found.digests["BTCUSDT"] == {n: d.hexdigest() for n, d in sorted(wanted.items())}
    assert (found.signals, found.groups[0].known) == (300, 285)
    assert told[-1] == (300, 300)


def _live(model, file):
    work = Recomputation([serving_change(read_registration(model))], inference())
    return [r for each in merged(read_recording([str(file)]), {}) for r in work.feed(each)]


def test_a_span_counts_the_signals_made_in_it(file, model):
    span = Span(close_time(100), close_time(199))

    found = backtest_signals([file], model, span, inference())

    row = found.groups[0]
    assert (found.signals, row.known, row.open) == (100, 85, 15)
    assert (found.first_signal_ms, found.last_bar_ms) == (close_time(100), close_time(199))


def test_a_model_serves_from_the_bar_that_promotion_names(model):
    change = serving_change(read_registration(model))

    assert change.effective_from_ms > change.model.event_time_ms >= change.model.trained_to_ms
    assert change.model.uri == model.resolve().as_uri()


def test_a_model_of_other_bars_is_refused(file, model):
    shorter = read_registration(model).model_copy(update={"timeframe_ms": MINUTE_MS // 2})
    (model / REGISTERED).write_bytes(shorter.encode())

    with pytest.raises(ArtifactError, match="is of bars of 30000 ms, the files hold bars of 1m"):
        backtest_signals([file], model, inference=inference())
    with pytest.raises(ArtifactError, match="is of bars of 30000 ms, not of 1m"):
        backtest_signals([file], model, Span(timeframe_ms=MINUTE_MS), inference())


def test_files_are_made_into_the_bars_of_the_model_and_others_count_nothing(file, model):
    five = read_registration(model).model_copy(update={"timeframe_ms": M5})
    (model / REGISTERED).write_bytes(five.encode())
    work = Recomputation([serving_change(five)], inference())
    bars = merged(read_recording([str(file)], (M5,)), {})
    made = [r for each in bars for r in work.feed(each)]
    of_five = [r for r in made if isinstance(r, Signal | ScoredSignal) and r.timeframe_ms == M5]

    found = backtest_signals([file], model, inference=inference())

    wanted = tallied(of_five).digests["BTCUSDT"]
    assert found.digests["BTCUSDT"] == {n: d.hexdigest() for n, d in sorted(wanted.items())}
    assert (found.timeframe, found.signals, found.groups[0].known) == ("5m", 59, 59 - HORIZON)
    assert found.bars == 58  # after the first signal
    assert "5m bars" in signal_page(found)


def test_a_tally_is_of_one_timeframe():
    log = random_log(days=3)
    longer = [each.model_copy(update={"timeframe_ms": M5, "symbol": "ETHUSDT"}) for each in log]
    mixed = [each for both in zip(log, longer, strict=True) for each in both]

    alone, first, other = (
        signal_report(tallied(records, **fields)).encode()
        for records, fields in ((log, {}), (mixed, {}), (mixed, {"timeframe_ms": M5}))
    )

    assert alone == first
    assert other == signal_report(tallied(longer)).encode() != alone


def test_a_symbol_the_model_never_saw_is_named(file, model):
    with pytest.raises(ArtifactError, match="was not trained on SOLUSDT"):
        backtest_signals([f"{file}=SOLUSDT:1m"], model, inference=inference())


def test_a_folder_without_a_registration_says_what_is_expected(tmp_path, model):
    with pytest.raises(ArtifactError, match=r"registered\.json cannot be read"):
        read_registration(tmp_path)
    with pytest.raises(ArtifactError, match="holds no model"):
        newest_model(tmp_path / "none", MINUTE_MS)
    with pytest.raises(ArtifactError, match="no model of 5m bars, only of 1m: choose"):
        newest_model(tmp_path / "models", M5)
    assert newest_model(tmp_path / "models", MINUTE_MS) == model


def test_an_altered_model_is_refused_and_nothing_is_reported(file, model):
    (model / "forest.json").write_bytes(b"{}")

    with pytest.raises(ArtifactError, match="was altered"):
        backtest_signals([file], model)


def test_the_page_and_the_charts_hold_the_numbers():
    found = signal_report(tallied(random_log()))

    page = signal_page(found)

    assert page.count("<svg") == 2
    assert all(name in page for name in ("buy and hold", "cash", "A+", "class shares"))
    assert "<script" not in page
    assert len(equity_chart(found).series) == 2
    assert len(reliability_chart(found).series) == 5


def test_grading_and_scoring_are_the_live_ones():
    work = Recomputation([], inference())
    made = [r for minute in range(40) for r in work.feed(raw_bar(minute))]
    predictions = [r for r in made if type(r).__name__ == "Prediction"]

    again = replay(SIGNALS_CHAIN, predictions)

    live, replayed = (
        [r.encode() for r in records if isinstance(r, Signal | ScoredSignal | ScoreTotals)]
        for records in (made, again)
    )
    assert live == replayed
