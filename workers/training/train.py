"""From a request to a registered model: rows, folds, final fit, files, report."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from schemas.models import ModelFile, ModelMetrics, ModelRegistered
from schemas.training import TrainingRequest
from streams.features.catalog import FEATURE_SET_ID, FEATURES
from workers.models.artifact import REGISTERED, Manifest, ParityCase, file_of, write_model
from workers.models.ensemble import all_chances
from workers.training.dataset import Series
from workers.training.fit import (
    FittedModel,
    Plan,
    Progress,
    calibration_of,
    fit_model,
    judged,
    walk_forward,
)
from workers.training.fit_boosted import boosted_probabilities
from workers.training.fit_lstm import lstm_probabilities
from workers.training.report import metrics_of
from workers.training.table import Table, Windows, table_of

# Levels in price units would tell a pooled model which symbol it sees; optional ones are not
# there for every source.
MODEL_FEATURES = tuple(f.name for f in FEATURES if not f.optional and f.price_degree == 0)
PARITY_CASES = 3
BLOCK_HORIZONS = 8  # of the intervals' blocks, in label horizons
# Regime rows to specialists: each regime to its own, an uncertain bear half to sideways.
STRATEGY_MATRIX = ((1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.0, 0.0, 1.0))
LIBRARIES = ("numpy", "numba", "scipy", "torch", "xgboost")


@dataclass(frozen=True)
class Trained:
    """A model that has not been announced yet: everything but the time of its registration."""

    manifest: Manifest
    contents: Mapping[str, bytes]
    metrics: ModelMetrics
    fitted: FittedModel

    @property
    def gates(self) -> dict[str, bool]:
        """Each gate by name: better than class shares alone, and by more than luck would give."""
        loss, prior = self.metrics.log_loss, self.metrics.prior_log_loss
        edge = self.metrics.log_loss_edge_interval
        return {
            "log_loss_below_prior": loss is not None and prior is not None and loss < prior,
            "edge_beyond_chance": edge is not None and edge[0] > 0.0,
        }


def train(
    request: TrainingRequest, series: Mapping[str, Series], plan: Plan, progress: Progress
) -> Trained:
    """Fit, test out of sample and pack a model.

    Raises:
        TooFewRows: There is not enough history; the message has the numbers.
    """
    table = table_of(series, plan.labels, plan.lstm.window)
    blocks = walk_forward(table, plan, progress)
    block_ms = BLOCK_HORIZONS * plan.labels.horizon_bars * table.timeframe_ms
    metrics = metrics_of(judged(table, blocks, plan), block_ms, plan.seed)
    fitted = fit_model(table, table.usable, plan, progress)
    progress("calibration", 0.0, f"{sum(len(block.rows) for block in blocks)} rows")
    temperature = calibration_of(table, blocks, plan, sys.maxsize)
    report = json.dumps(
        {"plan": asdict(plan), "metrics": metrics.model_dump()}, indent=1, default=str
    ).encode()
    contents = {
        "forest.json": fitted.forest,
        "lstm.safetensors": fitted.lstm,
        "report.json": report,
    }
    files = (
        file_of("forest", "forest.json", fitted.forest),
        file_of("lstm", "lstm.safetensors", fitted.lstm),
        file_of("report", "report.json", report),
    )
    manifest = Manifest(
        strategy=request.strategy,
        feature_set_id=FEATURE_SET_ID,
        feature_names=next(iter(series.values())).names,
        timeframe_ms=request.timeframe_ms,
        horizon_bars=plan.labels.horizon_bars,
        volatility_feature=plan.labels.volatility_feature,
        label_width=plan.labels.width,
        member_weights=dict(plan.member_weights),
        class_prior=tuple(fitted.prior.tolist()),
        temperature=temperature,
        strategy_matrix=STRATEGY_MATRIX,
        trained_from_ms=int(table.times.min()),
        trained_to_ms=int(table.known_at[table.usable].max()),
        seed=plan.seed,
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
        files=files,
        parity=_parity_cases(table, fitted, plan),
    )
    return Trained(manifest, contents, metrics, fitted)


def _parity_cases(table: Table, fitted: FittedModel, plan: Plan) -> tuple[ParityCase, ...]:
    """Ask xgboost and torch themselves about a few rows, for serving to reproduce."""
    usable = table.usable
    which = usable[np.linspace(0, len(usable) - 1, PARITY_CASES).astype(np.int64)]
    windows = Windows(table.rows, which, plan.lstm.window).take(np.arange(PARITY_CASES))
    rows = fitted.forest_rows(table, which)
    boosted = all_chances(boosted_probabilities(fitted.forest, rows))
    network = all_chances(lstm_probabilities(fitted.lstm, windows))
    return tuple(
        ParityCase(
            row=tuple(rows[i].tolist()),
            window=tuple(tuple(row) for row in windows[i].tolist()),
            forest=boosted[i],
            lstm=network[i],
        )
        for i in range(PARITY_CASES)
    )


def register(
    trained: Trained, request: TrainingRequest, models: Path, market_time_ms: int
) -> ModelRegistered:
    """Write the files and return the event that announces them.

    Args:
        trained: The model.
        request: What asked for it.
        models: Root folder of all models.
        market_time_ms: Now, as the clock topic tells it.
    """
    folder = write_model(models, trained.manifest, dict(trained.contents))
    manifest, version = trained.manifest, trained.manifest.version
    gates = trained.gates
    model = ModelRegistered(
        strategy=manifest.strategy,
        model_version=version,
        request_id=request.request_id,
        event_time_ms=market_time_ms,
        timeframe_ms=manifest.timeframe_ms,
        symbols=request.symbols,
        trained_from_ms=manifest.trained_from_ms,
        trained_to_ms=manifest.trained_to_ms,
        feature_set_id=manifest.feature_set_id,
        feature_names=manifest.feature_names,
        horizon_bars=manifest.horizon_bars,
        uri=folder.resolve().as_uri(),
        files=(*manifest.files, _manifest_file(manifest)),
        metrics=trained.metrics,
        gates=gates,
        qualified=all(gates.values()),
        regimes=tuple(
            regime.model_copy(update={"model_version": version})
            for regime in trained.fitted.regimes
        ),
    )
    (folder / REGISTERED).write_bytes(model.encode())
    return model


def _manifest_file(manifest: Manifest) -> ModelFile:
    from workers.models.artifact import MANIFEST

    content = manifest.encode()
    row = file_of("report", MANIFEST, content)
    return row.model_copy(update={"role": "manifest"})
