"""The naive composition: pandas over a window, DMatrix, a torch module, shap and captum."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
import xgboost
from numpy.typing import NDArray

from workers.models.booster import read_booster
from workers.models.lstm import Lstm, standardise
from workers.models.lstm_torch import TorchLstm

WINDOW_BARS = 300
POINTS = 8  # of the integrated gradients, as in the product

Array = NDArray[np.float64]


def _log(values: pd.Series[float]) -> pd.Series[float]:
    return pd.Series(np.log(values.to_numpy()), values.index)


def indicators(bars: pd.DataFrame) -> pd.DataFrame:
    """Return 43 textbook indicators of a window, as notebooks compute them, all rows."""
    o, h, lo, c, v = (bars[name] for name in ("open", "high", "low", "close", "volume"))
    out: dict[str, pd.Series[float]] = {}
    step = _log(c / c.shift())
    gain, loss = c.diff().clip(lower=0.0), -c.diff().clip(upper=0.0)
    for n in (7, 14):
        up, down = (s.ewm(alpha=1 / n, adjust=False).mean() for s in (gain, loss))
        out[f"rsi_{n}"] = 100.0 - 100.0 / (1.0 + up / down)
    for n in (10, 20):
        out[f"roc_{n}"] = c / c.shift(n) - 1.0
    for n in (20, 50, 200):
        out[f"sma_distance_{n}"] = c / c.rolling(n).mean() - 1.0
    for n in (12, 26, 50, 200):
        out[f"ema_distance_{n}"] = c / c.ewm(span=n, adjust=False).mean() - 1.0
    fast, slow = (c.ewm(span=n, adjust=False).mean() for n in (12, 26))
    out["macd"] = fast - slow
    out["macd_signal"] = out["macd"].ewm(span=9, adjust=False).mean()
    out["macd_histogram"] = out["macd"] - out["macd_signal"]
    lowest, highest = lo.rolling(14).min(), h.rolling(14).max()
    out["stochastic_k"] = 100.0 * (c - lowest) / (highest - lowest)
    out["stochastic_d"] = out["stochastic_k"].rolling(3).mean()
    typical = (h + lo + c) / 3.0
    middle = typical.rolling(20).mean()
    out["cci_20"] = (typical - middle) / (0.015 * (typical - middle).abs().rolling(20).mean())
    span = pd.concat([h - lo, (h - c.shift()).abs(), (lo - c.shift()).abs()], axis=1).max(axis=1)
    atr = span.ewm(alpha=1 / 14, adjust=False).mean()
    out["natr_14"] = atr / c
    deviation = c.rolling(20).std(ddof=0)
    out["bollinger_position"] = (c - c.rolling(20).mean()) / (2.0 * deviation)
    out["bollinger_width"] = 4.0 * deviation / c.rolling(20).mean()
    for n in (20, 60):
        out[f"realised_volatility_{n}"] = (step**2).rolling(n).mean() ** 0.5
    out["parkinson"] = (_log(h / lo) ** 2).rolling(20).mean() ** 0.5
    rise, fall = h.diff(), -lo.diff()
    plus = rise.where((rise > fall) & (rise > 0.0), 0.0).ewm(alpha=1 / 14, adjust=False).mean()
    minus = fall.where((fall > rise) & (fall > 0.0), 0.0).ewm(alpha=1 / 14, adjust=False).mean()
    out["plus_di_14"], out["minus_di_14"] = 100.0 * plus / atr, 100.0 * minus / atr
    ratio = 100.0 * (plus - minus).abs() / (plus + minus)
    out["adx_14"] = ratio.ewm(alpha=1 / 14, adjust=False).mean()
    for n, name in ((9, "tenkan"), (26, "kijun"), (52, "span_b")):
        out[f"ichimoku_{name}"] = c / ((h.rolling(n).max() + lo.rolling(n).min()) / 2.0) - 1.0
    for n in (10, 30):
        path = c.diff().abs().rolling(n).sum()
        out[f"efficiency_ratio_{n}"] = (c - c.shift(n)).abs() / path
    for n in (20, 52):
        low_n, high_n = lo.rolling(n).min(), h.rolling(n).max()
        out[f"donchian_position_{n}"] = (c - low_n) / (high_n - low_n)
    out["volume_to_median_20"] = v / v.rolling(20).median()
    out["log_volume_ratio"] = _log(v / v.ewm(span=20, adjust=False).mean().shift())
    for n in (20, 60):
        out[f"vwap_distance_{n}"] = c / ((typical * v).rolling(n).sum() / v.rolling(n).sum()) - 1.0
    out["obv_ratio_20"] = (c.diff().apply(np.sign) * v).rolling(20).sum() / v.rolling(20).sum()
    flow = typical * v
    rising = flow.where(typical.diff() > 0.0, 0.0).rolling(14).sum()
    out["mfi_14"] = 100.0 * rising / flow.rolling(14).sum()
    products = (step * step.shift()).rolling(59).sum()  # the neighbours among 60 returns
    out["autocorrelation_60"] = products / (step**2).rolling(60).sum()
    out["body"] = (c - o) / (h - lo)
    return pd.DataFrame(out)


class Naive:
    """The same model in its libraries, with the same explanation of the same bars."""

    def __init__(self, forest: bytes, network: Lstm, weights: dict[str, float]) -> None:
        from captum.attr import IntegratedGradients

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # shap's imports warn about their own dependencies
            import shap
        assert read_booster(forest).trees > 0
        self.booster = xgboost.Booster({"nthread": 1})
        self.booster.load_model(bytearray(forest))
        self.trees: Any = shap.TreeExplainer(self.booster)
        self.network, self.weights = network, weights
        self.served = TorchLstm(network, "cpu")
        self.gradients: Any = IntegratedGradients(self.served.network)

    def members(self, row: Array, window: Array) -> dict[str, Array]:
        """Return each member's probabilities of one row, shape (3,)."""
        boosted = self.booster.predict(xgboost.DMatrix(row[None], nthread=1))[0]
        with torch.inference_mode():
            logits = self.served.network(torch.from_numpy(standardise(self.network, window[None])))
        return {
            "xgboost": boosted.astype(np.float64),
            "lstm": torch.softmax(logits.double(), dim=1)[0].numpy(),
        }

    def explain(self, row: Array, window: Array, target: int) -> tuple[Array, Array]:
        """Return TreeSHAP of the target's margin and gradients of its logit, by feature."""
        trees = self.trees.shap_values(row[None].astype(np.float32))[0, :, target]
        inputs = torch.from_numpy(standardise(self.network, window[None]))
        parts = self.gradients.attribute(
            inputs, target=target, n_steps=POINTS, method="gausslegendre"
        )
        return trees, parts.sum(dim=1)[0].detach().numpy()

    def signal(
        self, bars: pd.DataFrame, row: Array, window: Array, *, explained: bool = True
    ) -> bytes:
        """Compute everything for one bar; the indicators stand for the row, which has more."""
        last = indicators(bars).iloc[-1].to_dict()
        members = self.members(row, window)
        pooled = sum(self.weights[name] * members[name] for name in self.weights)
        target = int(np.argmax(pooled))
        if not explained:
            return json.dumps({"probabilities": np.asarray(pooled).tolist(), **last}).encode()
        trees, gradients = self.explain(row, window, target)
        order = np.argsort(-np.abs(trees))[:10]
        return json.dumps(
            {
                "probabilities": np.asarray(pooled).tolist(),
                "drivers": {int(i): float(trees[i]) for i in order},
                "gradients": gradients.tolist()[:10],
                "indicators": last,
            }
        ).encode()
