"""Challenges: commands and outcomes in, what becomes of each challenge out.

    models.policies.v1, challenges.commands.v1, challenges.outcomes.v1  -->  [challenges]  -->
    challenges.events.v1, commands.outcomes.v1, operators.audit.v1

Of a strategy and timeframe one challenge is active at a time. All that decides it is fixed when it
is created. It is looked at after every outcome: the test holds at all looks together, and a ledger
divides the error among the challenges of a strategy.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.bounds import Count
from schemas.challenges import (
    Challenge,
    ChallengeCommand,
    ChallengeEvent,
    ChallengeOutcome,
    ChallengeTrade,
)
from schemas.commands import OutcomeCode
from schemas.configs import ConfigId
from schemas.policies import ChallengePolicy, ModelPolicy
from schemas.record import Record
from schemas.timeframes import timeframe_name
from schemas.topics import (
    CHALLENGE_COMMANDS,
    CHALLENGE_EVENTS,
    CHALLENGE_OUTCOMES,
    COMMAND_OUTCOMES,
    MODEL_POLICIES,
    OPERATOR_AUDIT,
)
from streams.challenges.comparison import (
    MAX_TRADES,
    Comparison,
    is_apart,
    known_trade,
    take_outcome,
    take_trade,
    verdict,
)
from streams.challenges.creation import created, why_not
from streams.commands import CommandedState, Ruling, is_repeated, is_stale, settle, stale
from streams.processor import Outputs, Processor

ITSELF = "regimeflow"  # who decides where no command does
KEPT_RULES = 8  # one counts, and those follow that were activated within its lead


class ChallengeRules(Record):
    """What a config says of the challenges of a timeframe, from a market time on."""

    from_ms: int
    config_id: ConfigId | None
    policy: ChallengePolicy


class ChallengesState(CommandedState):
    """The challenges of a strategy.

    Attributes:
        created: How many there have been: each has spent error, whatever became of it.
        discoveries: How many of them have ended for the challenger.
        active: By timeframe.
        rules: By timeframe, oldest first.
    """

    created: Count = 0
    discoveries: Count = 0
    active: dict[int, Comparison] = Field(default_factory=dict)
    rules: dict[int, tuple[ChallengeRules, ...]] = Field(default_factory=dict)


def step(
    state: ChallengesState, record: ModelPolicy | ChallengeCommand | ChallengeOutcome
) -> tuple[ChallengesState, Outputs]:
    """Take notice of a policy, decide a command, or look at a challenge after an outcome."""
    if isinstance(record, ModelPolicy):
        return _take_policy(state, record), ()
    if isinstance(record, ChallengeOutcome):
        return _take_outcome(state, record)
    if is_repeated(state, record):
        return state, ()
    if is_stale(state, record):
        ruling = stale(state, record, _line(record))
    else:
        ruling = DECIDERS[record.action](state, record)
    if record.action == "review" and ruling.code != "done":
        return state, ()  # hour after hour nothing is due: nobody need read that
    return settle(state, record, ("challenges", record.action), ruling)


def _take_policy(state: ChallengesState, policy: ModelPolicy) -> ChallengesState:
    known = state.rules.get(policy.timeframe_ms, ())
    if known and policy.event_time_ms <= known[-1].from_ms:
        return state  # it has been taken
    rules = ChallengeRules(
        from_ms=policy.event_time_ms, config_id=policy.config_id, policy=policy.gates.challenge
    )
    newest = (*known, rules)[-KEPT_RULES:]
    return state.model_copy(update={"rules": state.rules | {policy.timeframe_ms: newest}})


def _rules(state: ChallengesState, command: ChallengeCommand) -> ChallengeRules:
    known = state.rules.get(command.timeframe_ms, ())
    begun = [rules for rules in known if rules.from_ms <= command.market_ms]
    default = ChallengeRules(from_ms=0, config_id=None, policy=ChallengePolicy())
    return next(iter([*begun[-1:], *known]), default)


def _take_outcome(
    state: ChallengesState, outcome: ChallengeOutcome
) -> tuple[ChallengesState, Outputs]:
    before = state.active.get(outcome.timeframe_ms)
    if before is None or before.challenge.challenge_id != outcome.challenge_id:
        return state, ()  # of a challenge that has ended
    after = take_outcome(before, outcome)
    if after is None:
        return state, ()
    if after.challenge.blocks == before.challenge.blocks:
        return _with(state, after), ()
    changes, facts = _looked_at(state, after, outcome.event_time_ms)
    return state.model_copy(update=changes), facts


def _looked_at(
    state: ChallengesState,
    comparison: Comparison,
    now_ms: int,
    command: ChallengeCommand | None = None,
) -> tuple[dict[str, object], Outputs]:
    """Return what a look at a challenge changes, and the facts: it goes on, or is decided."""
    found = verdict(comparison.challenge)
    decided = found.recommendation != "INCONCLUSIVE"
    changes = {
        "recommendation": found.recommendation,
        "reason": found.reason,
        "status": "concluded" if decided else "active",
    }
    challenge = comparison.challenge.changed(changes)
    trade = None if command is None else command.trade
    event = ChallengeEvent(
        strategy=challenge.strategy,
        timeframe_ms=challenge.timeframe_ms,
        event_time_ms=now_ms,
        action="concluded" if decided else "evaluated" if trade is None else "traded",
        challenge=challenge,
        by=ITSELF if command is None else command.by,
        command_id=None if command is None else command.command_id,
        trade=trade,
        promotes=challenge.automatic and found.recommendation == "PROMOTE_CHALLENGER",
    )
    if not decided:
        goes_on = _with(state, comparison.changed({"challenge": challenge}))
        return {"active": goes_on.active}, (event,)
    won = found.recommendation == "PROMOTE_CHALLENGER"
    return _without(state, challenge) | {"discoveries": state.discoveries + won}, (event,)


def _with(state: ChallengesState, comparison: Comparison) -> ChallengesState:
    active = state.active | {comparison.challenge.timeframe_ms: comparison}
    return state.model_copy(update={"active": active})


def _without(state: ChallengesState, ended: Challenge) -> dict[str, object]:
    others = {k: each for k, each in state.active.items() if k != ended.timeframe_ms}
    return {"active": others}


def _create(state: ChallengesState, command: ChallengeCommand) -> Ruling:
    about = _line(command)
    active = state.active.get(command.timeframe_ms)
    if active is not None:
        detail = (
            f"{active.challenge.challenge_id} of {about} is active: wait for its end, or cancel it"
        )
        return Ruling("conflict", detail, about)
    if wrong := why_not(command):
        return Ruling("invalid", wrong, about)
    rules = _rules(state, command)
    challenge = created(
        command, state.created + 1, state.discoveries, (rules.config_id, rules.policy)
    )
    challenge = challenge.changed({"reason": verdict(challenge).reason})
    event = _event(challenge, "created", command).changed({"model": command.challenger})
    changes: dict[str, object] = {
        "created": state.created + 1,
        "active": _with(state, Comparison(challenge=challenge)).active,
    }
    detail = f"{challenge.challenger} challenges {challenge.champion} of {about}"
    return Ruling("done", detail, challenge.challenge_id, changes, (event,), after="active")


def _trade(state: ChallengesState, command: ChallengeCommand) -> Ruling:
    comparison = _named(state, command)
    if isinstance(comparison, Ruling):
        return comparison
    challenge, trade = comparison.challenge, command.trade
    name = challenge.challenge_id
    if trade is None:
        return Ruling("invalid", "trade: got null, expected one", name, before="active")
    known = known_trade(comparison, trade)
    if known is True:
        return Ruling("same", f"{trade.trade_id} was counted before", name, before="active")
    refused: tuple[OutcomeCode, str] | None = _why_no_trade(comparison, command, trade)
    if known is False:
        refused = ("conflict", f"{trade.trade_id} is another trade of {name}; post it by its id")
    if refused is not None:
        return Ruling(*refused, name, before="active")
    changes, facts = _looked_at(state, take_trade(comparison, trade), command.market_ms, command)
    detail = f"{trade.trade_id} of the {trade.variant} is counted"
    if not is_apart(comparison, trade):
        detail += " in its figures, but not by the test: it begins before the last one ends"
    after = "active" if "discoveries" not in changes else "concluded"
    return Ruling("done", detail, name, changes, facts, before="active", after=after)


def _why_no_trade(
    comparison: Comparison, command: ChallengeCommand, trade: ChallengeTrade
) -> tuple[OutcomeCode, str] | None:
    """Return why a trade that is new cannot count; None where it can."""
    challenge = comparison.challenge
    if challenge.basis != "trades":
        detail = f"{challenge.challenge_id} compares predictions; expected a challenge on trades"
        return "conflict", detail
    if command.event_time_ms >= challenge.deadline_ms:
        return "conflict", f"the deadline of {challenge.challenge_id} has passed"
    if len(comparison.known) >= MAX_TRADES:
        return "conflict", f"{challenge.challenge_id} has {MAX_TRADES} trades, expected no more"
    if trade.opened_ms < challenge.from_ms:
        detail = (
            f"opened_ms: got {trade.opened_ms}, expected {challenge.from_ms} or later, the start "
            f"of {challenge.challenge_id}"
        )
        return "invalid", detail
    if trade.closed_ms > command.market_ms:
        detail = f"closed_ms: got {trade.closed_ms}, expected {command.market_ms}, now, or before"
        return "invalid", detail
    return None


def _cancel(state: ChallengesState, command: ChallengeCommand) -> Ruling:
    comparison = _named(state, command)
    if isinstance(comparison, Ruling):
        return comparison
    reason = command.reason or f"cancelled by {command.by}"
    ended = comparison.challenge.changed({"status": "cancelled", "reason": reason})
    return _ended(state, ended, "cancelled", command)


def _review(state: ChallengesState, command: ChallengeCommand) -> Ruling:
    """Rule on a challenge whose time is over: nothing speaks for another model."""
    about, comparison = _line(command), state.active.get(command.timeframe_ms)
    if comparison is None or command.event_time_ms < comparison.challenge.deadline_ms:
        return Ruling("same", f"no challenge of {about} has passed its deadline", about)
    changes = {
        "status": "expired",
        "recommendation": "KEEP_CHAMPION",
        "reason": f"not decided by its deadline: {comparison.challenge.reason}",
    }
    return _ended(state, comparison.challenge.changed(changes), "expired", command)


def _ended(
    state: ChallengesState,
    challenge: Challenge,
    action: Literal["expired", "cancelled"],
    command: ChallengeCommand,
) -> Ruling:
    name = challenge.challenge_id
    facts = (_event(challenge, action, command),)
    changes = _without(state, challenge)
    return Ruling("done", f"{name} is {action}", name, changes, facts, "active", action)


def _event(challenge: Challenge, action: Any, command: ChallengeCommand) -> ChallengeEvent:
    return ChallengeEvent(
        strategy=challenge.strategy,
        timeframe_ms=challenge.timeframe_ms,
        event_time_ms=command.market_ms,
        action=action,
        challenge=challenge,
        by=command.by,
        command_id=command.command_id,
    )


def _named(state: ChallengesState, command: ChallengeCommand) -> Comparison | Ruling:
    """Return the challenge that a command names, or the ruling that it is not active."""
    comparison = state.active.get(command.timeframe_ms)
    if comparison is None or comparison.challenge.challenge_id != command.challenge_id:
        name = command.challenge_id or _line(command)
        return Ruling("conflict", f"{name} is not active", name)
    return comparison


def _line(command: ChallengeCommand) -> str:
    return f"{command.strategy}/{timeframe_name(command.timeframe_ms)}"


DECIDERS = {"create": _create, "trade": _trade, "cancel": _cancel, "review": _review}

PROCESSOR = Processor(
    name="challenges",
    reads=(MODEL_POLICIES, CHALLENGE_COMMANDS, CHALLENGE_OUTCOMES),
    writes=(CHALLENGE_EVENTS, COMMAND_OUTCOMES, OPERATOR_AUDIT),
    initial=ChallengesState(),
    step=step,
    state_key=("strategy",),
)
