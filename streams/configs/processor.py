"""Configs: commands in; versions, the ACTIVE one, and what each market's signals follow out.

    market.history.v1, configs.commands.v1  -->  [configs]  -->  configs.changes.v1,
    configs.active.v1, configs.effective.v1, models.policies.v1, commands.outcomes.v1,
    operators.audit.v1

A version is DRAFT, then ACTIVE, then DEPRECATED; one of a strategy is ACTIVE. Where a strategy has
history and no config, the shipped one becomes ACTIVE. The state holds no contents: who activates a
version sends its content once more, and its hash must be that of the version.
"""

from __future__ import annotations

from pydantic import Field

from schemas.bounds import Count
from schemas.configs import (
    ActiveConfig,
    ConfigChanged,
    ConfigCommand,
    ConfigEffective,
    ConfigStatus,
    Content,
    expired,
)
from schemas.ids import derived_id
from schemas.market import HistoryReady
from schemas.policies import ModelPolicy
from schemas.record import Record
from schemas.topics import (
    COMMAND_OUTCOMES,
    CONFIG_ACTIVE,
    CONFIG_CHANGES,
    CONFIG_COMMANDS,
    CONFIG_EFFECTIVE,
    HISTORY,
    MODEL_POLICIES,
    OPERATOR_AUDIT,
)
from streams.commands import CommandedState, Ruling, is_repeated, is_stale, settle, stale
from streams.configs.content import (
    SHIPPED,
    ConfigRefused,
    config_id,
    content_hash,
    normalised,
    parse_config,
)
from streams.processor import Outputs, Processor

LEAD_BARS = 5  # of the base: the first config must reach the signals before its bar
BOOTSTRAP = "bootstrap"


class Version(Record):
    """One version without its content."""

    config_id: str
    config_hash: str
    version_number: Count
    status: ConfigStatus
    created_ms: int
    deployed_ms: int | None = None
    deprecated_ms: int | None = None
    superseded_by: str | None = None
    description: str = ""


class ConfigsState(CommandedState):
    """Versions of a strategy, oldest first, its ACTIVE config, and the markets it is for."""

    versions: tuple[Version, ...] = ()
    active: ActiveConfig | None = None
    markets: dict[int, tuple[str, ...]] = Field(default_factory=dict)  # by timeframe
    policed: tuple[int, ...] = ()  # timeframes whose models know what decides about them


def step(state: ConfigsState, record: HistoryReady | ConfigCommand) -> tuple[ConfigsState, Outputs]:
    """Decide one command, or take notice of the markets of a strategy."""
    if isinstance(record, HistoryReady):
        return _history(state, record)
    if is_repeated(state, record):
        return state, ()
    if is_stale(state, record):
        ruling = stale(state, record, record.strategy)
    else:
        ruling = DECIDERS[record.action](state, record)
    return settle(state, record, ("configs", record.action), ruling)


