"""The report of a trained model as one page, with the global importance of its features by shap.

It is drawn after the model was registered, from the files of the model's folder: no signal waits
for it, and the folder alone is enough to draw it again.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from schemas.models import ModelRegistered
from workers.models.artifact import MANIFEST, REGISTERED
from workers.research.charts.document import html_document
from workers.research.charts.png import axes_to_png, to_png
from workers.storage import whole_file
from workers.training.dataset import Array
from workers.training.report_calibration import calibration_section
from workers.training.report_charts import report_charts
from workers.training.report_sections import (
    certificate_section,
    comparison_section,
    drawings_section,
    folds_section,
    gates_section,
    members_section,
)
from workers.training.report_selection import selection_section
from workers.training.report_variants import importance_section, variants_section

ROWS = "report_rows.npy"  # inputs of the forest on a sample of the training rows
PAGE = "report.html"
PLOT = "importance.png"
SAMPLE = 500  # rows, evenly over the training span
FEATURES_SHOWN = 20
REGIME_INPUTS = ("regime_bull", "regime_bear", "regime_sideways")
WIDTH_INCHES = 8.0
CLASSES = ("sell", "neutral", "buy")


def write_report(folder: Path) -> Path:
    """Draw the report of the model in a folder; return the page's path.

    Raises:
        OSError: A file is missing.
        ValueError: A file cannot be read.
    """
    model = ModelRegistered.decode((folder / REGISTERED).read_bytes())
    record = json.loads((folder / "report.json").read_bytes())
    manifest = json.loads((folder / MANIFEST).read_bytes())
    rows = np.load(folder / ROWS, allow_pickle=False)
    names = (*model.feature_names, *REGIME_INPUTS)
    values = tree_values((folder / "forest.json").read_bytes(), rows)
    plot = importance_plot(values, rows, names)
    (folder / PLOT).write_bytes(plot)
    page = folder / PAGE
    calibration = calibration_section(
        model.metrics,
        record.get("grade_promises"),
        has_tables=manifest.get("calibration") is not None,
    )
    variants = variants_section(model.variants, manifest.get("features", {}))
    variants += importance_section(record.get("importance"))
    regimes = _regimes(record.get("next_bar"), record.get("regimes_unclear"))
    for name, chart in report_charts(model, record).items():
        (folder / f"{name}.png").write_bytes(to_png(chart))
    sections = (
        drawings_section(model),
        gates_section(model.reports),
        members_section(model),
        folds_section(record.get("folds", ())),
        variants,
        comparison_section(model.comparison),
        certificate_section(model.certificate),
        selection_section(model.selection),
        calibration,
        regimes,
    )
    verdict = _verdict(model) + "".join(sections)
    text = report_page(model, verdict, importance(values, names), plot, len(rows))
    with whole_file(page) as fresh:  # a page that is there is not drawn again
        fresh.write_text(text)
    return page


def tree_values(forest: bytes, rows: Array) -> Array:
    """Return shap's values of some rows, shape (N, F, 3), log-odds."""
    import shap
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(forest))
    return np.asarray(shap.TreeExplainer(booster).shap_values(rows))


def importance(values: Array, names: tuple[str, ...]) -> dict[str, tuple[float, float, float]]:
    """Return each feature's mean size of its values by class, log-odds; the strongest first."""
    by_class = np.abs(values).mean(axis=0)
    order = sorted(range(len(names)), key=lambda i: (-by_class[i].sum(), names[i]))
    return {names[i]: tuple(by_class[i].tolist()) for i in order}


def importance_plot(values: Array, rows: Array, names: tuple[str, ...]) -> bytes:
    """Return shap's bar plot of the strongest features as PNG, sizes summed over the classes."""
    import shap

    sizes = shap.Explanation(np.abs(values).sum(axis=2), data=rows, feature_names=list(names))

    def draw(axes: Any) -> None:
        shap.plots.bar(sizes, max_display=FEATURES_SHOWN, ax=axes, show=False)
        axes.set_xlabel("mean |SHAP value|, three classes summed, log-odds", fontsize=10)

    bars = min(len(names), FEATURES_SHOWN)
    return axes_to_png(draw, (WIDTH_INCHES, 1.5 + 0.4 * bars))


def report_page(
    model: ModelRegistered,
    verdict: str,
    by_class: dict[str, tuple[float, float, float]],
    plot: bytes,
    rows: int,
) -> str:
    """Return the report as one HTML file: verdict, plot, and the plot's numbers by class."""
    span = " to ".join(
        datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
        for ms in (model.trained_from_ms, model.trained_to_ms)
    )
    lead = f"{model.strategy}, {', '.join(model.symbols)}, trained on {span}"
    image = base64.b64encode(plot).decode("ascii")
    body = (
        f'<header><div><h1>Model {escape(model.model_version)}</h1><p class="lead">{escape(lead)}'
        f"</p></div></header>{verdict}"
        f"<h2>Importance of the features</h2><p>How far each feature moves the forest's log-odds, "
        f"by TreeSHAP on {rows} rows of the training span. The LSTM is not part of it.</p>"
        f'<article class="card"><img src="data:image/png;base64,{image}" alt="Mean size of the '
        f'SHAP values of the strongest features" style="max-width:100%"></article>'
        f"{_table(by_class)}"
    )
    return html_document(f"model {model.model_version}", body)


def _verdict(model: ModelRegistered) -> str:
    metrics = model.metrics
    word = "Qualified" if model.qualified else "Unqualified"
    failed = [name for name, passed in model.gates.items() if not passed]
    gates = f"; failed: {', '.join(failed)}" if failed else ""
    losses = [
        "unknown" if loss is None else f"{loss:.4f}"
        for loss in (metrics.log_loss, metrics.prior_log_loss)
    ]
    return (
        f'<div class="verdict{" failed" if failed else ""}"><p>{word}{escape(gates)}. Log-loss '
        f"{losses[0]} out of sample, class shares {losses[1]}, {metrics.rows:,} rows.</p></div>"
    )


def _regimes(next_bar: dict[str, Any] | None, unclear: float | None) -> str:
    """Return what the regimes were worth; empty for a model that was not asked."""
    if not next_bar or not next_bar["rows"] or unclear is None:
        return ""
    gains = [
        f"{next_bar[name]['mean']:+.4f}{_interval(next_bar[name])} of its {word}"
        for name, word in (("log_return", "return"), ("log_range", "range"))
    ]
    return (
        f"<h2>What the regimes say of the next bar</h2><p>Beside its volatility alone, the regime "
        f"probabilities change the log-likelihood by {' and by '.join(gains)}, in nats a bar, on "
        f"{next_bar['rows']:,} rows out of sample. More is better; 0 is nothing new. They were too "
        f"unclear for a signal in {unclear:.1%} of the rows.</p>"
    )


def _interval(gain: dict[str, float | None]) -> str:
    low, high = gain["low"], gain["high"]
    return "" if low is None or high is None else f" (95 %: {low:+.4f} to {high:+.4f})"


def _table(by_class: dict[str, tuple[float, float, float]]) -> str:
    heads = "".join(f"<th>{name}</th>" for name in ("Feature", *CLASSES))
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{size:.4f}</td>' for size in sizes)}</tr>"
        for name, sizes in list(by_class.items())[:FEATURES_SHOWN]
    )
    return (
        f"<h2>By class</h2><div class='wide'><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )
