"""Which processes a run has: those that its market can have, or those that its settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.settings import Settings


def process_names(exchange: str) -> tuple[str, ...]:
    """Return every process that a market can have, in flow order."""
    from streams.topology import CHAINS, WORKERS

    workers = [row.name for row in WORKERS]
    names = [*workers[:2], *(chain.name for chain in CHAINS), *workers[2:]]
    without = {"simulated": set[str](), "replay": {"simulator", "account"}}
    return tuple(name for name in names if name not in without.get(exchange, {"simulator"}))


def default_processes(settings: Settings) -> tuple[str, ...]:
    """Return the processes of a run that names none: an account is read where a key is set."""
    names = process_names(settings.exchange)
    return tuple(name for name in names if name != "account" or settings.reads_account)
