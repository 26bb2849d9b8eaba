"""Trains the model of a request: rows, folds, final fit, files, registration."""

from __future__ import annotations

import importlib.metadata
import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from schemas.certificates import ModelCertificate
from schemas.diagnostics import ConfidenceBin
from schemas.gates import ForecastScore, GateReport, Holdout, ModelComparison
from schemas.models import ModelMetrics, ModelRegistered
from schemas.policies import GatesPolicy, GatesUsed
from schemas.regimes import RegimeParameters
from schemas.training import TrainingRequest
from schemas.variants import VariantTest
from streams.features.catalog import FEATURE_SET_ID, FEATURES
from workers.models.artifact import (
    MANIFEST,
    REGISTERED,
    Manifest,
    bundle_folder,
    bundle_uri,
    model_file,
    write_model,
)
from workers.models.booster import booster_device
from workers.models.lstm import lstm_device
from workers.training.answers import ModelAnswers
from workers.training.calibration_tables import fit_tables
from workers.training.certificate import FirstFold, certify
from workers.training.dataset import Array, FeatureSeries, Rows, without_rare_clocks
from workers.training.diagnostics import fold_scores, model_equity, reliability
from workers.training.drift_reference import FILE, DriftParts, drift_parts, encode_references
from workers.training.fit import (
    NO_FILTERS,
    FittedNetworks,
    OnProgress,
    TooFewRows,
    TrainingPlan,
    carry_on,
    fit_folds,
    fit_model,
    fit_networks,
    fit_temperature_before,
    predict_folds,
    stitch_blocks,
)
from workers.training.fitted import FittedModel
from workers.training.forecasts import score_forecasts
from workers.training.gates import qualifying_gates
from workers.training.grade_promises import grade_promises
from workers.training.holdout import AnsweringModel, holdout_record, split_holdout
from workers.training.idea_returns import idea_returns
from workers.training.importance import importance_record
from workers.training.kept_fits import KeptFits
from workers.training.metrics import StitchedRows, model_metrics, unclear_share
from workers.training.next_bar import NextBarGain
from workers.training.parity import parity_cases
from workers.training.report import ROWS, SAMPLE
from workers.training.specialists import FittedSpecialists, fit_specialists
from workers.training.table import TrainingTable, build_table
from workers.training.trading import CalledTrades, called_trades
from workers.training.trainable import LeftOut, choose_symbols, reasons_text
from workers.training.variants import ChosenForests, ForestSearch, choose_forests

# Features in price units would tell a pooled model which symbol it sees. Optional features are
# missing from some sources.
MODEL_FEATURES = tuple(f.name for f in FEATURES if not f.optional and f.price_degree == 0)
BLOCK_HORIZONS = 8  # length of the intervals' blocks, in label horizons
LIBRARIES = ("numpy", "numba", "scipy", "torch", "xgboost")


@dataclass(frozen=True)
class TrainedModel:
    """A trained model before its registration.

    Attributes:
        fitted: Also what serves; its filters go on from the newest bar.
        left_out: Why it lacks a symbol.
        sample: Rows of the forest over the training span, for the report.
        drift: By symbol, what drift is measured against.
        certificate: That nothing of it moves with the future.
        table: Its usable rows are those that it was trained on.
        stitched: The rows on which its folds were judged, answered by the universal model.
        served: The same rows as they would have been served.
        trades: What the calls of these came to.
        reliability: Of their confidence.
        held_out: Row numbers that nothing was fitted on.
        answers: Of the model itself on these rows.
        holdout: What it and the baselines scored there; None without rows.
        policy: By which its gates are judged.
        variants: Other ways to make its forests that were tried.
    """

    manifest: Manifest
    contents: Mapping[str, bytes]
    metrics: ModelMetrics
    fitted: FittedModel
    left_out: LeftOut
    sample: Array
    drift: Mapping[str, DriftParts]
    certificate: ModelCertificate
    table: TrainingTable
    stitched: StitchedRows
    served: StitchedRows
    trades: CalledTrades
    reliability: tuple[ConfidenceBin, ...]
    held_out: Rows
    answers: ModelAnswers
    holdout: Holdout | None
    policy: GatesPolicy = field(default_factory=GatesPolicy)
    variants: tuple[VariantTest, ...] = ()

    @property
    def gates(self) -> dict[str, bool]:
        """Whether it passes each gate that qualifies."""
        return qualifying_gates(self.metrics, self.certificate, self.policy)

    @property
    def scores(self) -> tuple[ForecastScore, ...]:
        """Of the pool, the members and the baselines, on the stitched folds."""
        return score_forecasts(self.served.forecasts, self.served.classes)


@dataclass(frozen=True)
class GateVerdicts:
    """What the gates and the comparison with the champion said of a model, by which config."""

    reports: tuple[GateReport, ...] = ()
    comparison: ModelComparison | None = None
    config_id: str | None = None


