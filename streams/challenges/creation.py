"""A challenge is created: what it compares, and what will decide it."""

from __future__ import annotations

from schemas.challenges import Challenge, ChallengeCommand
from schemas.configs import ConfigId
from schemas.ids import derived_id
from schemas.models import ModelRegistered
from schemas.policies import ChallengePolicy
from schemas.timeframes import HOUR_MS, timeframe_name
from schemas.topics import CHALLENGE_EVENTS
from streams.evaluation.alpha_ledger import next_alpha
from streams.evaluation.confidence_sequence import block_bars

FAMILY = "normal_mixture_of_blocks"


def why_not(command: ChallengeCommand) -> str:
    """Return what makes a challenge of two models impossible; empty: nothing."""
    champion, challenger = command.champion, command.challenger
    if champion is None or challenger is None or command.effective_from_ms is None:
        return "champion, challenger, effective_from_ms: got null, expected all of them"
    line = (command.strategy, command.timeframe_ms)
    for role, model in (("champion", champion), ("challenger", challenger)):
        if (model.strategy, model.timeframe_ms) != line:
            return (
                f"{role}: got a model of {model.strategy} at {timeframe_name(model.timeframe_ms)}, "
                f"expected one of {command.strategy} at {timeframe_name(command.timeframe_ms)}"
            )
    if champion.model_version == challenger.model_version:
        return f"challenger: got {challenger.model_version}, which serves; expected another"
    if champion.horizon_bars != challenger.horizon_bars:
        return (
            f"challenger: looks {challenger.horizon_bars} bars ahead, expected "
            f"{champion.horizon_bars}, as the champion"
        )
    if not _shared(champion, challenger):
        return f"challenger: knows none of {', '.join(champion.symbols)}"
    return ""


def created(
    command: ChallengeCommand,
    number: int,
    discoveries: int,
    rules: tuple[ConfigId | None, ChallengePolicy],
) -> Challenge:
    """Return the challenge of a command that nothing speaks against.

    Args:
        command: To create one.
        number: Of the challenge, among those of its strategy.
        discoveries: How many before it have ended for the challenger.
        rules: What the config says of challenges, and its id.
    """
    config_id, policy = rules
    champion, challenger, from_ms = command.champion, command.challenger, command.effective_from_ms
    assert champion is not None  # noqa: S101 - ``why_not`` says so
    assert challenger is not None  # noqa: S101 - the same
    assert from_ms is not None  # noqa: S101 - the same
    hours = command.deadline_hours or policy.deadline_hours
    timeframe_ms = command.timeframe_ms
    digest = derived_id(CHALLENGE_EVENTS.name, command.strategy, number).replace("-", "")
    return Challenge(
        challenge_id=f"challenge-{digest[:12]}",
        strategy=command.strategy,
        timeframe_ms=timeframe_ms,
        number=number,
        status="active",
        champion=champion.model_version,
        challenger=challenger.model_version,
        basis=command.basis,
        symbols=_shared(champion, challenger),
        horizon_bars=champion.horizon_bars,
        block_bars=block_bars(champion.horizon_bars),
        alpha=next_alpha(policy.significance_level, number - 1, discoveries),
        family=FAMILY,
        min_trades=command.min_trades or policy.min_trades,
        automatic=policy.automatic and (challenger.qualified or not champion.qualified),
        config_id=config_id,
        created_ms=command.event_time_ms,
        deadline_ms=command.event_time_ms + round(hours * HOUR_MS),
        from_ms=-(-from_ms // timeframe_ms) * timeframe_ms,
    )


def _shared(champion: ModelRegistered, challenger: ModelRegistered) -> tuple[str, ...]:
    return tuple(symbol for symbol in champion.symbols if symbol in challenger.symbols)
