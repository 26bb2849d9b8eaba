"""Figures of the first two gates: the bars of a training's span, and its features and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from schemas.market import LedgerEntry
from schemas.record import Record
from schemas.training import TrainingRequest
from workers.training.dataset import FeatureSeries, Rows
from workers.training.table import TrainingTable

Figures = dict[str, float | None]
# Findings that say something of the bars themselves, in order of a report.
FINDINGS = ("repaired", "correction", "duplicate", "late", "partial", "volume_mismatch")


def ledger_counts(records: Iterable[Record], request: TrainingRequest) -> Mapping[str, int]:
    """Return by kind how many bars of a request's span the ledger has findings about."""
    counts: Counter[str] = Counter()
    for entry in records:
        if not isinstance(entry, LedgerEntry) or entry.timeframe_ms != request.timeframe_ms:
            continue
        in_span = entry.to_ms > request.from_ms - entry.timeframe_ms and (
            entry.from_ms < request.to_ms
        )
        if entry.symbol in request.symbols and in_span:
            counts[entry.kind] += entry.bars
    return counts


def data_figures(series: Mapping[str, FeatureSeries], ledger: Mapping[str, int]) -> Figures:
    """Return what a training's bars are: how many, and which share is missing or without volume.

    Bars are counted in the features; what the ledger found about them stands beside it.
    """
    bars = sum(len(one.times) for one in series.values())
    spanned = sum(
        int(one.times[-1] - one.times[0]) // one.timeframe_ms + 1
        for one in series.values()
        if len(one.times)
    )
    return {
        "bars": float(bars),
        "missing_share": 1.0 - bars / spanned if spanned else None,
        "zero_volume_share": min(ledger.get("zero_volume", 0) / bars, 1.0) if bars else None,
        "gap_bars": float(ledger.get("gap", 0)),
        **{f"{kind}_bars": float(ledger.get(kind, 0)) for kind in FINDINGS},
    }


def feature_figures(table: TrainingTable, holdout: Rows, left_out: int) -> Figures:
    """Return what features and labels are: how complete, how balanced, and how they lie in time.

    Args:
        table: Its usable rows are those that are trained and judged on.
        holdout: Rows held out.
        left_out: Symbols that could not be used.
    """
    usable = table.usable
    shares = np.bincount(table.classes[usable], minlength=3) / max(len(usable), 1)
    leads = table.known_at[usable] - table.times[usable]
    gap = (
        int(table.times[holdout].min() - table.known_at[usable].max())
        if len(holdout) and len(usable)
        else None
    )
    return {
        "rows": float(len(usable)),
        "holdout_rows": float(len(holdout)),
        "usable_share": float((len(usable) + len(holdout)) / max(len(table.times), 1)),
        "null_share": float(np.isnan(table.rows).mean()) if table.rows.size else None,
        "rarest_class_share": float(shares.min()),
        "label_lead_bars": float(leads.min() / table.timeframe_ms) if len(usable) else None,
        "holdout_gap_bars": None if gap is None else gap / table.timeframe_ms,
        "constant_features": float(_constant(table)),
        "symbols_left_out": float(left_out),
    }


def _constant(table: TrainingTable) -> int:
    rows = table.rows[table.usable]
    return int((np.ptp(rows, axis=0) == 0.0).sum()) if len(rows) else 0