def train(
    request: TrainingRequest,
    series: Mapping[str, FeatureSeries],
    plan: TrainingPlan,
    progress: OnProgress,
    previous: Mapping[str, RegimeParameters] = NO_FILTERS,
    *,
    networks: Callable[[], FittedNetworks] | None = None,
    kept: KeptFits | None = None,
) -> TrainedModel:
    """Fit a model, test it out of sample and prepare its files.

    Its regimes keep the names of the ``previous`` filters, by symbol. ``networks`` waits for those
    of ``train_networks`` on the same series; without it they are fitted here. What is ``kept`` of
    the same request is not fitted again.

    Raises:
        TooFewRows: There is not enough history, or a class never came true in it.
    """
    table, held_out, left_out = _labelled(request, series, plan)
    fit = kept.model if kept else fit_model
    folds = fit_folds(table, plan, progress, fit)
    fitted = fit(table, table.usable, plan, progress, previous)
    ready = networks() if networks else fit_networks(table, plan, progress)
    fitted = replace(fitted, lstm=ready.last, regimes=carry_on(table, fitted.regimes))
    blocks = predict_folds(table, folds, ready.folds, plan)
    chosen, first = ChosenForests([*folds, fitted], blocks), None
    if request.reason != "bootstrap":  # the first model serves as soon as it can
        chosen = choose_forests(
            table,
            chosen,
            plan,
            ForestSearch(plan, kept.folder if kept else None),
            lambda done, note: progress("calibration", 0.5 * done, note),
        )
        fitted, blocks = chosen.models[-1], list(chosen.blocks)
        first = FirstFold(chosen.models[0], blocks[0].starts_ms, chosen.remake)
    certificate = certify(table, fitted, plan, first)
    horizon = plan.labels.horizon_bars
    block_ms = BLOCK_HORIZONS * horizon * table.timeframe_ms
    stitched = stitch_blocks(table, blocks, plan)
    metrics = model_metrics(stitched, block_ms, plan.seed)
    metrics = metrics.model_copy(update={"trials": metrics.trials + chosen.trials})
    left_out |= fitted.left_out
    progress("calibration", 0.5, f"{sum(len(block.rows) for block in blocks)} rows")
    temperature = fit_temperature_before(table, blocks, plan, sys.maxsize)
    specialists = FittedSpecialists()
    if request.reason != "bootstrap":
        specialists = fit_specialists(
            table,
            chosen.models,
            blocks,
            plan,
            lambda done: progress("calibration", 0.5 + 0.5 * done, "specialists of the regimes"),
        )
    served = _as_served(stitched, specialists.served)
    drift = drift_parts(table, served, served.rows, horizon, plan.seed)
    kinds = [stitched] if served is stitched else [stitched, served]
    each = [idea_returns(one, horizon) for one in table.series.values()]
    earned = np.concatenate(each)[stitched.rows]
    tables = [fit_tables(rows, earned, horizon, block_ms) for rows in kinds]
    model = AnsweringModel(fitted, temperature, specialists)
    forecasts = model.forecasts(table, held_out, plan)
    holdout = holdout_record(table, held_out, forecasts)
    scores = score_forecasts(served.forecasts, served.classes)
    report = json.dumps(
        {
            "plan": asdict(plan),
            "metrics": metrics.model_dump(),
            "scores": [score.model_dump() for score in scores],
            "holdout": holdout.model_dump() if holdout else None,
            "folds": fold_scores(served, [len(block.rows) for block in blocks[1:]]),
            "grade_promises": [asdict(promise) for promise in grade_promises(served, block_ms)],
            "next_bar": NextBarGain.join([block.next_bar for block in blocks]).summary(),
            "regimes_unclear": unclear_share(np.concatenate([block.regimes for block in blocks])),
            "left_out": left_out,
            "devices": {
                "xgboost": booster_device(fitted.forest),
                "lstm": lstm_device(fitted.lstm),
            },
            "certificate": certificate.model_dump(),
            "selection": specialists.selection.model_dump(),
            "variants": [test.model_dump() for test in chosen.tests],
            "importance": importance_record(table, table.usable, fitted) if first else None,
        },
        indent=1,
        default=str,
    ).encode()
    contents = {
        "forest.json": fitted.forest,
        "lstm.safetensors": fitted.lstm,
        "report.json": report,
        **specialists.contents,
        **fitted.own_contents,
    }
    files = (
        model_file("forest", "forest.json", fitted.forest),
        model_file("lstm", "lstm.safetensors", fitted.lstm),
        model_file("report", "report.json", report),
        *specialists.files,
        *fitted.own_files,
    )
    manifest = Manifest(
        strategy=request.strategy,
        feature_set_id=FEATURE_SET_ID,
        feature_names=next(iter(table.series.values())).names,
        timeframe_ms=request.timeframe_ms,
        horizon_bars=horizon,
        volatility_feature=plan.labels.volatility_feature,
        label_width=plan.labels.width,
        member_weights=dict(plan.member_weights),
        class_prior=tuple(fitted.prior.tolist()),
        temperature=temperature,
        trained_from_ms=int(table.times.min()),
        trained_to_ms=int(table.known_at[table.usable].max()),
        seed=plan.seed,
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
        files=files,
        calibration=tables[0],
        selection_calibration=tables[1] if len(tables) > 1 else None,
        parity=parity_cases(table, fitted, ready, plan, specialists),
        selection=specialists.selection,
        features=dict(fitted.features),
    )
    evenly = np.linspace(0, len(table.usable) - 1, min(SAMPLE, len(table.usable)))
    sample = fitted.forest_rows(table, table.usable[evenly.astype(np.int64)])
    return TrainedModel(
        manifest=manifest,
        contents=contents,
        metrics=metrics,
        fitted=fitted,
        left_out=left_out,
        sample=sample,
        drift=drift,
        certificate=certificate,
        table=table,
        stitched=stitched,
        served=served,
        trades=called_trades(table, served.rows, served.probabilities.argmax(axis=1), horizon),
        reliability=reliability(served, block_ms),
        held_out=held_out,
        answers=model.answers(forecasts),
        holdout=holdout,
        policy=plan.gates,
        variants=chosen.tests,
    )


