"""Says once that the bars of a symbol have become stale, and once that they are fresh again."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from schemas.timeframes import STALE_BARS
from workers.ingest.symbol_feed import WaitLimits

log = structlog.get_logger()


@dataclass
class Freshness:
    """Which symbols are stale, and since when.

    A symbol is stale when its newest bar closed more than ``stale_ms`` ago. It is fresh again when
    the bar that closed last is there, so that one which is always late is told once.

    Attributes:
        timeframe_ms: Of the bars.
        stale_ms: Largest age of a fresh bar, in market time.
    """

    timeframe_ms: int
    stale_ms: float
    _stale: dict[str, int] = field(default_factory=dict)  # by symbol, close of its newest bar then

    @classmethod
    def for_bars(cls, timeframe_ms: int, speed: float, limits: WaitLimits) -> Freshness:
        """Return the rule of the gateway, for market time that runs at ``speed``.

        A fast market passes two bars while its stream may still be silent: it has as long as that.
        """
        return cls(timeframe_ms, max(STALE_BARS * timeframe_ms, limits.silence_s * 1000.0 * speed))

    def see(self, symbol: str, close_ms: int, now_ms: int) -> None:
        """Look at one symbol.

        Args:
            symbol: Whose bars.
            close_ms: When its newest bar closed, UTC epoch milliseconds.
            now_ms: Market time.
        """
        age_ms = now_ms - close_ms
        if symbol not in self._stale and age_ms > self.stale_ms:
            self._stale[symbol] = close_ms
            log.warning(
                "data.stale",
                symbol=symbol,
                newest_close_ms=close_ms,
                age_s=round(age_ms / 1000.0, 1),
                bars=round(age_ms / self.timeframe_ms, 1),
                remedy="none while the venue is away: bars are fetched as soon as it answers; if "
                "it answers others, look at `regimeflow doctor` and at the network",
            )
        elif symbol in self._stale and age_ms < self.timeframe_ms:
            stale_from_ms = self._stale.pop(symbol)
            log.info(
                "data.fresh",
                symbol=symbol,
                newest_close_ms=close_ms,
                stale_for_s=round((close_ms - stale_from_ms) / 1000.0, 1),
            )
