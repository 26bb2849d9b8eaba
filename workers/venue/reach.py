"""Whether a venue answers: since when not, why, and when it is asked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from streams.runtime.wall_clock import wall_ms

TOLD_AFTER_MS = 2_000  # a shorter outage is a matter of retries
LOADS_FOR_MS = 20_000  # a simulated venue, which starts beside us

log = structlog.get_logger()


@dataclass(frozen=True)
class Unanswered:
    """One request that is sent again and again; wall clock, epoch milliseconds."""

    since_ms: int
    reason: str
    again_ms: int


@dataclass
class Reach:
    """What a venue leaves unanswered; each retry loop reports the request that it repeats.

    Attributes:
        venue: As messages name it, e.g. ``binanceusdm``.
        told_first_ms: How long it may be silent before its first answer.
    """

    venue: str
    told_first_ms: int = 0
    _unanswered: dict[object, Unanswered] = field(default_factory=dict)
    _told_since_ms: int | None = None
    _answered: bool = False

    def failed(self, request: object, reason: str, again_in_s: float) -> None:
        """Note that a request, named by any hashable, was not answered and is sent again."""
        now_ms = wall_ms()
        first = self._unanswered.get(request)
        since_ms = now_ms if first is None else first.since_ms
        self._unanswered[request] = Unanswered(since_ms, reason, now_ms + int(again_in_s * 1000))

    def settled(self, request: object) -> None:
        """Note that a request was answered, or is sent no more."""
        self._unanswered.pop(request, None)
        self._answered = True

    def outage(self) -> str:
        """Return what does not answer, since when, why, and when it is asked again.

        Empty while the venue answers. The beginning and the end of an outage are logged once.
        """
        now_ms = wall_ms()
        longest = min(self._unanswered.values(), key=lambda each: each.since_ms, default=None)
        quiet_ms = TOLD_AFTER_MS if self._answered else max(self.told_first_ms, TOLD_AFTER_MS)
        if longest is None or now_ms - longest.since_ms < quiet_ms:
            self._log_end(now_ms)
            return ""
        if self._told_since_ms is None:
            self._log_begin(longest)
        again_ms = min(each.again_ms for each in self._unanswered.values())
        again = "now" if again_ms <= now_ms else f"at {_clock(again_ms, '%H:%M:%S')} UTC"
        return (
            f"{self.venue} has not answered since {_clock(longest.since_ms)} UTC "
            f"({longest.reason}); it is asked again {again}"
        )

    def _log_begin(self, unanswered: Unanswered) -> None:
        self._told_since_ms = unanswered.since_ms
        log.warning(
            "venue.unreachable",
            venue=self.venue,
            since=_clock(unanswered.since_ms),
            reason=unanswered.reason,
            remedy="look at this machine's network and at the venue; it is asked again by itself, "
            "at least every 10 s unless it names a time",
        )

    def _log_end(self, now_ms: int) -> None:
        if self._told_since_ms is not None:
            seconds = round((now_ms - self._told_since_ms) / 1000.0, 1)
            log.info("venue.reached", venue=self.venue, after_s=seconds)
        self._told_since_ms = None


def _clock(time_ms: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return datetime.fromtimestamp(time_ms / 1000.0, UTC).strftime(form)
