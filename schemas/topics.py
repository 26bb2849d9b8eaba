"""THE table of every topic, in flow order: one record type on one topic.

``<topic>.dlq`` (``DeadLetter``) exists for each topic that is consumed, and
``<processor>.state.v1`` for each processor's changelog; both are derived, not listed.
"""

from __future__ import annotations

from schemas.access import AccessKey
from schemas.answers import PredictionAnswer
from schemas.challenges import (
    ChallengeCommand,
    ChallengeEvent,
    ChallengeOutcome,
    ShadowPrediction,
    ShadowResult,
    ShadowSignals,
)
from schemas.clock import ClockTick
from schemas.commands import CommandOutcome
from schemas.configs import ActiveConfig, ConfigChanged, ConfigCommand, ConfigEffective
from schemas.drift import DriftReference, DriftReport, FeatureDrift
from schemas.events import SystemEvent
from schemas.explanations import Explanation
from schemas.features import FeatureVector
from schemas.ideas import IdeaEvent, SuppressedTotals
from schemas.jobs import BacktestRequest, JobCommand, JobProgress, JobResult, TuningRequest
from schemas.journal import JournalCommand, JournalEntry
from schemas.letters import LetterCommand
from schemas.market import Bar, HistoryReady, LedgerEntry, RawBar
from schemas.mlflow import MlflowRun
from schemas.models import ModelChanged, ModelRegistered, ModelServing
from schemas.policies import ModelPolicy
from schemas.portfolio import AccountSnapshot
from schemas.predictions import Prediction, PredictionReply, PredictionRequest
from schemas.record import Record, Topic
from schemas.refdata import RefdataTable
from schemas.regimes import RegimeParameters, RegimeProbabilities
from schemas.signals import ScoredSignal, ScoreTotals, Signal, SignalAcknowledged
from schemas.status import CanaryTrace, MonitorWindow, OperatorAction, WorkerStatus
from schemas.timeframes import DAY_MS, MINUTE_MS
from schemas.trades import TradeResult
from schemas.training import TrainingBudget, TrainingCancelled, TrainingProgress, TrainingRequest
from schemas.versions import DeploymentChanged, ModelCommand, ModelStageChanged, ModelVersion

TEN_MINUTES_MS = 10 * MINUTE_MS
MONTH_MS = 30 * DAY_MS

