"""A trained model is registered: its number, its stage, whether it serves at once."""

from __future__ import annotations

from schemas.gates import GateFigure, ModelComparison
from schemas.models import ModelRegistered
from schemas.policies import PolicyDecision
from schemas.versions import VersionStage
from streams.processor import Outputs
from streams.promotion.effective import effective_from
from streams.promotion.moves import MoveCause, move, put_in_service
from streams.promotion.state import (
    PromotionState,
    VersionEntry,
    with_entries,
    with_registration,
)


def register(state: PromotionState, model: ModelRegistered) -> tuple[PromotionState, Outputs]:
    """Return the state with a trained model, and the facts; one that is known changes nothing."""
    training = state.training
    if training is not None and (
        training.request_id == model.request_id or training.cause == "bootstrap"
    ):
        state = state.model_copy(update={"training": None, "failure": ""})
    if state.entry(model.model_version) is not None:
        return state, ()
    stage, reason = judged(state, model)
    cause = MoveCause(
        strategy=model.strategy,
        timeframe_ms=model.timeframe_ms,
        revision=state.revision + 1,
        market_ms=model.event_time_ms,
        action="register",
        reason=reason,
        decision=decision(model),
    )
    entry = new_entry(state, model)
    changes: dict[str, object]
    if stage == "Production":
        from_ms = effective_from(model, model.event_time_ms, state.effective_from_ms)
        changes, facts = put_in_service(state, entry, model, cause, from_ms)
    else:
        after, facts = move(entry, stage, cause, model)
        changes = {
            "versions": with_entries(state.versions, after),
            "registrations": with_registration(state, model, state.served),
            "rejected": state.rejected + (stage == "Archived"),
        }
    return state.model_copy(update={**changes, "revision": cause.revision}), facts


def decision(model: ModelRegistered) -> PolicyDecision | None:
    """Return by which thresholds a trained model was judged; None for one that does not say so."""
    if model.policy is None:
        return None
    gates = [
        figure.model_copy(update={"name": f"{report.name}.{figure.name}"})  # gates share names
        for report in model.reports
        for figure in report.figures
        if figure.threshold is not None
    ]
    rows = model.comparison.metrics if model.comparison else ()
    compared = [
        GateFigure(
            name=f"comparison.{row.metric}",
            value=row.challenger,
            threshold=row.threshold,
            rule=row.rule,
            verdict="passed" if row.passed else "failed",
            required=row.required,
        )
        for row in rows
    ]
    return PolicyDecision(config_id=model.policy.config_id, figures=(*gates, *compared))


def new_entry(state: PromotionState, model: ModelRegistered) -> VersionEntry:
    """Return the entry of a model that has not been registered; the next number is its."""
    return VersionEntry(
        number=state.versions[-1].number + 1 if state.versions else 1,
        model_version=model.model_version,
        stage="None",
        since_ms=model.event_time_ms,
        reason="",
    )


def judged(state: PromotionState, model: ModelRegistered) -> tuple[VersionStage, str]:
    """Return at which stage a trained model begins, and why.

    Where nothing serves the first model does, whatever its gates say. Else its comparison with the
    model that serves now decides, and no symbol loses its model by itself.
    """
    if state.serving is None:
        qualified = "qualified" if model.qualified else "unqualified: no qualified model serves"
        return "Production", qualified
    stage, reason = _beside_champion(state, model)
    if stage == "Production" and (lost := not_covered(state, model)):
        return "Staging", f"review it: it was not trained on {lost}; {reason}"
    return stage, reason


def not_covered(state: PromotionState, model: ModelRegistered) -> str:
    """Return the symbols that the serving model predicts and another was not trained on.

    Those that run no longer do not count; nor, beside a model that cannot predict, those that the
    other was trained without because they have too little data.
    """
    champion = state.registration(state.serving)
    if champion is None:
        return ""
    running = champion.symbols if state.history is None else state.history.symbols
    excused = model.left_out if _no_longer_made(model, champion) else {}
    known = {*model.symbols, *excused}
    return ", ".join(s for s in champion.symbols if s in running and s not in known)


def _beside_champion(state: PromotionState, model: ModelRegistered) -> tuple[VersionStage, str]:
    champion = state.registration(state.serving)
    comparison = model.comparison
    if comparison is not None and comparison.champion == state.serving:
        return _compared(model, champion, comparison)
    if missing := _no_longer_made(model, champion):
        return "Production", f"{state.serving} cannot predict: {missing} are no longer made"
    if comparison is None:
        return "Staging", f"not compared with {state.serving}, which serves: review it"
    other = f"compared with {comparison.champion}, but {state.serving} serves: review it"
    return "Staging", other


def _no_longer_made(model: ModelRegistered, champion: ModelRegistered | None) -> str:
    """Return the features of a champion of another feature set that a new model does not have."""
    if champion is None or champion.feature_set_id == model.feature_set_id:
        return ""
    return ", ".join(sorted(set(champion.feature_names) - set(model.feature_names)))


def _compared(
    model: ModelRegistered, champion: ModelRegistered | None, comparison: ModelComparison
) -> tuple[VersionStage, str]:
    reasons = "; ".join(comparison.reasons)
    if comparison.verdict == "keep":
        return "Archived", f"kept out by the comparison with {comparison.champion}: {reasons}"
    if missing := comparison.verdict == "manual_review" and _no_longer_made(model, champion):
        return "Production", f"{comparison.champion} cannot predict: {missing} are no longer made"
    weaker = not model.qualified and champion is not None and champion.qualified
    if comparison.verdict == "manual_review" or weaker:
        failed = "its gates failed; " if weaker else ""
        return "Staging", f"review it: {failed}{reasons}"
    return "Production", f"better than {comparison.champion}: {reasons}"
