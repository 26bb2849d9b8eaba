"""The stages of a version, and which move a command may make. A refusal names the stage it found.

None --stage--> Staging --promote--> Production --replaced--> Archived --rollback--> Production
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.models import ModelRegistered
from schemas.timeframes import timeframe_name
from schemas.versions import ModelCommand, VersionStage
from streams.commands import Ruling
from streams.promotion.effective import effective_from
from streams.promotion.moves import MoveCause, move, put_in_service
from streams.promotion.registration import new_entry, not_covered
from streams.promotion.state import (
    PromotionState,
    VersionEntry,
    with_entries,
    with_registration,
)

AFTER_SERVICE: tuple[VersionStage, ...] = ("Archived", "Staging", "None")
SHOWN = 5  # newest versions that a refusal names


def line_subject(command: ModelCommand) -> str:
    """Return what a command without a version is about."""
    return f"{command.strategy}/{timeframe_name(command.timeframe_ms)}"


def subject(command: ModelCommand, entry: VersionEntry) -> str:
    """Return the version that a command is about; its number comes last."""
    return f"{line_subject(command)}/{entry.number}"


def label(entry: VersionEntry) -> str:
    """Return how people call a version."""
    return f"version {entry.number} ({entry.model_version})"


def register(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on a model that is brought from outside; one that is known keeps its number."""
    model = command.model
    if model is None:
        entry = state.entry(command.version)
        if entry is None:
            return unknown(state, command)
        return Ruling("same", _stands(entry), subject(command, entry), before=entry.stage)
    about = (command.strategy, command.timeframe_ms)
    if (model.strategy, model.timeframe_ms) != about:
        detail = (
            f"model: got one of {model.strategy} at {timeframe_name(model.timeframe_ms)}, expected "
            f"one of {line_subject(command)}"
        )
        return Ruling("invalid", detail, line_subject(command))
    known = state.entry(model.model_version)
    if known is not None:
        return Ruling("same", _stands(known), subject(command, known), before=known.stage)
    entry = new_entry(state, model)
    after, facts = move(entry, "None", MoveCause.of_command(state, command), model)
    changes: dict[str, object] = {
        "versions": with_entries(state.versions, after),
        "registrations": with_registration(state, model, state.served),
    }
    detail = f"{label(entry)} is registered"
    return Ruling("done", detail, subject(command, entry), changes, facts, after="None")


