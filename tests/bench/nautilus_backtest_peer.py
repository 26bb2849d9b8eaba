# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "nautilus-trader==1.231.0; python_version >= '3.12'",
#   "nautilus-trader==1.221.0; python_version < '3.12'",  # the last with a wheel for it
# ]
# ///
"""The nautilus_trader side of the back-test race, in an environment of its own.

It cannot share ours, so it answers line by line: the name of an ``.npz`` file first (bars, warm-up,
windows of the two means), then ``run``. The first answer is its version, each other one a line of
JSON: index of the bar at whose close each order was filled, and its price.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal

import nautilus_trader  # type: ignore[import-not-found] # in its own environment
import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import (  # type: ignore[import-not-found] # own environment
    BacktestEngine,
    BacktestEngineConfig,
)
from nautilus_trader.config import LoggingConfig  # type: ignore[import-not-found] # likewise
from nautilus_trader.indicators import (  # type: ignore[import-not-found] # likewise
    ExponentialMovingAverage,
)
from nautilus_trader.model.currencies import USDT  # type: ignore[import-not-found] # likewise
from nautilus_trader.model.data import Bar, BarType  # type: ignore[import-not-found] # likewise
from nautilus_trader.model.enums import (  # type: ignore[import-not-found] # likewise
    AccountType,
    OmsType,
    OrderSide,
)
from nautilus_trader.model.objects import Money  # type: ignore[import-not-found] # likewise
from nautilus_trader.persistence.wranglers import (  # type: ignore[import-not-found] # likewise
    BarDataWrangler,
)
from nautilus_trader.test_kit.providers import (  # type: ignore[import-not-found] # likewise
    TestInstrumentProvider,
)
from nautilus_trader.trading.strategy import Strategy  # type: ignore[import-not-found] # likewise

UNITS = Decimal("0.010")
MINUTE_NS = 60_000_000_000


class Cross(Strategy):  # type: ignore[misc] # its base is untyped here
    """Long while the fast mean is above the slow one, else short; one order a change."""

    def __init__(self, instrument: object, bars: BarType, market: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.instrument, self.bars = instrument, bars
        self.warm_up = int(market["warm_up"])
        self.fast = ExponentialMovingAverage(int(market["fast"]))
        self.slow = ExponentialMovingAverage(int(market["slow"]))
        self.on_reset()

    def on_reset(self) -> None:
        self.seen, self.side = 0, 0
        self.fills: list[tuple[int, float]] = []
        self.fast.reset()
        self.slow.reset()

    def on_start(self) -> None:
        self.register_indicator_for_bars(self.bars, self.fast)
        self.register_indicator_for_bars(self.bars, self.slow)
        self.subscribe_bars(self.bars)

    def on_bar(self, _: Bar) -> None:
        self.seen += 1
        if self.seen <= self.warm_up:
            return
        side = 1 if self.fast.value > self.slow.value else -1
        if side != self.side:
            units = UNITS * (1 if self.side == 0 else 2)
            order = self.order_factory.market(
                instrument_id=self.instrument.id,  # type: ignore[attr-defined] # untyped here
                order_side=OrderSide.BUY if side > 0 else OrderSide.SELL,
                quantity=self.instrument.make_qty(units),  # type: ignore[attr-defined] # likewise
            )
            self.side = side
            self.submit_order(order)

    def on_order_filled(self, event: object) -> None:
        self.fills.append((self.seen - 1, float(event.last_px)))  # type: ignore[attr-defined] # likewise


def made(market: dict[str, np.ndarray]) -> tuple[BacktestEngine, Cross]:
    """Return an engine with the bars, and the strategy in it."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    engine.add_venue(
        instrument.id.venue,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(1_000_000, USDT)],
        base_currency=USDT,
    )
    engine.add_instrument(instrument)
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    index = pd.date_range("2024-01-01", periods=len(market["bars"]), freq="min", tz="UTC")
    columns = ["open", "high", "low", "close", "volume"]
    frame = pd.DataFrame(market["bars"], index=index, columns=columns)
    engine.add_data(BarDataWrangler(kind, instrument).process(frame))
    strategy = Cross(instrument, kind, market)
    engine.add_strategy(strategy)
    return engine, strategy


def main() -> None:
    """Answer requests until the input ends."""
    with np.load(sys.stdin.readline().strip()) as file:
        engine, strategy = made(dict(file))
    sys.stdout.write(f"nautilus_trader {nautilus_trader.__version__}\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        engine.reset()
        engine.run()
        sys.stdout.write(json.dumps(strategy.fills) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
