"""What the feature kernel is raced against: the same indicators in talipp and TA-Lib."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import talib
from numpy.typing import NDArray
from talib import stream
from talipp import indicators as talipp
from talipp.ohlcv import OHLCV

from tests.bench.peer_process import NEWEST_NAUTILUS_PYTHON, PeerProcess

Bars = NDArray[np.float64]  # shape (T, 5): open, high, low, close, volume


class Talipp:
    """talipp's objects, one per indicator, fed bar by bar: 46 outputs, each one of ours too."""

    outputs = 46

    def __init__(self) -> None:
        t = talipp
        self.of_close: dict[str, Any] = {
            **{f"rsi_{n}": t.RSI(n) for n in (7, 14)},
            **{f"roc_{n}": t.ROC(n) for n in (10, 20)},
            **{f"sma_{n}": t.SMA(n) for n in (20, 50, 200)},
            **{f"ema_{n}": t.EMA(n) for n in (12, 20, 26, 50, 200)},
            "macd": t.MACD(12, 26, 9),
            "bollinger": t.BB(20, 2.0),
        }
        self.of_bar: dict[str, Any] = {
            "stochastic": t.Stoch(14, 3),
            "cci": t.CCI(20),
            "atr": t.ATR(14),
            **{f"natr_{n}": t.NATR(n) for n in (14, 50)},
            "adx": t.ADX(14, 14),
            "supertrend": t.SuperTrend(10, 3),
            "ichimoku": t.Ichimoku(26, 9, 26, 52, 26),
            **{f"donchian_{n}": t.DonchianChannels(n) for n in (20, 52)},
            "choppiness": t.CHOP(14),
            "balance": t.OBV(),
            "body": t.BOP(),
            "location": t.IBS(),
            "vwap_20": t.VWMA(20),
            "vwap_60": t.VWMA(60),
        }
        self.of_return: dict[str, Any] = {f"deviation_{n}": t.StdDev(n) for n in (20, 60)}
        self.of_volume: dict[str, Any] = {"usual": t.EMA(20), "four": t.SMA(4), "twenty": t.SMA(20)}
        self.last_close = 0.0

    def update(self, bar: tuple[float, ...]) -> None:
        """Add one bar to every indicator."""
        close, volume = bar[3], bar[4]
        ohlcv = OHLCV(*bar)
        for indicator in self.of_close.values():
            indicator.add(close)
        for indicator in self.of_bar.values():
            indicator.add(ohlcv)
        if self.last_close:
            log_return = float(np.log(close / self.last_close))
            for indicator in self.of_return.values():
                indicator.add(log_return)
        for indicator in self.of_volume.values():
            indicator.add(volume)
        self.last_close = close

    def shared(self) -> dict[str, float]:
        """Return the newest values under our names, where both define them alike."""
        close, now = self.last_close, {**self.of_close, **self.of_bar}
        macd, bands, adx = now["macd"][-1], now["bollinger"][-1], now["adx"][-1]
        cloud = now["ichimoku"][-1]
        line = now["supertrend"][-1].value
        return {
            "rsi_7": now["rsi_7"][-1],
            "rsi_14": now["rsi_14"][-1],
            "roc_10": now["roc_10"][-1] / 100.0,
            "sma_distance_200": close / now["sma_200"][-1] - 1.0,
            "ema_distance_50": close / now["ema_50"][-1] - 1.0,
            "macd_line": macd.macd / close,
            "macd_signal": macd.signal / close,
            "bollinger_width_20": (bands.ub - bands.lb) / bands.cb,
            "cci_20": now["cci"][-1],
            "natr_14": now["natr_14"][-1] / 100.0,
            "adx_14": adx.adx,
            "plus_di_14": adx.plus_di,
            "supertrend_distance": (close - line) / max(close, line),
            "ichimoku_kijun_distance": close / cloud.base_line - 1.0,
            "choppiness_14": now["choppiness"][-1],
            "close_location": now["location"][-1],
            "body_ratio": now["body"][-1],
        }


