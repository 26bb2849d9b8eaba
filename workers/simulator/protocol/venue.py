"""State of the simulated exchange beside its market: clock, sockets, request counts."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from workers.simulator.account_book import AccountBook
from workers.simulator.candles import CandleHistory
from workers.simulator.faults import FaultDesk
from workers.simulator.market import SimulatedMarket
from workers.simulator.protocol.hub import Hub
from workers.simulator.simulated_clock import SimulatedClock


@dataclass(frozen=True)
class KeyRights:
    """Rights of every API key on the venue; the default key may only read."""

    reading: bool = True
    futures: bool = False
    spot_and_margin_trading: bool = False
    withdrawals: bool = False
    can_trade: bool = False  # the account's own switch, beside the key's


@dataclass
class Venue:
    """The running exchange: shared by every request and socket."""

    market: SimulatedMarket
    clock: SimulatedClock
    weight_limit: int
    key_rights: KeyRights
    account: AccountBook = field(default_factory=AccountBook)
    hub: Hub = field(init=False)
    history: CandleHistory = field(init=False)
    faults: FaultDesk = field(default_factory=FaultDesk)
    refused_writes: int = 0  # 0 in a system that only analyses
    requests: Counter[str] = field(default_factory=Counter)  # by path
    _weight_minute: int = 0
    _weight: int = 0

    def __post_init__(self) -> None:
        self.hub = Hub(self.market.symbols)
        self.history = CandleHistory(self.market)

    def spend(self, weight: int) -> int:
        """Add a request's weight; returns the weight used in this wall-clock minute."""
        minute = int(time.time() // 60)
        if minute != self._weight_minute:
            self._weight_minute, self._weight = minute, 0
        self._weight += weight
        return self._weight

    def shown_now_ms(self) -> int:
        """Return the time that the venue shows: simulated time plus the skew of a fault."""
        now_ms = self.clock.now_ms()
        return now_ms + self.faults.skew_ms(now_ms)

    @staticmethod
    def seconds_to_next_minute() -> int:
        """Return the wall-clock seconds until the request weight starts anew, at least 1."""
        return max(1, 60 - int(time.time() % 60))
