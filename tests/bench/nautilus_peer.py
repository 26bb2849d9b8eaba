# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "nautilus-trader==1.231.0; python_version >= '3.12'",
#   "nautilus-trader==1.221.0; python_version < '3.12'",  # the last with a wheel for it
# ]
# ///
"""The nautilus_trader side of the feature race, in an environment of its own.

It cannot share ours, so it answers line by line: the name of an ``.npz`` file of bars first, then
a number of bars to update by. Each answer is one line: its version, then the outputs as JSON.
"""

from __future__ import annotations

import json
import sys

import nautilus_trader  # type: ignore[import-not-found] # in its own environment
import numpy as np
from nautilus_trader.indicators import (  # type: ignore[import-not-found] # in its own environment
    AverageTrueRange,
    BollingerBands,
    CommodityChannelIndex,
    DirectionalMovement,
    DonchianChannel,
    EfficiencyRatio,
    ExponentialMovingAverage,
    MovingAverageConvergenceDivergence,
    MovingAverageType,
    OnBalanceVolume,
    RateOfChange,
    RelativeStrengthIndex,
    SimpleMovingAverage,
    Stochastics,
)

WILDER = MovingAverageType.WILDER
NO_OUTPUT = (19, "value")  # DirectionalMovement never sets it


class PeerIndicators:
    """All compared indicators by their inputs, as a strategy would hold them."""

    def __init__(self) -> None:
        self.of_close = [
            RelativeStrengthIndex(7, WILDER),
            RelativeStrengthIndex(14, WILDER),
            RateOfChange(10),
            RateOfChange(20),
            SimpleMovingAverage(20),
            SimpleMovingAverage(50),
            SimpleMovingAverage(200),
            ExponentialMovingAverage(12),
            ExponentialMovingAverage(26),
            ExponentialMovingAverage(50),
            ExponentialMovingAverage(200),
            EfficiencyRatio(10),
            EfficiencyRatio(30),
            MovingAverageConvergenceDivergence(12, 26, MovingAverageType.EXPONENTIAL),
        ]
        self.of_bar = [
            AverageTrueRange(14, WILDER),
            AverageTrueRange(50, WILDER),
            BollingerBands(20, 2.0),
            CommodityChannelIndex(20),
            Stochastics(14, 3),
        ]
        self.of_range = [
            DirectionalMovement(14, WILDER),
            DonchianChannel(20),
            DonchianChannel(52),
        ]
        self.balance = OnBalanceVolume(20)

    def update(self, open_: float, high: float, low: float, close: float, volume: float) -> None:
        for indicator in self.of_close:
            indicator.update_raw(close)
        for indicator in self.of_bar:
            indicator.update_raw(high, low, close)
        for indicator in self.of_range:
            indicator.update_raw(high, low)
        self.balance.update_raw(open_, close, volume)

    def outputs(self) -> dict[str, float]:
        names = ("value", "lower", "middle", "upper", "value_k", "value_d", "pos", "neg")
        return {
            f"{i} {type(indicator).__name__} {name}": float(getattr(indicator, name))
            for i, indicator in enumerate(
                [*self.of_close, *self.of_bar, *self.of_range, self.balance]
            )
            for name in names
            if hasattr(indicator, name) and (i, name) != NO_OUTPUT
        }


def main() -> None:
    """Answer requests until the input ends."""
    bars = [tuple(row) for row in np.load(sys.stdin.readline().strip())["bars"].tolist()]
    indicators, done = PeerIndicators(), 0
    sys.stdout.write(f"nautilus_trader {nautilus_trader.__version__}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        for i in range(done, done + int(line)):
            indicators.update(*bars[i % len(bars)])
        done += int(line)
        sys.stdout.write(json.dumps(indicators.outputs()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
