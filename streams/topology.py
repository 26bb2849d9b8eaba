"""The table of contents: every processor in flow order, every chain, every worker, the operator.

The drawn graph, the table of topics, the list of processes and the Compose test are made from these
rows. A test compares each row with the records that its code makes.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.record import Topic
from schemas.topics import (
    ACCESS_KEYS,
    ACKNOWLEDGED,
    BACKTEST_REQUESTS,
    BARS,
    CHALLENGE_COMMANDS,
    CHALLENGE_EVENTS,
    CHALLENGE_RESULTS,
    CLOCK_TICKS,
    COMMAND_OUTCOMES,
    CONFIG_ACTIVE,
    CONFIG_CHANGES,
    CONFIG_COMMANDS,
    CONFIG_EFFECTIVE,
    DEPLOYMENTS,
    DRIFT_FEATURES,
    DRIFT_REFERENCES,
    DRIFT_REPORTS,
    EXPLANATIONS,
    FEATURE_VECTORS,
    HISTORY,
    IDEAS,
    IDEAS_SUPPRESSED,
    JOB_COMMANDS,
    JOB_PROGRESS,
    JOB_RESULTS,
    JOURNAL_COMMANDS,
    JOURNAL_ENTRIES,
    LEDGER,
    LETTER_COMMANDS,
    MLFLOW_RUNS,
    MODEL_COMMANDS,
    MODEL_POLICIES,
    MODEL_STAGES,
    MODEL_VERSIONS,
    MODELS_CHANGES,
    MODELS_REGISTERED,
    MODELS_SERVING,
    MONITOR_TRACES,
    MONITOR_WINDOWS,
    OPERATOR_AUDIT,
    PORTFOLIO_SNAPSHOTS,
    PREDICTION_ANSWERS,
    PREDICTION_REPLIES,
    PREDICTION_REQUESTS,
    PREDICTIONS,
    RAW_BARS,
    REFDATA_TABLES,
    REGIME_PROBABILITIES,
    SCORE_TOTALS,
    SCORED_SIGNALS,
    SHADOW_PREDICTIONS,
    SIGNALS,
    SYSTEM_EVENTS,
    TOPICS,
    TRADE_RESULTS,
    TRAINING_BUDGETS,
    TRAINING_CANCELLED,
    TRAINING_PROGRESS,
    TRAINING_REQUESTS,
    TUNING_REQUESTS,
    WORKER_STATUS,
)
from streams.challenges.processor import PROCESSOR as CHALLENGES
from streams.configs.processor import PROCESSOR as CONFIGS
from streams.deployments.processor import PROCESSOR as DEPLOYED
from streams.drift.processor import PROCESSOR as DRIFT
from streams.features.processor import PROCESSOR as FEATURES
from streams.ideas.processor import PROCESSOR as DECIDING
from streams.ideas.shadows import PROCESSOR as SHADOW_IDEAS
from streams.journal.processor import PROCESSOR as JOURNAL
from streams.letters.processor import PROCESSOR as LETTERS
from streams.market.processor import PROCESSOR as MARKET
from streams.processor import Processor
from streams.promotion.processor import PROCESSOR as PROMOTION
from streams.regimes.processor import PROCESSOR as REGIMES
from streams.scoring.processor import PROCESSOR as SCORING
from streams.scoring.shadows import PROCESSOR as SHADOWS
from streams.shifts.processor import PROCESSOR as SHIFTS
from streams.signals.processor import PROCESSOR as GRADING


@dataclass(frozen=True)
class Chain:
    """Processors fused in one process: they share a key, every topic between them stays public."""

    name: str
    processors: tuple[Processor, ...]

    @property
    def reads(self) -> tuple[Topic, ...]:
        """Topics from outside: what its processors read and none of them writes."""
        read = dict.fromkeys(t for processor in self.processors for t in processor.reads)
        return tuple(topic for topic in read if topic not in self.writes)

    @property
    def writes(self) -> tuple[Topic, ...]:
        """Topics of its processors, and the status that its driver reports."""
        written = dict.fromkeys(t for processor in self.processors for t in processor.writes)
        return (*written, WORKER_STATUS)


@dataclass(frozen=True)
class Worker:
    """One process with side effects; the row says what it reads and writes.

    A stateful worker runs a processor of its own name and owns the changelog of that processor.
    """

    name: str
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    stateful: bool = False


CHAINS: tuple[Chain, ...] = (
    Chain("letters", (LETTERS,)),  # what it replays is read by the rows below
    Chain("market", (MARKET, FEATURES, REGIMES, SHIFTS)),
    Chain("signals", (GRADING, SCORING, SHADOWS, DECIDING, SHADOW_IDEAS, DRIFT)),
    # What is commanded, seldom; the journal knows its trades by their ids, the others a strategy.
    Chain("promotion", (CONFIGS, CHALLENGES, PROMOTION, DEPLOYED, JOURNAL)),
)

PROCESSORS: tuple[Processor, ...] = tuple(p for chain in CHAINS for p in chain.processors)

# Kept for ever, every record; the other topics are views or expire.
FACTS: tuple[Topic, ...] = tuple(t for t in TOPICS if not t.compact and t.retention_ms < 0)

WORKERS: tuple[Worker, ...] = (
    Worker("simulator", (), ()),
    Worker(
        "ingest",
        (RAW_BARS, HISTORY, TRAINING_PROGRESS, MODELS_SERVING, WORKER_STATUS),
        (RAW_BARS, LEDGER, CLOCK_TICKS, HISTORY, REFDATA_TABLES, WORKER_STATUS),
    ),
    Worker("account", (), (PORTFOLIO_SNAPSHOTS, WORKER_STATUS)),  # where a key is set
    Worker(
        "inference",
        (
            CONFIG_EFFECTIVE,
            FEATURE_VECTORS,
            REGIME_PROBABILITIES,
            MODELS_CHANGES,
            CHALLENGE_EVENTS,
            PREDICTION_REQUESTS,
        ),
        (PREDICTIONS, SHADOW_PREDICTIONS, PREDICTION_REPLIES, WORKER_STATUS),
        stateful=True,
    ),
    Worker(
        "explain",
        (FEATURE_VECTORS, PREDICTIONS, MODELS_CHANGES, PREDICTION_REQUESTS),
        (EXPLANATIONS, PREDICTION_REPLIES, WORKER_STATUS),
        stateful=True,
    ),
    Worker(
        "training",
        (
            TRAINING_REQUESTS,
            TRAINING_CANCELLED,
            CLOCK_TICKS,
            BARS,
            HISTORY,
            LEDGER,
            FEATURE_VECTORS,
            MODELS_REGISTERED,
            MODELS_CHANGES,
            MODEL_STAGES,
            CHALLENGE_EVENTS,
            CONFIG_ACTIVE,
            MODEL_POLICIES,
            JOB_RESULTS,
            MLFLOW_RUNS,
        ),
        (
            TRAINING_PROGRESS,
            MODEL_COMMANDS,
            CHALLENGE_COMMANDS,
            MODELS_REGISTERED,
            DRIFT_REFERENCES,
            MLFLOW_RUNS,
            WORKER_STATUS,
        ),
    ),
    Worker(
        "backtest",
        (BACKTEST_REQUESTS, JOB_COMMANDS, BARS),
        (JOB_PROGRESS, JOB_RESULTS, WORKER_STATUS),
    ),
    Worker(
        "tuning",
        (TUNING_REQUESTS, JOB_COMMANDS, JOB_PROGRESS, JOB_RESULTS, BARS),
        (JOB_PROGRESS, JOB_RESULTS, WORKER_STATUS),
    ),
    Worker("archive", FACTS, (WORKER_STATUS,)),
    Worker(
        "monitor",
        (RAW_BARS, BARS, FEATURE_VECTORS, REGIME_PROBABILITIES, PREDICTIONS, SIGNALS),
        (MONITOR_WINDOWS, MONITOR_TRACES),
    ),
    Worker(  # reads the dead letters of every topic, too
        "notify",
        (
            CLOCK_TICKS,
            LEDGER,
            MODELS_CHANGES,
            DRIFT_REPORTS,
            IDEAS,
            CONFIG_ACTIVE,
            MONITOR_WINDOWS,
            WORKER_STATUS,
            SYSTEM_EVENTS,
        ),
        (SYSTEM_EVENTS, WORKER_STATUS),
    ),
    Worker(
        "gateway",
        (
            CLOCK_TICKS,
            BARS,
            LEDGER,
            FEATURE_VECTORS,
            REGIME_PROBABILITIES,
            SIGNALS,
            ACKNOWLEDGED,
            SCORED_SIGNALS,
            SCORE_TOTALS,
            IDEAS,
            IDEAS_SUPPRESSED,
            DRIFT_FEATURES,
            DRIFT_REPORTS,
            EXPLANATIONS,
            PREDICTION_REPLIES,
            HISTORY,
            TRAINING_PROGRESS,
            TRAINING_BUDGETS,
            MODELS_SERVING,
            MODEL_STAGES,
            MODEL_VERSIONS,
            DEPLOYMENTS,
            CONFIG_CHANGES,
            CHALLENGE_EVENTS,
            CHALLENGE_RESULTS,
            JOURNAL_ENTRIES,
            TRADE_RESULTS,
            PORTFOLIO_SNAPSHOTS,
            COMMAND_OUTCOMES,
            REFDATA_TABLES,
            BACKTEST_REQUESTS,
            TUNING_REQUESTS,
            JOB_COMMANDS,
            JOB_PROGRESS,
            JOB_RESULTS,
            MLFLOW_RUNS,
            WORKER_STATUS,
            MONITOR_WINDOWS,
            MONITOR_TRACES,
            SYSTEM_EVENTS,
            ACCESS_KEYS,
            OPERATOR_AUDIT,
        ),
        (
            PREDICTION_REQUESTS,
            PREDICTION_ANSWERS,
            ACKNOWLEDGED,
            BACKTEST_REQUESTS,
            TUNING_REQUESTS,
            JOB_COMMANDS,
            MODEL_COMMANDS,
            CONFIG_COMMANDS,
            CHALLENGE_COMMANDS,
            JOURNAL_COMMANDS,
            LETTER_COMMANDS,
        ),
    ),
)

# No process: the commands of `regimeflow`.
OPERATOR = Worker(
    "operator",
    (COMMAND_OUTCOMES,),
    (
        REFDATA_TABLES,
        MODELS_REGISTERED,
        MODEL_COMMANDS,
        LETTER_COMMANDS,
        ACCESS_KEYS,
        OPERATOR_AUDIT,
    ),
)
