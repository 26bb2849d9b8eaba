"""View of challenges: each as it stands, how its interval has shrunk, what its ideas came to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import NamedTuple

from gateway.errors import Unknown
from schemas.challenges import Challenge, ChallengeEvent, ShadowResult, Variant
from schemas.timeframes import timeframe_name
from streams.evaluation.trade_outcome import TradeOutcome

NEWEST_RESULTS = 50  # of a challenge that are kept as they came


class ChallengePoint(NamedTuple):
    """The interval of the gain at one look."""

    event_time_ms: int
    blocks: int
    gain: float | None
    low: float | None
    high: float | None


class ChallengesView:
    """All challenges by id, the oldest first; written on the event loop only."""

    def __init__(self) -> None:
        self._newest: dict[str, ChallengeEvent] = {}
        self._points: dict[str, list[ChallengePoint]] = {}
        self._ideas: dict[tuple[str, Variant], dict[str, TradeOutcome]] = {}  # by trade
        self._newest_results: dict[str, deque[bytes]] = {}
        self._commands: set[str] = set()  # that are read here
        self._changed = asyncio.Event()

    def put(self, event: ChallengeEvent) -> None:
        """Take an event; one that was taken before changes nothing."""
        challenge = event.challenge
        points = self._points.setdefault(challenge.challenge_id, [])
        self._newest[challenge.challenge_id] = event.changed({"model": None})  # a big one
        known = points[-1].blocks if points else 0
        if challenge.blocks > known:
            figures = (challenge.gain, challenge.low, challenge.high)
            points.append(ChallengePoint(event.event_time_ms, challenge.blocks, *figures))
        if event.command_id is not None:
            self._commands.add(event.command_id)
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    def put_result(self, shadow: ShadowResult, raw: bytes) -> None:
        """Take what an idea of one of the models came to; one that is known changes nothing."""
        ideas = self._ideas.setdefault((shadow.challenge_id, shadow.variant), {})
        if shadow.result.trade_id in ideas:
            return
        ideas[shadow.result.trade_id] = TradeOutcome.of_trade(shadow.result)
        newest = self._newest_results.setdefault(shadow.challenge_id, deque(maxlen=NEWEST_RESULTS))
        newest.appendleft(raw)

    async def wait_for(self, command_id: str, within_s: float) -> None:
        """Return once what came of a command has been read, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while command_id not in self._commands:
                    await self._changed.wait()

    def of(self, strategy: str, timeframe_ms: int) -> list[Challenge]:
        """Return the challenges of a strategy and timeframe, the newest first."""
        line = (strategy, timeframe_ms)
        events = (e for e in self._newest.values() if (e.strategy, e.timeframe_ms) == line)
        return [event.challenge for event in events][::-1]

    def active(self, strategy: str, timeframe_ms: int) -> Challenge:
        """Return the active challenge of a strategy and timeframe; raises ``Unknown``."""
        for challenge in self.of(strategy, timeframe_ms):
            if challenge.status == "active":
                return challenge
        raise Unknown(f"{strategy} has no active challenge of {timeframe_name(timeframe_ms)}")

    def require(self, challenge_id: str) -> Challenge:
        """Return a challenge by its id; raises ``Unknown``."""
        event = self._newest.get(challenge_id)
        if event is None:
            raise Unknown(
                f"there is no challenge {challenge_id[:64]!r}; "
                "GET /api/v1/models/{name}/challenges lists them"
            )
        return event.challenge

    def points(self, challenge_id: str) -> list[ChallengePoint]:
        """Return the interval at each look that had more blocks than the one before."""
        return self._points.get(challenge_id, [])

    def ideas(self, challenge_id: str, variant: Variant) -> list[TradeOutcome]:
        """Return what every idea of one of the models came to."""
        return list(self._ideas.get((challenge_id, variant), {}).values())

    def newest_results(self, challenge_id: str) -> list[bytes]:
        """Return the last ``ShadowResult`` of a challenge as they came, the newest first."""
        return list(self._newest_results.get(challenge_id, ()))