def stage(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on a version that is to be reviewed, or is not to be any more."""
    entry = state.entry(command.version)
    if entry is None:
        return unknown(state, command)
    allowed: tuple[VersionStage, ...]
    allowed = ("None", "Archived") if command.to_stage == "Staging" else ("Staging",)
    return _moved(state, command, entry, command.to_stage, allowed)


def archive(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on a version that is given up."""
    entry = state.entry(command.version)
    if entry is None:
        return unknown(state, command)
    return _moved(state, command, entry, "Archived", ("None", "Staging"))


def _only_way_back(state: PromotionState, entry: VersionEntry) -> bool:
    served = (e for e in state.versions if e.effective_from_ms is not None)
    ways = [e for e in served if e.stage in AFTER_SERVICE]
    return entry.stage == "Staging" and ways == [entry]


def _moved(
    state: PromotionState,
    command: ModelCommand,
    entry: VersionEntry,
    to_stage: VersionStage,
    allowed: tuple[VersionStage, ...],
) -> Ruling:
    about = subject(command, entry)
    if entry.stage == to_stage:
        return Ruling("same", _stands(entry), about, before=entry.stage)
    if entry.stage not in allowed:
        return _illegal(command, entry, allowed)
    if _only_way_back(state, entry):
        detail = (
            f"{command.action}: {label(entry)} is {entry.stage} and the only version that a "
            f"rollback of {state.serving} can go to: promote another first"
        )
        return Ruling("conflict", detail, about, before=entry.stage)
    if state.challenged is not None and state.challenged.model_version == entry.model_version:
        detail = (
            f"{command.action}: {label(entry)} challenges {state.serving} in "
            f"{state.challenged.challenge_id}: cancel that first"
        )
        return Ruling("conflict", detail, about, before=entry.stage)
    model = registration(state, command, entry)
    if isinstance(model, Ruling):
        return model
    after, facts = move(entry, to_stage, MoveCause.of_command(state, command), model)
    changes: dict[str, object] = {
        "versions": with_entries(state.versions, after),
        "registrations": with_registration(state, model, state.served),
    }
    detail = f"{label(entry)} is {to_stage}, was {entry.stage}"
    return Ruling("done", detail, about, changes, facts, before=entry.stage, after=to_stage)


def promote(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on a version that is to serve."""
    if other := _another_serves(state, command):
        return other
    entry = state.entry(command.version)
    if entry is None:
        return unknown(state, command)
    return _put(state, command, entry, ("Staging",))


def rollback(state: PromotionState, command: ModelCommand) -> Ruling:
    """Rule on the return to the version before, or to a named one that has served or is Archived.

    A deployment is named with its version: the edge knows both.
    """
    if other := _another_serves(state, command):
        return other
    if command.version is None and command.deployment_id is not None:
        detail = f"version: got null, expected the model version of {command.deployment_id}"
        return Ruling("invalid", detail, line_subject(command))
    if not state.versions:
        detail = f"{line_subject(command)} has no model versions"
        return Ruling("unknown", detail, line_subject(command))
    before = state.served[-2] if len(state.served) > 1 else None
    if command.version is None and before is None:
        detail = (
            f"{line_subject(command)} has served no version before {state.serving or 'now'}: name "
            "one that is Archived, or has served later"
        )
        return Ruling("conflict", detail, line_subject(command))
    entry = state.entry(before if command.version is None else command.version)
    if entry is None:
        return unknown(state, command)
    has_served = entry.effective_from_ms is not None
    return _put(state, command, entry, AFTER_SERVICE if has_served else ("Archived",))


def _another_serves(state: PromotionState, command: ModelCommand) -> Ruling | None:
    if command.replaces in (None, state.serving):
        return None
    serves = state.serving or "no version"
    detail = f"{command.action}: {serves} serves, expected {command.replaces}"
    return Ruling("conflict", detail, line_subject(command))


def _put(
    state: PromotionState,
    command: ModelCommand,
    entry: VersionEntry,
    allowed: tuple[VersionStage, ...],
) -> Ruling:
    about = subject(command, entry)
    if entry.stage == "Production":
        return Ruling("same", _stands(entry), about, before="Production")
    if entry.stage not in allowed:
        return _illegal(command, entry, allowed)
    model = registration(state, command, entry)
    if isinstance(model, Ruling):
        return model
    returns = command.action == "rollback" and entry.effective_from_ms is not None
    if not returns and (lost := not_covered(state, model)):
        detail = (
            f"{command.action}: {label(entry)} was not trained on {lost}, which {state.serving} "
            "predicts: train one on all of them"
        )
        return Ruling("conflict", detail, about, before=entry.stage)
    from_ms = effective_from(
        model, command.market_ms, state.effective_from_ms, command.effective_from_ms
    )
    changes, facts = put_in_service(
        state,
        entry,
        model,
        MoveCause.of_command(state, command),
        from_ms,
        replaced_stage="Staging" if command.no_archive else "Archived",
    )
    old = state.entry(state.serving)
    detail = f"{label(entry)} is Production, was {entry.stage}"
    if old is not None:
        detail += f"; {label(old)} is {'Staging' if command.no_archive else 'Archived'}"
    if state.challenged is not None:
        detail += f"; {state.challenged.challenge_id}, which compared with {state.serving}, ends"
    failed = ", ".join(name for name, passed in model.gates.items() if not passed)
    detail += "" if model.qualified else f"; it is unqualified: {failed or 'a gate'} failed"
    before = entry.stage if old is None else f"{entry.stage}; {old.number} Production"
    return Ruling("done", detail, about, changes, facts, before=before, after="Production")


def registration(
    state: PromotionState, command: ModelCommand, entry: VersionEntry
) -> ModelRegistered | Ruling:
    """Return the registration of a version, kept or told by the command, or why there is none."""
    kept = state.registration(entry.model_version)
    if kept is not None:
        return kept
    told = command.model
    about = (command.strategy, command.timeframe_ms, entry.model_version)
    if told is not None and (told.strategy, told.timeframe_ms, told.model_version) == about:
        return told
    detail = (
        f"model: got {'null' if told is None else told.model_version}, expected the registration "
        f"of {entry.model_version}, which is too old to be kept here"
    )
    return Ruling("invalid", detail, subject(command, entry))


def unknown(state: PromotionState, command: ModelCommand) -> Ruling:
    """Return the ruling on a version that is not there."""
    if command.version is None:
        detail = "version: got null, expected a model version or its number"
        return Ruling("invalid", detail, line_subject(command))
    newest = ", ".join(f"{e.number} ({e.model_version}) {e.stage}" for e in state.versions[-SHOWN:])
    detail = (
        f"{line_subject(command)} has no version {command.version}; its newest: "
        f"{newest or 'none yet'}"
    )
    return Ruling("unknown", detail, line_subject(command))


ADVICE: dict[tuple[str, VersionStage], str] = {
    ("stage", "Production"): "it serves; promote another version, or roll back",
    ("archive", "Production"): "it serves; promote another version, or roll back",
    ("promote", "None"): "stage it first",
    ("promote", "Archived"): "move it to Staging first, or roll back to it if it has served",
    ("rollback", "None"): "it has never served; stage and promote it",
    ("rollback", "Staging"): "it has never served; promote it",
}


def _illegal(
    command: ModelCommand, entry: VersionEntry, allowed: tuple[VersionStage, ...]
) -> Ruling:
    expected = " or ".join(allowed)
    advice = ADVICE.get((command.action, entry.stage))
    detail = f"{command.action}: {label(entry)} is {entry.stage}, expected {expected}"
    detail += f": {advice}" if advice else ""
    return Ruling("conflict", detail, subject(command, entry), before=entry.stage)


def _stands(entry: VersionEntry) -> str:
    return f"{label(entry)} is {entry.stage}: {entry.reason}"


Decider = Callable[[PromotionState, ModelCommand], Ruling]