CLOCK_TICKS = Topic(
    "clock.ticks.v1",
    ClockTick,
    "clock",
    "Market time, for schedules and ages",
    retention_ms=DAY_MS,
    single=True,
)
RAW_BARS = Topic("market.bars.raw.v1", RawBar, "symbol", "Final bars as the venue told them")
BARS = Topic("market.bars.v1", Bar, "symbol", "Checked bars, each once, in order")
LEDGER = Topic("market.ledger.v1", LedgerEntry, "symbol", "What is missing, repaired or suspect")
HISTORY = Topic("market.history.v1", HistoryReady, "strategy", "The universe is back-filled")
FEATURE_VECTORS = Topic("features.vectors.v1", FeatureVector, "symbol", "All features at a close")
REGIME_PARAMETERS = Topic(
    "regimes.parameters.v1", RegimeParameters, "symbol", "Fitted regime filters"
)
REGIME_PROBABILITIES = Topic(
    "regimes.probabilities.v1", RegimeProbabilities, "symbol", "Filtered regime posteriors"
)
DRIFT_REFERENCES = Topic(
    "drift.references.v1", DriftReference, "symbol", "What drift is measured against"
)
DRIFT_FEATURES = Topic("drift.features.v1", FeatureDrift, "symbol", "How far features have shifted")
PREDICTIONS = Topic(
    "predictions.ensemble.v1", Prediction, "symbol", "Calibrated class probabilities"
)
SHADOW_PREDICTIONS = Topic(
    "predictions.shadow.v1",
    ShadowPrediction,
    "symbol",
    "What a challenger says beside the model that serves",
)
PREDICTION_REQUESTS = Topic(
    "predictions.requests.v1",
    PredictionRequest,
    "symbol",
    "Overrides and explanations asked for",
    retention_ms=TEN_MINUTES_MS,
)
PREDICTION_REPLIES = Topic(
    "predictions.replies.v1",
    PredictionReply,
    "reply_to",
    "Answers to those requests",
    retention_ms=TEN_MINUTES_MS,
)
PREDICTION_ANSWERS = Topic(
    "predictions.answers.v1",
    PredictionAnswer,
    "symbol",
    "What /api/v1/predict answered, and to whom",
    retention_ms=MONTH_MS,
    kept_as_logs=True,
)
EXPLANATIONS = Topic(
    "explanations.attributions.v1", Explanation, "symbol", "Drivers of a prediction"
)
SIGNALS = Topic("signals.graded.v1", Signal, "symbol", "Graded signals")
SHADOW_SIGNALS = Topic(
    "signals.shadow.v1",
    ShadowSignals,
    "symbol",
    "What both models of a challenge say, graded alike",
    retention_ms=DAY_MS,
)
ACKNOWLEDGED = Topic(
    "signals.acknowledged.v1", SignalAcknowledged, "symbol", "Signals a human has seen"
)
SCORED_SIGNALS = Topic("signals.scored.v1", ScoredSignal, "symbol", "Signals scored at expiry")
SCORE_TOTALS = Topic(
    "signals.totals.v1", ScoreTotals, "subject", "All scores since the first", compact=True
)
IDEAS = Topic("ideas.events.v1", IdeaEvent, "symbol", "Ideas decided, opened and closed")
IDEAS_SUPPRESSED = Topic(
    "ideas.suppressed.v1",
    SuppressedTotals,
    "subject",
    "Why signals opened no idea, counted since the first",
    compact=True,
)
DRIFT_REPORTS = Topic("drift.reports.v1", DriftReport, "symbol", "Whether a model does harm")
TRAINING_REQUESTS = Topic("training.requests.v1", TrainingRequest, "strategy", "Models asked for")
TRAINING_PROGRESS = Topic(
    "training.progress.v1", TrainingProgress, "strategy", "Steps of training", retention_ms=DAY_MS
)
TRAINING_BUDGETS = Topic(
    "training.budgets.v1",
    TrainingBudget,
    "subject",
    "What retrainings each strategy and timeframe has left, as a view",
    compact=True,
    single=True,
)
TRAINING_CANCELLED = Topic(
    "training.cancelled.v1", TrainingCancelled, "strategy", "Trainings that are to stop"
)
MODELS_REGISTERED = Topic(
    "models.registered.v1", ModelRegistered, "strategy", "Trained models and their reports"
)
MODELS_CHANGES = Topic(
    "models.changes.v1",
    ModelChanged,
    "strategy",
    "Which model serves from when",
    single=True,
)
MODELS_SERVING = Topic(
    "models.serving.v1",
    ModelServing,
    "subject",
    "The last change of each strategy and timeframe, as a view",
    compact=True,
    single=True,
)
MODEL_COMMANDS = Topic(
    "models.commands.v1",
    ModelCommand,
    "strategy",
    "Versions to stage, promote, roll back, train",
)
MODEL_STAGES = Topic(
    "models.stages.v1", ModelStageChanged, "strategy", "Every change of every version's stage"
)
MODEL_VERSIONS = Topic(
    "models.versions.v1",
    ModelVersion,
    "subject",
    "Each version of a model as it stands, as a view",
    compact=True,
    single=True,
)
CONFIG_COMMANDS = Topic(
    "configs.commands.v1", ConfigCommand, "strategy", "Configs to create, activate, deprecate"
)
CONFIG_CHANGES = Topic(
    "configs.changes.v1", ConfigChanged, "strategy", "Every change of every config version"
)
CONFIG_ACTIVE = Topic(
    "configs.active.v1",
    ActiveConfig,
    "strategy",
    "The ACTIVE config of each strategy, as a view",
    compact=True,
)
CONFIG_EFFECTIVE = Topic(
    "configs.effective.v1",
    ConfigEffective,
    "symbol",
    "From which bar a market's signals follow a config",
)
MODEL_POLICIES = Topic(
    "models.policies.v1",
    ModelPolicy,
    "strategy",
    "What decides about models from which market time",
)
DEPLOYMENTS = Topic(
    "deployments.changes.v1",
    DeploymentChanged,
    "strategy",
    "Which config and model answer from when",
    single=True,
)
CHALLENGE_COMMANDS = Topic(
    "challenges.commands.v1",
    ChallengeCommand,
    "strategy",
    "Challenges to create and to cancel, trades of them",
)
CHALLENGE_OUTCOMES = Topic(
    "challenges.outcomes.v1",
    ChallengeOutcome,
    "strategy",
    "How both models of a challenge did on the same bars",
)
CHALLENGE_RESULTS = Topic(
    "challenges.results.v1",
    ShadowResult,
    "symbol",
    "What ideas of both models of a challenge came to",
)
CHALLENGE_EVENTS = Topic(
    "challenges.events.v1",
    ChallengeEvent,
    "strategy",
    "What becomes of each challenge",
    single=True,
)
JOURNAL_COMMANDS = Topic(
    "journal.commands.v1",
    JournalCommand,
    "trade_id",
    "Trades to add and to correct",
)
JOURNAL_ENTRIES = Topic(
    "journal.entries.v1",
    JournalEntry,
    "trade_id",
    "What a human did, with every correction",
    single=True,
)
TRADE_RESULTS = Topic(
    "trades.results.v1", TradeResult, "symbol", "What each trade has earned", single=True
)
PORTFOLIO_SNAPSHOTS = Topic(
    "portfolio.snapshots.v1",
    AccountSnapshot,
    "venue",
    "What a human holds at a venue, as a view",
    compact=True,
    single=True,
)
LETTER_COMMANDS = Topic(
    "letters.commands.v1",
    LetterCommand,
    "letter_id",
    "Dead letters to replay or to drop",
    retention_ms=MONTH_MS,
    kept_as_logs=True,
    single=True,
)
COMMAND_OUTCOMES = Topic(
    "commands.outcomes.v1",
    CommandOutcome,
    "command_id",
    "How each command was decided",
    retention_ms=MONTH_MS,
    kept_as_logs=True,
)
REFDATA_TABLES = Topic(
    "refdata.tables.v1",
    RefdataTable,
    "table",
    "Reference data, whole tables",
    compact=True,
    single=True,
)
BACKTEST_REQUESTS = Topic(
    "backtest.requests.v1", BacktestRequest, "request_id", "Back-tests and optimisations asked for"
)
TUNING_REQUESTS = Topic(
    "tuning.requests.v1", TuningRequest, "request_id", "Parameter searches asked for"
)
JOB_COMMANDS = Topic(
    "jobs.commands.v1",
    JobCommand,
    "job_id",
    "Cancel or resume",
    retention_ms=DAY_MS,
    single=True,
)
JOB_PROGRESS = Topic(
    "jobs.progress.v1", JobProgress, "job_id", "How far each job is", retention_ms=DAY_MS
)
JOB_RESULTS = Topic("jobs.results.v1", JobResult, "job_id", "What came of each job")
MLFLOW_RUNS = Topic(
    "mlflow.runs.v1",
    MlflowRun,
    "subject",
    "What MLflow shows of models, failed trainings and logged jobs",
    compact=True,
    single=True,
)
WORKER_STATUS = Topic(
    "workers.status.v1",
    WorkerStatus,
    "process",
    "What each process says of itself",
    compact=True,
    single=True,
)
MONITOR_WINDOWS = Topic(
    "monitor.windows.v1",
    MonitorWindow,
    "subject",
    "Rates, lateness, staleness",
    retention_ms=DAY_MS,
)
MONITOR_TRACES = Topic(
    "monitor.traces.v1", CanaryTrace, "symbol", "A bar followed downstream", retention_ms=DAY_MS
)
SYSTEM_EVENTS = Topic(
    "system.events.v1",
    SystemEvent,
    "subject",
    "What people wait for, such as a process that failed",
    retention_ms=MONTH_MS,
    kept_as_logs=True,
    single=True,
)
ACCESS_KEYS = Topic(
    "access.keys.v1",
    AccessKey,
    "key_id",
    "API keys of the gateway, without their secrets",
    compact=True,
    single=True,
)
OPERATOR_AUDIT = Topic(
    "operators.audit.v1",
    OperatorAction,
    "action",
    "What operators did, for ever",
    single=True,
)

# In the order in which they stand above, which is that of the flow.
TOPICS: tuple[Topic, ...] = tuple(t for t in tuple(globals().values()) if isinstance(t, Topic))

_BY_RECORD = {topic.record: topic for topic in TOPICS}
_BY_NAME = {topic.name: topic for topic in TOPICS}


def topic_of(record: Record) -> Topic:
    """Return the one topic of a record; raises ``KeyError`` for a record without one."""
    return _BY_RECORD[type(record)]


def topic_named(name: str) -> Topic:
    """Return the topic of that name; raises ``KeyError`` when the table has none."""
    return _BY_NAME[name]
