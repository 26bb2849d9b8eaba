"""Reports of drift as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deploy.cli.tables.cells import number
from deploy.time_text import time_text

NONE_YET = "no report yet: the first comes after a block of predictions, four label horizons"


def drift_lines(answer: Mapping[str, Any], features: int) -> Iterator[str]:
    """Yield each report: its verdict, its measures, its strongest features."""
    if not answer["reports"] and not answer["unreported"]:
        yield NONE_YET
    for report in answer["reports"]:
        yield (
            f"{report['symbol']} {report['timeframe']}  {report['strategy']} "
            f"{report['model_version']}  {time_text(report['event_time_ms'])} UTC  "
            f"{report['age_days']:.1f} of {report['max_age_days']:g} days old  {_verdict(report)}"
        )
        yield from map(_measure_line, report["measures"])
        yield from _feature_lines(report, features)
    for row in answer["unreported"]:
        yield (
            f"{', '.join(row['symbols'])} {row['timeframe']}  {row['strategy']} "
            f"{row['model_version']}  {row['reason']}"
        )


def _verdict(report: Mapping[str, Any]) -> str:
    """Return what a report says of harm: nothing of measures that nobody watches."""
    if report["reasons"]:
        return f"retrain: {', '.join(report['reasons'])}"
    watched = [measure["measure"] for measure in report["measures"] if measure["armed"]]
    if not watched:
        return "not watched: no measure passed its trial; only its age counts"
    all_watched = len(watched) == len(report["measures"])
    return (
        "no alarm" if all_watched else f"no alarm in {', '.join(watched)}; others are not watched"
    )


def _measure_line(measure: Mapping[str, Any]) -> str:
    state = "not watched: it failed its trial"
    if measure["armed"]:
        state = "ALARM" if measure["alarm"] else ""
    return (
        f"  {measure['measure']:<18} reference {measure['reference']:.4f}  "
        f"live {number(measure['live'], '{:.4f}')}  "
        f"at least {number(measure['lower'], '{:.4f}')}  limit {measure['limit']:.4f}  "
        f"{measure['labels']} predictions  {state}"
    ).rstrip()


def _feature_lines(report: Mapping[str, Any], features: int) -> Iterator[str]:
    if report["features_rows"] is None:
        yield "  features: not compared yet"
        return
    drifted = sum(shift["drifted"] for shift in report["features"])
    count = len(report["features"])
    yield f"  features: {drifted} of {count} have shifted, by {report['features_rows']} rows"
    for shift in report["features"][:features]:
        yield (
            f"    {shift['name']:<26} PSI {shift['psi']:.3f} (past {shift['psi_95']:.3f})  "
            f"KS {shift['ks']:.3f} (past {shift['ks_95']:.3f})  evidence {shift['e_value']:.1f}"
            f"{'  shifted' if shift['drifted'] else ''}"
        )
