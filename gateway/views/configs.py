"""View of the configs of strategies: every version with its history, and what is ACTIVE."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from gateway.envelope import iso
from gateway.errors import Unknown
from schemas.configs import KEPT_MS, ConfigChanged, Content, expired
from streams.configs.content import StrategyConfig, parse_config


@dataclass
class ConfigVersions:
    """The versions of one strategy, in the order of their numbers."""

    revision: int = 0
    changes: dict[str, list[ConfigChanged]] = field(default_factory=dict)  # by config id
    contents: dict[str, Content] = field(default_factory=dict)
    parsed: dict[str, StrategyConfig] = field(default_factory=dict)  # those that were asked for

    def at(self, as_of_ms: int) -> list[ConfigChanged]:
        """Return each version as it stood at a wall time, without those that had expired."""
        stood = []
        for changes in self.changes.values():
            before = [change for change in changes if change.event_time_ms <= as_of_ms]
            if before and not expired(before[-1].deprecated_ms, as_of_ms):
                stood.append(before[-1])
        return stood


class ConfigsView:
    """The configs of all strategies; written on the event loop only."""

    def __init__(self) -> None:
        self._strategies: dict[str, ConfigVersions] = {}
        self._changed = asyncio.Event()

    def put(self, change: ConfigChanged) -> None:
        """Take a change; one that was taken before changes nothing."""
        versions = self._strategies.setdefault(change.strategy, ConfigVersions())
        history = versions.changes.setdefault(change.config_id, [])
        if change in history:
            return
        history.append(change)
        if change.config_data is not None:
            versions.contents[change.config_id] = change.config_data
        versions.revision = max(versions.revision, change.revision)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait_for(self, strategy: str, revision: int, within_s: float) -> None:
        """Return once a revision has been read, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.revision(strategy) < revision:
                    await self._changed.wait()

    def names(self) -> list[str]:
        """Return the strategies that have configs."""
        return sorted(self._strategies)

    def revision(self, strategy: str) -> int:
        """Return how often a strategy's configs have changed."""
        versions = self._strategies.get(strategy)
        return 0 if versions is None else versions.revision

    def require(self, strategy: str) -> ConfigVersions:
        """Return the versions of a strategy; raises ``Unknown``."""
        versions = self._strategies.get(strategy)
        if versions is None:
            known = ", ".join(self.names()) or "none yet"
            raise Unknown(f"strategy {strategy} has no config; known: {known}")
        return versions

    def require_version(self, strategy: str, config_id: str, now_ms: int) -> ConfigChanged:
        """Return a version as it stands; raises ``Unknown``."""
        stand = {change.config_id: change for change in self.require(strategy).at(now_ms)}
        if config_id not in stand:
            raise Unknown(f"{strategy} has no config {config_id}; known: {', '.join(stand)}")
        return stand[config_id]

    def newest(self, strategy: str, config_id: str) -> ConfigChanged | None:
        """Return the last change of a version, expired or not; None for an unknown one."""
        versions = self._strategies.get(strategy)
        changes = versions.changes.get(config_id) if versions else None
        return changes[-1] if changes else None

    def active(self, strategy: str, as_of_ms: int) -> ConfigChanged | None:
        """Return the version that was ACTIVE at a wall time; None without one."""
        versions = self._strategies.get(strategy)
        stood = versions.at(as_of_ms) if versions else []
        return next((change for change in stood if change.status == "ACTIVE"), None)

    def content(self, change: ConfigChanged) -> Content:
        """Return the content of a version."""
        return self._strategies[change.strategy].contents[change.config_id]

    def parsed(self, change: ConfigChanged) -> StrategyConfig:
        """Return the content of a version as a record, made once; raises ``ConfigRefused``."""
        versions = self._strategies[change.strategy]
        if change.config_id not in versions.parsed:
            versions.parsed[change.config_id] = parse_config(versions.contents[change.config_id])
        return versions.parsed[change.config_id]

    def entity(self, change: ConfigChanged) -> dict[str, Any]:
        """Return a version as the routes show it."""
        deployed, deprecated = change.deployed_ms, change.deprecated_ms
        return {
            "strategy_name": change.strategy,
            "config_id": change.config_id,
            "config_hash": change.config_hash,
            "config_data": self.content(change),
            "status": change.status,
            "version_number": change.version_number,
            "created_at": iso(change.created_ms),
            "deployed_at": None if deployed is None else iso(deployed),
            "superseded_by": change.superseded_by,
            "description": change.description,
            "effective_from_ms": change.effective_from_ms,
            "expires_at": None if deprecated is None else iso(deprecated + KEPT_MS),
            "revision": change.revision,
        }
