"""View of the account: the newest snapshot, and when it was written."""

from __future__ import annotations

from schemas.portfolio import AccountSnapshot


class PortfolioView:
    """The account as it was read last; written on the event loop only."""

    def __init__(self) -> None:
        self.snapshot: AccountSnapshot | None = None
        self.written_ms = 0  # wall clock

    def put(self, snapshot: AccountSnapshot, written_ms: int) -> None:
        """Take a snapshot, unless it was written before the one that is held."""
        if written_ms >= self.written_ms:
            self.snapshot, self.written_ms = snapshot, written_ms
