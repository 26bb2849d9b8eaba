"""The topics that the gateway reads: from which offset, and as which record."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.views.series_view import bars_per_series
from schemas.dead_letter import DeadLetter
from schemas.record import Record
from schemas.telemetry import HEADER_SCHEMA
from schemas.topics import (
    ACCESS_KEYS,
    ACKNOWLEDGED,
    BACKTEST_REQUESTS,
    BARS,
    CHALLENGE_EVENTS,
    CHALLENGE_RESULTS,
    CLOCK_TICKS,
    COMMAND_OUTCOMES,
    CONFIG_CHANGES,
    DEPLOYMENTS,
    DRIFT_FEATURES,
    DRIFT_REPORTS,
    EXPLANATIONS,
    FEATURE_VECTORS,
    HISTORY,
    IDEAS,
    IDEAS_SUPPRESSED,
    JOB_COMMANDS,
    JOB_PROGRESS,
    JOB_RESULTS,
    JOURNAL_ENTRIES,
    LEDGER,
    MLFLOW_RUNS,
    MODEL_STAGES,
    MODEL_VERSIONS,
    MODELS_SERVING,
    MONITOR_TRACES,
    MONITOR_WINDOWS,
    OPERATOR_AUDIT,
    PORTFOLIO_SNAPSHOTS,
    PREDICTION_REPLIES,
    REFDATA_TABLES,
    REGIME_PROBABILITIES,
    SCORE_TOTALS,
    SCORED_SIGNALS,
    SIGNALS,
    SYSTEM_EVENTS,
    TOPICS,
    TRADE_RESULTS,
    TRAINING_BUDGETS,
    TRAINING_PROGRESS,
    TUNING_REQUESTS,
    WORKER_STATUS,
)

ALL = -1  # from the first record kept
VIEW = -2  # as far back as the views reach
# How many offsets before the end a topic is read from.
READS: dict[str, int] = {
    CLOCK_TICKS.name: 200,
    BARS.name: VIEW,
    FEATURE_VECTORS.name: VIEW,
    REGIME_PROBABILITIES.name: VIEW,
    SIGNALS.name: VIEW,
    SCORED_SIGNALS.name: VIEW,
    SCORE_TOTALS.name: ALL,
    IDEAS.name: 50_000,
    IDEAS_SUPPRESSED.name: ALL,
    DRIFT_FEATURES.name: 500,  # ten kB each; of an hour's bars one comes in ten days
    DRIFT_REPORTS.name: 5_000,
    EXPLANATIONS.name: VIEW,
    ACKNOWLEDGED.name: ALL,
    HISTORY.name: ALL,
    MODELS_SERVING.name: ALL,
    WORKER_STATUS.name: ALL,
    TRAINING_PROGRESS.name: 500,
    TRAINING_BUDGETS.name: ALL,
    REFDATA_TABLES.name: ALL,
    CONFIG_CHANGES.name: ALL,
    MODEL_STAGES.name: ALL,
    MODEL_VERSIONS.name: ALL,
    DEPLOYMENTS.name: ALL,
    CHALLENGE_EVENTS.name: ALL,
    CHALLENGE_RESULTS.name: ALL,
    JOURNAL_ENTRIES.name: ALL,
    TRADE_RESULTS.name: ALL,
    PORTFOLIO_SNAPSHOTS.name: ALL,
    COMMAND_OUTCOMES.name: ALL,
    BACKTEST_REQUESTS.name: 500,
    TUNING_REQUESTS.name: 500,
    JOB_COMMANDS.name: 500,
    JOB_PROGRESS.name: 1_000,
    JOB_RESULTS.name: 500,
    MLFLOW_RUNS.name: ALL,
    MONITOR_WINDOWS.name: 1_000,
    MONITOR_TRACES.name: 100,
    LEDGER.name: 5_000,
    SYSTEM_EVENTS.name: 2_000,
    ACCESS_KEYS.name: ALL,
    OPERATOR_AUDIT.name: ALL,
    PREDICTION_REPLIES.name: 0,
}
DRAWN = (BARS, REGIME_PROBABILITIES, FEATURE_VECTORS)  # by a chart, also of long timeframes
DEAD_LETTERS = {topic.dead_letters: 1_000 for topic in TOPICS}
RECORDS = {topic.name: topic.record for topic in TOPICS} | dict.fromkeys(DEAD_LETTERS, DeadLetter)


def start_offset(topic: str, first: int, end: int, series: int) -> int:
    """Return the offset from which a partition is read.

    Args:
        topic: Name of its topic, of ``READS`` or ``DEAD_LETTERS``.
        first: Its first offset kept.
        end: The offset after its last record.
        series: How many symbols, each at several timeframes, share the views.
    """
    back = READS[topic] if topic in READS else DEAD_LETTERS[topic]
    if back == ALL:
        return first
    if back == VIEW:
        series = max(1, series)
        # A record takes one offset, and the marker of its transaction as much again.
        back = 2 * series * bars_per_series(series)
    return max(first, end - back)


def decode(topic: str, headers: Sequence[tuple[str, bytes]], encoded: bytes | None) -> Record:
    """Return a record of a topic; raises ``ValueError`` for what is none of that topic."""
    shape = RECORDS[topic]
    schema = dict(headers).get(HEADER_SCHEMA)
    if schema is not None and schema != shape.schema_name().encode():
        name = schema.decode(errors="replace")
        raise ValueError(f"schema {name!r}, expected {shape.schema_name()!r}")
    return shape.decode(encoded or b"")