def _history(state: ConfigsState, history: HistoryReady) -> tuple[ConfigsState, Outputs]:
    state, policy = _first_policy(state, history)
    if state.markets.get(history.timeframe_ms) == history.symbols:
        return state, policy
    markets = {**state.markets, history.timeframe_ms: history.symbols}
    state = state.model_copy(update={"markets": markets})
    base_ms = history.base_ms or history.timeframe_ms
    from_ms = (-(-history.event_time_ms // base_ms) + LEAD_BARS) * base_ms
    if state.active is not None:
        from_ms = max(from_ms, state.active.effective_from_ms)
        markets = {history.timeframe_ms: history.symbols}
        return state, (*policy, *_effective(state.active, markets, from_ms))
    command = ConfigCommand(
        command_id=derived_id(CONFIG_COMMANDS.name, history.strategy, BOOTSTRAP),
        event_time_ms=history.event_time_ms,
        by="regimeflow",
        reason="the shipped config, because there was none",
        strategy=history.strategy,
        action="activate",
        config_data=SHIPPED,
        description="As shipped",
        effective_from_ms=from_ms,
    )
    drafted = _draft(state, command, SHIPPED)
    state = state.model_copy(update=drafted.changes or {})
    (draft,) = drafted.facts
    activated = _activation(state, command, state.versions[-1], SHIPPED)
    ruling = Ruling(
        "done",
        activated.detail,
        activated.subject,
        activated.changes,
        (draft, *activated.facts),
        after=activated.after,
    )
    return settle(state, command, ("configs", BOOTSTRAP), ruling)


def _first_policy(state: ConfigsState, history: HistoryReady) -> tuple[ConfigsState, Outputs]:
    """Return what decides about the models of a timeframe that has not been told it yet.

    It counts at once: no bar waits for it.
    """
    timeframe_ms = history.timeframe_ms
    if timeframe_ms in state.policed:
        return state, ()
    state = state.model_copy(update={"policed": (*state.policed, timeframe_ms)})
    if state.active is None:  # the shipped config becomes ACTIVE with this history
        return state, ()
    return state, _policies(state.active, (timeframe_ms,), history.event_time_ms)


def _create(state: ConfigsState, command: ConfigCommand) -> Ruling:
    try:
        content = normalised(command.config_data or {})
        name = parse_config(content).strategy.name
    except ConfigRefused as refused:
        return Ruling("invalid", str(refused), command.strategy)
    if name not in (None, command.strategy):
        return Ruling(
            "invalid",
            f'strategy.name: got "{name}", expected "{command.strategy}", whose config it is',
            command.strategy,
        )
    digest = content_hash(content)
    alike = next((v for v in state.versions if v.config_hash == digest), None)
    if alike is not None and not expired(alike.deprecated_ms, command.event_time_ms):
        return Ruling(
            "same",
            f"{alike.config_id} has this content and is {alike.status}",
            _subject(command, alike),
            before=alike.status,
        )
    return _draft(state, command, content)


def _draft(state: ConfigsState, command: ConfigCommand, content: Content) -> Ruling:
    digest = content_hash(content)
    number = state.versions[-1].version_number + 1 if state.versions else 1
    version = Version(
        config_id=config_id(number, digest),
        config_hash=digest,
        version_number=number,
        status="DRAFT",
        created_ms=command.event_time_ms,
        description=command.description,
    )
    kept = [v for v in state.versions if not expired(v.deprecated_ms, command.event_time_ms)]
    return Ruling(
        "done",
        f"{version.config_id} is a DRAFT",
        _subject(command, version),
        {"versions": (*kept, version)},
        (_changed(state, command, version, content),),
        after="DRAFT",
    )


def _activate(state: ConfigsState, command: ConfigCommand) -> Ruling:
    version = _version(state, command)
    if isinstance(version, Ruling):
        return version
    subject = _subject(command, version)
    if version.status == "ACTIVE":
        detail = f"{version.config_id} is ACTIVE{_idle(state, command)}"
        return Ruling("same", detail, subject, before="ACTIVE")
    try:
        content = normalised(command.config_data or {})
    except ConfigRefused as refused:
        return Ruling("invalid", str(refused), subject)
    if content_hash(content) != version.config_hash:
        return Ruling("invalid", f"config_data is not that of {version.config_id}", subject)
    if command.effective_from_ms is None:
        return Ruling("invalid", "effective_from_ms: got null, expected a market time", subject)
    return _activation(state, command, version, content)


def _activation(
    state: ConfigsState, command: ConfigCommand, version: Version, content: Content
) -> Ruling:
    before = state.active
    since_ms = -1 if before is None else before.effective_from_ms
    from_ms = max(command.effective_from_ms or 0, since_ms + 1)
    after = version.model_copy(
        update={
            "status": "ACTIVE",
            "deployed_ms": command.event_time_ms,
            "deprecated_ms": None,
            "superseded_by": None,
        }
    )
    active = ActiveConfig(
        strategy=command.strategy,
        config_id=version.config_id,
        config_hash=version.config_hash,
        version_number=version.version_number,
        event_time_ms=command.event_time_ms,
        effective_from_ms=from_ms,
        revision=state.revision + 1,
        config_data=content,
    )
    first_ms = from_ms if state.markets else None
    facts: list[Record] = [_changed(state, command, after, content, first_ms)]
    versions = _replaced(state.versions, after)
    detail = f"{version.config_id} is ACTIVE"
    if before is not None:
        old = _deprecated(_named(state, before.config_id), command, version.config_id)
        versions = _replaced(versions, old)
        facts.append(_changed(state, command, old))
        detail += f" in place of {old.config_id}"
    facts += [active, *_effective(active, state.markets, from_ms)]
    facts += _policies(active, state.policed, from_ms)
    return Ruling(
        "done",
        f"{detail}{_idle(state, command)}",
        _subject(command, version),
        {"versions": versions, "active": active},
        tuple(facts),
        before=version.status if before is None else f"{before.config_id} ACTIVE",
        after="ACTIVE",
    )


def _idle(state: ConfigsState, command: ConfigCommand) -> str:
    """Return what is to be said of a strategy that has no market, so that nothing follows it."""
    return "" if state.markets else f"; {command.strategy} does not run here: no signal follows it"


def _deprecate(state: ConfigsState, command: ConfigCommand) -> Ruling:
    version = _version(state, command)
    if isinstance(version, Ruling):
        return version
    subject = _subject(command, version)
    if version.status == "DEPRECATED":
        return Ruling("same", f"{version.config_id} is DEPRECATED", subject, before="DEPRECATED")
    if version.status == "ACTIVE":
        detail = f"{version.config_id} is ACTIVE; activate another version in its place"
        return Ruling("conflict", detail, subject, before="ACTIVE")
    old = _deprecated(version, command, None)
    return Ruling(
        "done",
        f"{version.config_id} is DEPRECATED",
        subject,
        {"versions": _replaced(state.versions, old)},
        (_changed(state, command, old),),
        before="DRAFT",
        after="DEPRECATED",
    )


DECIDERS = {"create": _create, "activate": _activate, "deprecate": _deprecate}


def _version(state: ConfigsState, command: ConfigCommand) -> Version | Ruling:
    """Return the version that a command names, or the ruling that there is none."""
    version = next((v for v in state.versions if v.config_id == command.config_id), None)
    if version is None or expired(version.deprecated_ms, command.event_time_ms):
        known = ", ".join(v.config_id for v in state.versions[-5:]) or "none yet"
        detail = f"{command.strategy} has no config {command.config_id}; its newest: {known}"
        return Ruling("unknown", detail, f"{command.strategy}/{command.config_id}")
    return version


def _deprecated(version: Version, command: ConfigCommand, successor: str | None) -> Version:
    changes = {
        "status": "DEPRECATED",
        "deprecated_ms": command.event_time_ms,
        "superseded_by": successor,
    }
    return version.model_copy(update=changes)


def _named(state: ConfigsState, name: str) -> Version:
    return next(version for version in state.versions if version.config_id == name)


def _replaced(versions: tuple[Version, ...], changed: Version) -> tuple[Version, ...]:
    return tuple(changed if v.config_id == changed.config_id else v for v in versions)


def _subject(command: ConfigCommand, version: Version) -> str:
    return f"{command.strategy}/{version.config_id}"


def _changed(
    state: ConfigsState,
    command: ConfigCommand,
    version: Version,
    content: Content | None = None,
    effective_from_ms: int | None = None,
) -> ConfigChanged:
    return ConfigChanged(
        strategy=command.strategy,
        **{name: getattr(version, name) for name in Version.model_fields},
        event_time_ms=command.event_time_ms,
        config_data=content,
        effective_from_ms=effective_from_ms,
        revision=state.revision + 1,
        command_id=command.command_id,
        by=command.by,
        reason=command.reason,
    )


def _effective(
    active: ActiveConfig, markets: dict[int, tuple[str, ...]], from_ms: int
) -> tuple[ConfigEffective, ...]:
    """Return what the signals of each market follow from a market time on."""
    config = parse_config(active.config_data)
    universe = config.strategy_service.defaults.symbols
    return tuple(
        ConfigEffective(
            symbol=symbol,
            timeframe_ms=timeframe_ms,
            strategy=active.strategy,
            config_id=active.config_id,
            event_time_ms=from_ms,
            included=universe is None or symbol in universe,
            policy=config.decision,
            drift=config.drift_policy,
            specialists=config.specialists,
        )
        for timeframe_ms, symbols in sorted(markets.items())
        for symbol in symbols
    )


def _policies(
    active: ActiveConfig, timeframes_ms: tuple[int, ...], from_ms: int
) -> tuple[ModelPolicy, ...]:
    """Return what decides about the models of each timeframe from a market time on."""
    config = parse_config(active.config_data)
    return tuple(
        ModelPolicy(
            strategy=active.strategy,
            timeframe_ms=timeframe_ms,
            config_id=active.config_id,
            event_time_ms=from_ms,
            gates=config.gates,
            retraining=config.retraining,
            specialists=config.specialists,
            training=config.training,
        )
        for timeframe_ms in sorted(timeframes_ms)
    )


PROCESSOR = Processor(
    name="configs",
    reads=(HISTORY, CONFIG_COMMANDS),
    writes=(
        CONFIG_CHANGES,
        CONFIG_ACTIVE,
        CONFIG_EFFECTIVE,
        MODEL_POLICIES,
        COMMAND_OUTCOMES,
        OPERATOR_AUDIT,
    ),
    initial=ConfigsState(),
    step=step,
    state_key=("strategy",),
)
