"""A home holds one market: its topics are never mixed with another source's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workers.bars.bar_files import subject_of
from workers.settings import Settings

NAME = "source.json"


class HomeRefused(ValueError):
    """The home is bound to another source; says which, and the way out."""


def market_identity(settings: Settings) -> dict[str, Any]:
    """Return what identifies the market that the settings ask for."""
    source: dict[str, Any] = {"exchange": settings.exchange}
    if settings.exchange == "replay":
        subjects = [subject_of(text) for text in settings.replay_files]
        source["files"] = sorted([path.name, symbol, ms] for path, symbol, ms in subjects)
        return source
    source["timeframe"] = settings.timeframe
    if settings.exchange == "simulated":
        source["seed"] = settings.seed
    return source


def bind_home(home: Path, source: dict[str, Any]) -> None:
    """Bind a home to its source on first use.

    Raises:
        HomeRefused: It is bound to another one.
    """
    path = home / NAME
    home.mkdir(parents=True, exist_ok=True)
    try:
        bound = json.loads(path.read_text())
    except FileNotFoundError:
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(source, indent=2))
        fresh.replace(path)
        return
    except ValueError:
        raise HomeRefused(f"{path} is not readable; remove {home} to start anew") from None
    if bound != source:
        raise HomeRefused(
            f"{home} holds the market {_told(bound)}, not {_told(source)}; choose another folder "
            f"with REGIMEFLOW_HOME, or remove this one to start anew"
        )


def _told(source: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in source.items())
