"""View of the versions of models: each as it stands, the way there, and deployments."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Unknown
from schemas.record import Record
from schemas.timeframes import timeframe_name
from schemas.training import TrainingBudget
from schemas.versions import DeploymentChanged, ModelStageChanged, ModelVersion

Line = tuple[str, int]  # strategy and timeframe: one sequence of versions


@dataclass
class VersionLine:
    """The versions of a strategy and timeframe by their numbers, and every change of a stage."""

    versions: dict[int, ModelVersion] = field(default_factory=dict)
    changes: list[ModelStageChanged] = field(default_factory=list)
    deployments: list[DeploymentChanged] = field(default_factory=list)

    @property
    def revision(self) -> int:
        """Of the newest change."""
        return max((version.revision for version in self.versions.values()), default=0)

    def at(self, as_of_ms: int) -> list[ModelStageChanged]:
        """Return the last change of each version up to a market time, by number."""
        stood = {c.number: c for c in self.changes if c.event_time_ms <= as_of_ms}
        return [stood[number] for number in sorted(stood)]

    def served_at(self, close_ms: int) -> int | None:
        """Return the number of the version that predicted a bar, by its close; None: none did."""
        served = [
            (change.effective_from_ms, change.number)
            for change in self.changes
            if change.to_stage == "Production"
            and change.effective_from_ms is not None
            and change.effective_from_ms <= close_ms
        ]
        return max(served)[1] if served else None


class VersionsView:
    """The versions of all models; written on the event loop only."""

    def __init__(self) -> None:
        self._lines: dict[Line, VersionLine] = {}
        self._budgets: dict[Line, TrainingBudget] = {}  # also of lines without a version
        self._changed = asyncio.Event()

    def folds(self) -> dict[type[Record], Callable[[Any, object], None]]:
        """Return what takes each record that this view is made of."""
        return {
            ModelVersion: lambda version, _: self.put(version),
            ModelStageChanged: lambda change, _: self.put_change(change),
            DeploymentChanged: lambda change, _: self.put_deployment(change),
            TrainingBudget: lambda budget, _: self.put_budget(budget),
        }

    def put(self, version: ModelVersion) -> None:
        """Take a version as it stands; an older one than is known changes nothing."""
        versions = self._line(version).versions
        known = versions.get(version.number)
        if known is not None and known.revision >= version.revision:
            return
        versions[version.number] = version
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def put_change(self, change: ModelStageChanged) -> None:
        """Take a change of a stage; one that was taken before changes nothing."""
        changes = self._line(change).changes
        if change not in changes:
            changes.append(change)

    def put_deployment(self, change: DeploymentChanged) -> None:
        """Take a deployment; one that was taken before changes nothing."""
        deployments = self._line(change).deployments
        if change not in deployments:
            deployments.append(change)

    def put_budget(self, budget: TrainingBudget) -> None:
        """Take what retrainings are left."""
        self._budgets[budget.strategy, budget.timeframe_ms] = budget

    def budget(self, strategy: str, timeframe_ms: int) -> TrainingBudget | None:
        """Return what retrainings are left; None before anything was told of it."""
        return self._budgets.get((strategy, timeframe_ms))

    def _line(self, record: ModelVersion | ModelStageChanged | DeploymentChanged) -> VersionLine:
        return self._lines.setdefault((record.strategy, record.timeframe_ms), VersionLine())

    async def wait_for(self, line: Line, revision: int, within_s: float) -> None:
        """Return once a revision has been read, or when the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.revision(*line) < revision:
                    await self._changed.wait()

    def strategies(self) -> list[str]:
        """Return the strategies that have versions, by name."""
        return sorted({strategy for strategy, _ in self._lines})

    def timeframes(self, strategy: str) -> list[int]:
        """Return the timeframes for which a strategy has versions, ascending."""
        return sorted(length for name, length in self._lines if name == strategy)

    def revision(self, strategy: str, timeframe_ms: int) -> int:
        """Return the revision of a strategy's models of a timeframe; 0 before the first."""
        line = self._lines.get((strategy, timeframe_ms))
        return 0 if line is None else line.revision

    def require(self, strategy: str, timeframe_ms: int) -> VersionLine:
        """Return the versions of a strategy and timeframe; raises ``Unknown``."""
        line = self._lines.get((strategy, timeframe_ms))
        if line is not None:
            return line
        lengths = self.timeframes(strategy)
        if not lengths:
            known = ", ".join(self.strategies()) or "none yet"
            raise Unknown(f"{strategy} has no model versions; strategies that have: {known}")
        known = ", ".join(map(timeframe_name, lengths))
        raise Unknown(
            f"{strategy} has no model versions of {timeframe_name(timeframe_ms)}, but of {known}"
        )

    def version(self, strategy: str, timeframe_ms: int, version: str) -> ModelVersion | None:
        """Return a version by its number or its model version; None for an unknown one."""
        line = self._lines.get((strategy, timeframe_ms), VersionLine())
        named = (v for v in line.versions.values() if version in (str(v.number), v.model_version))
        return next(named, None)

    def trained_by(self, strategy: str, timeframe_ms: int, run_id: str) -> ModelVersion | None:
        """Return the newest version that a training made; None where it made none."""
        line = self._lines.get((strategy, timeframe_ms), VersionLine())
        made = (v for _, v in sorted(line.versions.items(), reverse=True))
        return next((v for v in made if run_id in (v.model.request_id, v.model_version)), None)

    def deployment(self, strategy: str, deployment_id: str) -> DeploymentChanged | None:
        """Return a deployment of any timeframe of a strategy; None for an unknown one."""
        made = (d for (name, _), line in self._lines.items() if name == strategy
                for d in line.deployments)  # fmt: skip
        return next((d for d in made if d.deployment_id == deployment_id), None)

    def require_version(self, strategy: str, timeframe_ms: int, version: str) -> ModelVersion:
        """Return a version by its number or its model version; raises ``Unknown``."""
        line = self.require(strategy, timeframe_ms)
        named = self.version(strategy, timeframe_ms, version)
        if named is not None:
            return named
        newest = sorted(line.versions)[-5:]
        known = ", ".join(f"{number} ({line.versions[number].model_version})" for number in newest)
        raise Unknown(f"{strategy} has no version {version}; its newest: {known}")
