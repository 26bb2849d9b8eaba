"""Challenges and what they come to, as lines for people."""

from __future__ import annotations

from typing import Any

from deploy.cli.config_commands import outcome_lines
from deploy.cli.tables.cells import counted

SHOWN_POINTS = 12
VARIANTS = ("champion", "challenger")


def challenge_line(row: dict[str, Any]) -> str:
    """Return one challenge as a line."""
    champion, challenger = row["champion"], row["challenger"]
    return (
        f"{row['challenge_id']}  {row['strategy_name']} {row['timeframe']}  {row['status']:<9} "
        f"{challenger['model_version']} against {champion['model_version']} on {row['basis']}: "
        f"{row['recommendation']}"
    )


def challenge_lines(document: dict[str, Any]) -> list[str]:
    """Return the challenges of a model, the newest first."""
    lines = [challenge_line(row) for row in document["challenges"]]
    name = f"{document['strategy_name']} {document['timeframe']}"
    return lines or [f"{name} has no challenge; `regimeflow challenge create V` begins one"]


def decided_lines(answer: dict[str, Any]) -> list[str]:
    """Return how a command on a challenge was decided, and the challenge."""
    row = answer["challenge"]
    return [*outcome_lines(answer["outcome"]), *([] if row is None else [challenge_line(row)])]


def details_lines(row: dict[str, Any]) -> list[str]:
    """Return one challenge with its interval at the newest looks."""
    points = row["points"][-SHOWN_POINTS:]
    left_out = len(row["points"]) - len(points)
    without = f", without the first {left_out}" if left_out else ""
    looks = (f"  {p['time'][:16]}  {counted(p['blocks'], 'block'):>12}  {_gain(p)}" for p in points)
    return [
        challenge_line(row),
        row["reason"],
        (
            f"from {_time(row['starts'])} (market time), until {_time(row['deadline'])} "
            f"(wall clock); at least {row['min_trades']} trades each"
        ),
        *_sequence_lines(row["sequence"]),
        *(_ideas_line(variant, row["ideas"][variant]) for variant in VARIANTS),
        *([f"looks, at market times{without}:"] if points else []),
        *looks,
    ]


def _time(text: str) -> str:
    return text[:16].replace("T", " ")


def evaluation_lines(row: dict[str, Any]) -> list[str]:
    """Return what a challenge comes to, and the tests that hold at one look alone."""
    return [
        f"{row['recommendation']}: {row['reason']}",
        *_sequence_lines(row["sequence"]),
        *(_variant_line(variant, row[variant]) for variant in VARIANTS),
        "at one look alone, not for a decision:",
        f"  mean returns (Welch): {_test(row['welch_test'])}",
        f"  win rates, by trades: {_test(row['win_rate_test'])}",
    ]


def _sequence_lines(sequence: dict[str, Any]) -> list[str]:
    bars, trades = sequence["more_bars"], sequence["more_trades"]
    level = f"{1.0 - sequence['alpha']:.1%}"
    evidence = (
        f"{counted(sequence['blocks'], 'block')} of {counted(sequence['outcomes'], 'outcome')}"
    )
    lines = [f"gain {_gain(sequence)} at {level}, whenever one looks; {evidence}"]
    if bars or trades:
        wait = f"{bars} more bars" if bars else f"{trades} more trades"
        lines.append(f"about {wait} to decide, if all goes on like that")
    return lines


def _gain(figures: dict[str, Any]) -> str:
    if figures["gain"] is None:
        return "unknown yet"
    if figures["low"] is None:
        return f"{figures['gain']:+.4g}, not bounded yet"
    return f"{figures['gain']:+.4g} ({figures['low']:+.4g} to {figures['high']:+.4g})"


def _variant_line(variant: str, figures: dict[str, Any]) -> str:
    name = f"  {variant:<10} {figures['model_version']}"
    if not figures["trades"]:
        return f"{name}: no trade"
    return (
        f"{name}: {figures['trades']} trades, {figures['win_rate']:.0%} won, "
        f"{figures['mean_return']:+.3%} each"
    )


def _ideas_line(variant: str, figures: dict[str, Any]) -> str:
    if not figures["trades"]:
        return f"ideas of the {variant}, on paper: none has ended"
    multiple = figures["expectancy_r"]
    return (
        f"ideas of the {variant}, on paper: {figures['trades']}, {figures['hit_rate']:.0%} won, "
        f"{figures['expectancy']:+.3%} each" + ("" if multiple is None else f", {multiple:+.2f} R")
    )


def _test(test: dict[str, Any] | None) -> str:
    if test is None:
        return "undefined: too few trades, or all alike"
    return f"statistic {test['statistic']:+.2f}, p-value {test['p_value']:.3f}"