def _as_served(stitched: StitchedRows, selected: Array | None) -> StitchedRows:
    """Return the rows with the answers of the selection, beside those of the universal model.

    The rule was chosen on the same rows. So the gates that qualify judge the universal model, and
    the holdout, which chose nothing, judges what serves.
    """
    if selected is None:
        return stitched
    forecasts = {"ensemble": stitched.probabilities, "selection": selected, **stitched.forecasts}
    return replace(stitched, probabilities=selected, forecasts=forecasts)


def train_networks(
    request: TrainingRequest,
    series: Mapping[str, FeatureSeries],
    plan: TrainingPlan,
    progress: OnProgress,
    kept: KeptFits | None = None,
) -> FittedNetworks:
    """Fit the networks of a training beside the rest, in a process that then frees torch.

    Raises:
        TooFewRows: There is not enough history; the message has the numbers.
    """
    table = replace(_labelled(request, series, plan)[0], series={})
    del series  # the table has a copy of the rows
    return fit_networks(table, plan, progress, kept.network if kept else None)


def _labelled(
    request: TrainingRequest, series: Mapping[str, FeatureSeries], plan: TrainingPlan
) -> tuple[TrainingTable, Rows, LeftOut]:
    """Return the labelled rows that can be trained on, those held out, and why symbols lack."""
    chosen, left_out = choose_symbols(series, request.symbols, plan.labels, plan.lstm.window)
    if not chosen:
        raise TooFewRows(f"no symbol can be trained on: {reasons_text(left_out)}")
    table = build_table(without_rare_clocks(chosen), plan.labels, plan.lstm.window)
    return *split_holdout(table, plan.holdout_share, plan.embargo_bars), left_out


def register(
    trained: TrainedModel,
    request: TrainingRequest,
    models: Path,
    market_time_ms: int,
    judgement: GateVerdicts = GateVerdicts(),
) -> ModelRegistered:
    """Write the files and return the event that announces them.

    Args:
        trained: The model.
        request: Its request.
        models: Root folder of all models.
        market_time_ms: The newest time of the clock topic.
        judgement: What its gates said.

    Raises:
        OSError: A file cannot be written; nothing is left of the bundle.
    """
    manifest, version = trained.manifest, trained.manifest.version
    folder = bundle_folder(models, manifest)
    gates = trained.gates
    model = ModelRegistered(
        strategy=manifest.strategy,
        model_version=version,
        request_id=request.request_id,
        event_time_ms=market_time_ms,
        timeframe_ms=manifest.timeframe_ms,
        symbols=tuple(s for s in request.symbols if s not in trained.left_out),
        left_out=trained.left_out,
        trained_from_ms=manifest.trained_from_ms,
        trained_to_ms=manifest.trained_to_ms,
        feature_set_id=manifest.feature_set_id,
        feature_names=manifest.feature_names,
        horizon_bars=manifest.horizon_bars,
        uri=bundle_uri(folder),
        files=(*manifest.files, model_file("manifest", MANIFEST, manifest.encode())),
        metrics=trained.metrics,
        gates=gates,
        qualified=all(gates.values()),
        regimes=tuple(
            regime.model_copy(update={"model_version": version})
            for regime in trained.fitted.regimes
        ),
        base_ms=request.base_ms,
        certificate=trained.certificate,
        selection=manifest.selection,
        reports=judgement.reports,
        scores=trained.scores,
        holdout=trained.holdout,
        variants=trained.variants,
        comparison=judgement.comparison,
        reliability=trained.reliability,
        equity=model_equity(trained.trades),
        policy=GatesUsed(config_id=judgement.config_id, gates=trained.policy),
    )
    sample = io.BytesIO()
    np.save(sample, trained.sample, allow_pickle=False)
    beside = {
        REGISTERED: model.encode(),
        ROWS: sample.getvalue(),
        FILE: encode_references(trained.drift, model),
    }
    write_model(models, manifest, dict(trained.contents), beside)
    return model
