"""Bind a home to one market, so that its topics never mix two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workers.settings import Settings
from workers.storage import whole_file

FILE_NAME = "source.json"


class HomeRefused(ValueError):
    """The home is bound to another market; the message names both, and the way out."""


def market_identity(settings: Settings) -> dict[str, Any]:
    """Return what identifies the market of the settings."""
    from workers.bars.bar_names import parse_subject

    identity: dict[str, Any] = {"exchange": settings.exchange}
    if settings.exchange == "replay":
        subjects = [parse_subject(text) for text in settings.replay_files]
        identity["files"] = sorted([path.name, symbol, ms] for path, symbol, ms in subjects)
        return identity
    identity["timeframe"] = settings.timeframe
    if settings.exchange == "simulated":
        identity["seed"] = settings.seed
        if settings.trend != 1.0:  # homes of older releases name none
            identity["trend"] = settings.trend
    return identity


def bound_market(home: Path) -> dict[str, Any] | None:
    """Return the market that a home is bound to; None for a new home or an unreadable file."""
    try:
        bound = json.loads((home / FILE_NAME).read_text())
    except (OSError, ValueError):
        return None
    return bound if isinstance(bound, dict) else None


def bind_home(home: Path, market: dict[str, Any]) -> None:
    """Bind a home to a market on first use.

    Raises:
        HomeRefused: The home is bound to another market.
    """
    path = home / FILE_NAME
    home.mkdir(parents=True, exist_ok=True)
    try:
        bound = json.loads(path.read_text())
    except FileNotFoundError:
        with whole_file(path) as fresh:
            fresh.write_text(json.dumps(market, indent=2))
        return
    except ValueError:
        raise HomeRefused(f"{path} is not readable; remove {home} to start anew") from None
    if bound != market:
        raise HomeRefused(
            f"{home} holds the market {_describe(bound)}, not {_describe(market)}; {_again(bound)}"
            f"choose another folder with REGIMEFLOW_HOME, or remove this one to start anew"
        )


def _again(bound: dict[str, Any]) -> str:
    """Return how to start what a home holds: the options of a simulated market that has them."""
    if bound.get("exchange") != "simulated":
        return ""
    options = [
        f"--{name} {bound[name]:g}"
        for name, default in (("seed", Settings.model_fields["seed"].default), ("trend", 1.0))
        if bound.get(name, default) != default
    ]
    said = f"with {' '.join(options)}" if options else "without --seed and --trend"
    return f"start it again {said}, or "


def _describe(market: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in market.items())