H, L, C, V, R = "high", "low", "close", "volume", "log_return"
# TA-Lib's functions for our outputs: inputs, arguments, number of outputs.
TALIB: tuple[tuple[str, tuple[str, ...], tuple[Any, ...], int], ...] = (
    ("RSI", (C,), (7,), 1),
    ("RSI", (C,), (14,), 1),
    ("MACD", (C,), (12, 26, 9), 3),
    ("STOCH", (H, L, C), (14, 3, 0, 3, 0), 2),
    ("CCI", (H, L, C), (20,), 1),
    ("ROCP", (C,), (10,), 1),
    ("ROCP", (C,), (20,), 1),
    ("ATR", (H, L, C), (14,), 1),
    ("NATR", (H, L, C), (14,), 1),
    ("NATR", (H, L, C), (50,), 1),
    ("TRANGE", (H, L, C), (), 1),
    ("BBANDS", (C,), (20, 2.0, 2.0), 2),  # our position and width, of its three bands
    ("STDDEV", (R,), (20,), 1),
    ("STDDEV", (R,), (60,), 1),
    ("SMA", (C,), (20,), 1),
    ("SMA", (C,), (50,), 1),
    ("SMA", (C,), (200,), 1),
    ("EMA", (C,), (12,), 1),
    ("EMA", (C,), (26,), 1),
    ("EMA", (C,), (50,), 1),
    ("EMA", (C,), (200,), 1),
    ("ADX", (H, L, C), (14,), 1),
    ("ADXR", (H, L, C), (14,), 1),
    ("PLUS_DI", (H, L, C), (14,), 1),
    ("MINUS_DI", (H, L, C), (14,), 1),
    ("SUPERTREND", (H, L, C), (10, 3.0), 2),
    ("ER", (C,), (10,), 1),
    ("ER", (C,), (30,), 1),
    ("MIDPRICE", (H, L), (9,), 1),
    ("MIDPRICE", (H, L), (26,), 1),
    ("MIDPRICE", (H, L), (52,), 1),
    ("DONCHIAN", (H, L), (20,), 1),  # our position, of its three lines
    ("DONCHIAN", (H, L), (52,), 1),
    ("LINEARREG_SLOPE", (C,), (20,), 1),
    ("OBV", (C, V), (), 1),
    ("MFI", (H, L, C, V), (14,), 1),
    ("CMF", (H, L, C, V), (20,), 1),
    ("EMA", (V,), (20,), 1),
    ("SMA", (V,), (4,), 1),
    ("SMA", (V,), (20,), 1),
)
TALIB_OUTPUTS = sum(outputs for *_, outputs in TALIB)


def series(bars: Bars) -> dict[str, NDArray[np.float64]]:
    """Return TA-Lib's inputs by name, each contiguous."""
    found = {name: np.ascontiguousarray(bars[:, i]) for i, name in enumerate(("open", H, L, C, V))}
    found[R] = np.diff(np.log(found[C]), prepend=np.log(found[C][0]))
    return found


def talib_batch(columns: dict[str, NDArray[np.float64]]) -> None:
    """Compute every column over all bars."""
    for name, inputs, arguments, _ in TALIB:
        getattr(talib, name)(*(columns[key] for key in inputs), *arguments)


def talib_window(columns: dict[str, NDArray[np.float64]], stop: int) -> None:
    """Compute the newest value of every column from the 300 bars before ``stop``."""
    part = {key: values[stop - 300 : stop] for key, values in columns.items()}
    for name, inputs, arguments, _ in TALIB:
        _ = getattr(stream, name)(*(part[key] for key in inputs), *arguments).value


class TalibHandles:
    """TA-Lib 0.8's stateful handles: constant work a bar, one object per function."""

    def __init__(self, columns: dict[str, NDArray[np.float64]], stop: int) -> None:
        part = {key: values[:stop] for key, values in columns.items()}
        self.handles: list[tuple[Callable[..., object], tuple[str, ...]]] = [
            (getattr(stream, name)(*(part[key] for key in inputs), *arguments).update, inputs)
            for name, inputs, arguments, _ in TALIB
        ]

    def update(self, bar: dict[str, float]) -> None:
        """Carry every handle one bar forward."""
        for update, inputs in self.handles:
            update(*(bar[key] for key in inputs))


class NautilusIndicators:
    """nautilus_trader's compiled indicators, in a process and environment of their own."""

    outputs = 31

    def __init__(self, bars: Bars, folder: Path) -> None:
        self.process = PeerProcess("nautilus_peer.py", python=NEWEST_NAUTILUS_PYTHON)
        np.savez(folder / "bars.npz", bars=bars)
        self.version = self.process.ask(folder / "bars.npz")

    def update(self, bars: int) -> dict[str, float]:
        """Update by so many bars; return the outputs after them."""
        outputs: dict[str, float] = json.loads(self.process.ask(bars))
        return outputs


def endless(bars: Bars) -> itertools.cycle[tuple[float, ...]]:
    """Return the bars as tuples, again and again."""
    return itertools.cycle(map(tuple, bars.tolist()))
