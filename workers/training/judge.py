"""Judges a trained model by its gates and beside the champion, with what the topics know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.gates import ModelComparison
from schemas.models import ModelChanged, ModelRegistered
from schemas.record import Record
from schemas.regimes import RegimeParameters
from schemas.training import TrainingRequest
from workers.training.figures import data_figures, feature_figures, ledger_counts
from workers.training.fit import TrainingPlan
from workers.training.gates import GateFacts, gate_reports
from workers.training.trading import trading_figures
from workers.training.train import GateVerdicts, TrainedModel


@dataclass(frozen=True)
class TrainingPast:
    """What the topics said before a request, so that the same request is judged alike again.

    Attributes:
        filters: By symbol, the regime filter that served.
        ledger: By kind, bars of the span with a finding.
        trials: Models trained for the strategy before this one, of any timeframe.
        models: Every model that the changes name, by version.
    """

    filters: Mapping[str, RegimeParameters] = field(default_factory=dict)
    ledger: Mapping[str, int] = field(default_factory=dict)
    trials: int = 0
    models: Mapping[str, ModelRegistered] = field(default_factory=dict)


def training_past(records: Iterable[Record], request: TrainingRequest) -> TrainingPast:
    """Return what changes, registrations and the ledger say that matters to a request."""
    listed = list(records)
    earlier = [
        record
        for record in listed
        if isinstance(record, ModelRegistered)
        and record.strategy == request.strategy
        and record.request_id != request.request_id
        and record.event_time_ms <= request.event_time_ms
    ]
    changes = [record for record in listed if isinstance(record, ModelChanged)]
    return TrainingPast(
        filters=serving_filters(changes, request),
        ledger=ledger_counts(listed, request),
        trials=sum({model.model_version: model.metrics.trials for model in earlier}.values()),
        models={change.model.model_version: change.model for change in changes},
    )


def serving_filters(
    changes: Iterable[Record], request: TrainingRequest
) -> Mapping[str, RegimeParameters]:
    """Return by symbol the regime filter that served when a request was made."""
    filters: Mapping[str, RegimeParameters] = {}
    for change in changes:
        if isinstance(change, ModelChanged) and _precedes(change, request):
            filters = {parameters.symbol: parameters for parameters in change.model.regimes}
    return filters


def _precedes(change: ModelChanged, request: TrainingRequest) -> bool:
    same = (change.strategy, change.model.timeframe_ms) == (request.strategy, request.timeframe_ms)
    return same and change.event_time_ms <= request.event_time_ms


def judge(
    trained: TrainedModel, request: TrainingRequest, plan: TrainingPlan, past: TrainingPast
) -> GateVerdicts:
    """Return the reports of the gates, and the comparison with the champion of the request."""
    table = trained.table
    trials = past.trials + trained.metrics.trials
    facts = GateFacts(
        data=data_figures(table.series, past.ledger),
        features=feature_figures(table, trained.held_out, len(trained.left_out)),
        scores=trained.scores,
        metrics=trained.metrics,
        trading=trading_figures(trained.trades, trials),
        trials=trials,
        qualifying=trained.gates,
        policy=plan.gates,
    )
    comparison = _comparison(trained, request, plan, past)
    return GateVerdicts(gate_reports(facts, comparison), comparison)


def _comparison(
    trained: TrainedModel, request: TrainingRequest, plan: TrainingPlan, past: TrainingPast
) -> ModelComparison | None:
    """Return the comparison; None where the request names no champion."""
    if request.champion is None:
        return None
    from workers.training.comparison import compare_models, unknown_champion

    champion = past.models.get(request.champion.model_version)
    if champion is None:
        return unknown_champion(request.champion.model_version)
    return compare_models(
        champion.model_copy(update={"uri": request.champion.uri, "files": request.champion.files}),
        trained.answers,
        trained.table,
        trained.held_out,
        plan,
    )
