# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["vectorbt==1.2.0"]
# ///
"""The vectorbt side of the grid race, in an environment of its own.

It may not be shipped with ours and cannot share it, so it answers line by line: the name of an
``.npz`` file first (open and close by hour of some markets, windows, thresholds, fee, share), then
``return`` or ``metrics`` and the number of a market. The first answer is its version, each other
one a line of JSON: the CPU seconds that the grid took, and its results.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd
import vectorbt as vbt  # type: ignore[import-not-found] # in its own environment


def grid(asked: dict[str, np.ndarray], number: int, *, metrics: bool) -> dict[str, list[float]]:
    """Run z-score momentum over every window and threshold, windows first.

    The position decided at a close is taken at the next open, as a share of equity, and left alone
    until the next decision differs.
    """
    index = pd.date_range("2020-01-01", periods=asked["close"].shape[1], freq="h")
    close, opening = (pd.Series(asked[name][number], index) for name in ("close", "open"))
    windows, thresholds = asked["windows"].tolist(), asked["thresholds"]
    mean = vbt.MA.run(close, windows).ma.to_numpy()
    deviation = vbt.MSTD.run(close, windows, ddof=0).mstd.to_numpy()
    z = ((close.to_numpy()[:, None] - mean) / deviation)[:, :, None]
    wanted = ((z > thresholds).astype(np.float64) - (z < -thresholds)).reshape(len(index), -1)
    before = np.vstack([np.zeros((1, wanted.shape[1])), wanted[:-1]])
    size = np.full(wanted.shape, np.nan)
    size[1:] = np.where(wanted[:-1] != before[:-1], wanted[:-1] * asked["share"], np.nan)
    portfolio = vbt.Portfolio.from_orders(
        close,
        pd.DataFrame(size, index),
        size_type="targetpercent",
        price=opening,
        fees=float(asked["fee"]),
        init_cash=10_000.0,
        freq="h",
    )
    results = {"total_return": portfolio.total_return()}
    if metrics:
        value = portfolio.value()
        daily = value.resample("D").last()
        returns = daily / daily.shift(fill_value=10_000.0) - 1.0
        results["sharpe"] = returns.vbt.returns(freq="D", year_freq="365D").sharpe_ratio()
        results["max_drawdown"] = -portfolio.max_drawdown()
    return {name: values.tolist() for name, values in results.items()}


def main() -> None:
    """Answer requests until the input ends."""
    with np.load(sys.stdin.readline().strip()) as file:
        asked = dict(file)
    sys.stdout.write(f"vectorbt {vbt.__version__}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        what, number = line.split()
        started = time.process_time()
        results = grid(asked, int(number), metrics=what == "metrics")
        seconds = time.process_time() - started
        sys.stdout.write(json.dumps({"seconds": seconds, "results": results}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
