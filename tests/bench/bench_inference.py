"""From a bar to its explained signal, in process: goals P17 and P18, correctness beside each.

The product's own path (feature kernel, regime filter, both members, grading, explanation, all
records) with a model of the default plan, against the same model in the libraries it replaces.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from schemas.market import Bar
from schemas.models import ModelRegistered
from schemas.timeframes import MINUTE_MS
from streams.features import kernel
from streams.processor import StateKey
from tests.bench.naive_path import WINDOW_BARS, Naive, indicators
from tests.bench.product import FIRST, HISTORY, Product, bars_of, trained_model
from tests.bench.race import Entry, Work, race
from workers.explain.attribution import REGIME_INPUTS
from workers.explain.history import ExplainHistory
from workers.models import forest, lstm, lstm_attribution, treeshap
from workers.models.artifact import read_model
from workers.simulator.market import SimulatedMarket

WARM_UP_BARS = 1_900  # until every feature has a value and the window is full
SYMBOL = "BTCUSDT"
BURST, EXPLAINED = 200, 20
CLOSES = 150  # timed bar closes
NAIVE_BARS, NAIVE_CLOSES = 30, 3
SHARED_INDICATORS = (
    "roc_10",
    "sma_distance_20",
    "realised_volatility_60",
    "donchian_position_20",
    "autocorrelation_60",
)
NAIVE = "pandas, xgboost DMatrix, torch window, shap, captum"

Row = dict[str, object]


def rows() -> list[Row]:
    """Run P17 and P18; an AssertionError means that an answer, not a speed, is wrong."""
    kernel.prepare()
    for module in (forest, lstm, treeshap, lstm_attribution):
        module.warm_up()
    with tempfile.TemporaryDirectory() as folder:
        model = trained_model(Path(folder))
        bars = bars_of(SimulatedMarket(7, (SYMBOL,)), SYMBOL, FIRST + HISTORY, WARM_UP_BARS + 1_000)
        return _one_symbol(model, bars)


def _one_symbol(model: ModelRegistered, bars: list[Bar]) -> list[Row]:
    product = Product(model, [SYMBOL])
    for bar in bars[:WARM_UP_BARS]:
        product.predict([bar])
    manifest, contents = read_model(model)
    naive = Naive(contents["forest"], lstm.read_lstm(contents["lstm"]), manifest.member_weights)
    frame = pd.DataFrame(
        [[b.open, b.high, b.low, b.close, b.volume] for b in bars],
        columns=["open", "high", "low", "close", "volume"],
    )
    _agree(product, naive, bars[WARM_UP_BARS], frame.iloc[: WARM_UP_BARS + 1])
    raw = [bar.encode() for bar in bars]
    done = WARM_UP_BARS

    def whole(_: int) -> None:
        nonlocal done
        done += 1
        predictions = product.predict([Bar.decode(raw[done])])
        explanations = product.explain(predictions)
        for record in (*product.signals(predictions), *explanations):
            record.encode()

    row, window = _inputs(product)

    def composed(i: int) -> None:
        last = WARM_UP_BARS + i % 900
        naive.signal(frame.iloc[last - WINDOW_BARS : last], row, window)

    against = race(
        "P17 bar to explained signal, one symbol",
        NAIVE,
        10.0,
        Entry(whole, 40),
        Entry(composed, 6),
    )
    theirs = [_seconds(composed) for _ in range(NAIVE_BARS)]
    slowest = _against_naive(
        "P17 the same, p99, CPU", 5.0, ([_seconds(whole) for _ in range(CLOSES)], 99), theirs
    )

    def composed_burst(_: int) -> None:
        for number in range(BURST):
            explained = number % (BURST // EXPLAINED) == 0
            past = frame.iloc[WARM_UP_BARS - WINDOW_BARS : WARM_UP_BARS]
            naive.signal(past, row, window, explained=explained)

    theirs = [_seconds(composed_burst) for _ in range(NAIVE_CLOSES)]
    name = f"P18 burst of {BURST} symbols, {EXPLAINED} explained, CPU"
    return [against, slowest, _against_naive(name, 50.0, (_burst(model, bars), 50), theirs)]


def _inputs(product: Product) -> tuple[np.ndarray, np.ndarray]:
    """Return the last bar's row of the forest, and the LSTM's window."""
    state = product.states["inference", (SYMBOL, MINUTE_MS)]
    pair = state.pair  # type: ignore[attr-defined]  # the state of inference
    loaded = product.loaded
    columns = loaded.columns(pair.window.feature_set_id, pair.window.names)
    window = pair.window.rows[-loaded.window :, columns]
    regimes = pair.regimes
    return np.concatenate((window[-1], (regimes.bull, regimes.bear, regimes.sideways))), window


def _agree(product: Product, naive: Naive, bar: Bar, frame: pd.DataFrame) -> None:
    """Assert that both sides give the same answer for one bar."""
    (prediction,) = product.predict([bar])
    (explanation,) = product.explain([prediction])
    row, window = _inputs(product)
    for name, theirs in naive.members(row, window).items():
        ours = prediction.members[name]
        gap = np.abs(np.array([ours.sell, ours.neutral, ours.buy]) - theirs).max()
        assert gap <= 1e-6, f"P17: {name} differs from its library by {gap}"
    target = ("sell", "neutral", "buy").index(explanation.explained_class)
    trees, gradients = naive.explain(row, window, target)
    names = (*product.loaded.manifest.feature_names, *REGIME_INPUTS)
    for driver in (*explanation.positive, *explanation.negative):
        i = names.index(driver.feature)
        gap = abs((driver.xgboost_margin or 0.0) - trees[i])
        assert gap <= 1e-5, f"P17: TreeSHAP of {driver.feature} differs from shap by {gap}"
        if driver.lstm_gradient is not None:
            gap = abs(driver.lstm_gradient - gradients[i])
            assert gap <= 1e-4, f"P17: gradient of {driver.feature} differs from captum by {gap}"
    last = indicators(frame).iloc[-1]
    for name in SHARED_INDICATORS:
        gap = abs(row[names.index(name)] - last[name])
        assert gap <= 1e-9, f"P17: {name} differs from pandas by {gap}"


def _burst(model: ModelRegistered, bars: list[Bar]) -> list[float]:
    """Return the seconds of each close: all symbols at once, every tenth explained."""
    symbols = [f"S{n:03d}USDT" for n in range(BURST)]
    product = _copies(model, bars, symbols)
    _agree_alone(product, _copies(model, bars, symbols[:1]), bars[WARM_UP_BARS], symbols)
    gc.collect()
    gc.freeze()  # as the processes do once their models are loaded
    seconds = []
    for bar in bars[WARM_UP_BARS + 1 : WARM_UP_BARS + 1 + CLOSES]:
        together = [bar.model_copy(update={"symbol": symbol}) for symbol in symbols]

        def close(_: int, together: list[Bar] = together) -> None:
            predictions = product.predict(together)
            assert len(predictions) == BURST
            product.signals(predictions)
            product.explain(predictions[:: BURST // EXPLAINED])

        seconds.append(_seconds(close))
    return seconds


def _agree_alone(product: Product, alone: Product, bar: Bar, symbols: list[str]) -> None:
    """Assert that a symbol is predicted and explained in a burst as it is alone, to the byte."""
    bars = [bar.model_copy(update={"symbol": symbol}) for symbol in symbols]
    together, one = product.predict(bars), alone.predict(bars[:1])
    assert together[0].encode() == one[0].encode(), "P18: a burst predicts otherwise"
    assert len({p.probabilities.encode() for p in together}) == 1, "P18: equal pasts differ"
    explained, expected = product.explain(together[:1]), alone.explain(one)
    assert explained[0].encode() == expected[0].encode(), "P18: a burst explains otherwise"


def _copies(model: ModelRegistered, bars: list[Bar], symbols: list[str]) -> Product:
    """Return a product whose symbols all have the past of one symbol."""
    one, many = Product(model, [SYMBOL]), Product(model, symbols)
    for bar in bars[:WARM_UP_BARS]:
        one.predict([bar])
    past = one.explainable.history((SYMBOL, MINUTE_MS))
    for symbol in symbols:
        key: StateKey = (symbol, MINUTE_MS)
        for name in ("features", "regimes", "inference"):
            many.states[name, key] = one.states[name, (SYMBOL, MINUTE_MS)]
        rows = dict(list(past.rows.items())[-100:])
        features = replace(past.features, by_time=rows)
        many.explainable.histories[key] = ExplainHistory(features)
    return many


def _seconds(work: Work) -> float:
    """Return the CPU seconds of one call: neighbours on a shared machine do not count."""
    started = time.process_time()
    work(0)
    return time.process_time() - started


def _against_naive(
    name: str, bar: float, ours: tuple[list[float], int], theirs: list[float]
) -> Row:
    """Return a row: the naive composition's median over a percentile of ours.

    ``ours`` are seconds and the percentile. A burst's symbols are copies, so that all of them need
    more points of the gradients at once: its tail is printed, its median counts.
    """
    seconds, percent = ours
    peer = float(np.median(theirs))
    low, median, high, p99 = np.percentile(seconds, [25, 50, 75, 99])
    counted = float(np.percentile(seconds, percent))
    said = f"median {median * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, peer {peer * 1e3:.0f} ms"
    print(f"  {name}: {said}", file=sys.stderr, flush=True)  # noqa: T201 - says little elsewhere
    return {
        "name": name,
        "peer": f"{NAIVE}: median",
        "ratio": round(peer / counted, 2),
        "spread": round(float(high - low) / counted, 2),
        "bar": bar,
        "holds": peer / counted >= bar,
    }
