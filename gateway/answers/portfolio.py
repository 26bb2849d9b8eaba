"""The account for the routes: as it was read last, with its age, or why there is none."""

from __future__ import annotations

from typing import NamedTuple

from gateway.context import AppContext
from gateway.errors import Unavailable
from schemas.portfolio import AccountSnapshot

STALE_MS = 60_000  # four snapshots
GONE_MS = 600_000  # whoever shows it then shows the past
NO_ACCOUNT = (
    "no account is connected: set REGIMEFLOW_BINANCE_API_KEY and REGIMEFLOW_BINANCE_API_SECRET of "
    "a key that may only read, and start again"
)


class ReadAccount(NamedTuple):
    """A snapshot and the wall-clock time since it was written."""

    snapshot: AccountSnapshot
    age_ms: int

    @property
    def stale(self) -> bool:
        """Whether newer ones are missing."""
        return self.age_ms > STALE_MS


def require_account(ctx: AppContext) -> ReadAccount:
    """Return the account; raises ``Unavailable`` with what to set, or what its process says."""
    ctx.require_ready()
    snapshot = ctx.views.portfolio.snapshot
    if snapshot is not None:
        age_ms = max(0, ctx.wall_ms() - ctx.views.portfolio.written_ms)
        if age_ms <= GONE_MS:
            return ReadAccount(snapshot, age_ms)
    status = ctx.views.statuses.get("account")
    if status is None or status.state in ("stopping", "failed"):
        said = "" if status is None or not status.detail else f" ({status.detail})"
        raise Unavailable(NO_ACCOUNT + said)
    raise Unavailable(f"the account has not been read: {status.state} {status.detail}".strip())
