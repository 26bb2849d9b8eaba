"""Builders: valid records by default, any field by keyword."""

from __future__ import annotations

import base64
import struct
from typing import Any

from pydantic import JsonValue

from schemas.answers import PredictionAnswer
from schemas.challenges import (
    Challenge,
    ChallengeCommand,
    ChallengeEvent,
    ChallengeOutcome,
    ChallengeTrade,
    ReturnTotals,
    ShadowPrediction,
    ShadowResult,
    ShadowSignals,
)
from schemas.configs import ConfigCommand, ConfigEffective, SignalPolicy
from schemas.dead_letter import DeadLetter
from schemas.diagnostics import ConfidenceBin, ModelEquity
from schemas.drift import (
    DriftReference,
    DriftReport,
    FeatureDrift,
    FeatureReference,
    FeatureShift,
    Measure,
    MeasureDrift,
    MeasureReference,
)
from schemas.events import EventKind, SystemEvent
from schemas.explanations import Driver, Explanation
from schemas.features import FeatureVector
from schemas.gates import ModelComparison
from schemas.ideas import IdeaEvent, SuppressedTotals
from schemas.jobs import BacktestRequest, JobProgress, JobResult
from schemas.journal import JournalCommand, JournalTrade
from schemas.letters import LetterCommand
from schemas.market import Bar, RawBar
from schemas.mlflow import MlflowRun
from schemas.models import ModelFile, ModelMetrics, ModelRegistered, ModelServing
from schemas.policies import GatesPolicy, ModelPolicy, RetrainingPolicy
from schemas.portfolio import AccountPosition, AccountSnapshot, AssetBalance, DayIncome
from schemas.predictions import (
    ClassProbabilities,
    ExpectedReturns,
    MarketContext,
    Prediction,
    RegimeView,
    ReturnBounds,
)
from schemas.record import Record
from schemas.refdata import RefdataTable
from schemas.regimes import RegimeParameters, RegimeProbabilities
from schemas.research import OptimizeSpec
from schemas.signals import Confirmation, RiskCheck, ScoredSignal, ScoreTotals, Signal
from schemas.specialists import SpecialistPolicy
from schemas.status import LoadedModel, WorkerStatus
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.topics import topic_of
from schemas.trades import TradeResult
from schemas.training import TrainingBudget, TrainingRequest
from schemas.versions import ModelAction, ModelCommand
from streams.configs.content import config_id, content_hash, normalised
from streams.events import SEVERITY
from streams.scoring.totals import add_scores

START_MS = 1_750_000_020_000  # a whole minute
FEATURE_SET = "test-features"


def close_time(minute: int) -> int:
    """Return the close of the bar that opens ``minute`` minutes after the start."""
    return START_MS + (minute + 1) * MINUTE_MS


def raw_bar(minute: int = 0, **fields: Any) -> RawBar:
    """Return a raw one-minute bar at 100."""
    return RawBar(**_bar_fields(minute, fields))


def bar(minute: int = 0, **fields: Any) -> Bar:
    """Return a checked one-minute bar at 100."""
    return Bar(**_bar_fields(minute, fields))


def _bar_fields(minute: int, fields: dict[str, Any]) -> dict[str, Any]:
    close = close_time(minute)
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "open_time_ms": close - MINUTE_MS,
        "event_time_ms": close,
        "available_time_ms": close,
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.5,
        "volume": 10.0,
        "origin": "stream",
        "source": "test",
    }
    return defaults | fields


def features(
    minute: int = 0, symbol: str = "BTCUSDT", close: float = 100.5, **values: float | None
) -> FeatureVector:
    """Return a feature vector with the named values."""
    return FeatureVector(
        symbol=symbol,
        timeframe_ms=MINUTE_MS,
        event_time_ms=close_time(minute),
        available_time_ms=close_time(minute),
        feature_set_id=FEATURE_SET,
        open=100.0,
        close=close,
        values=values,
        high=max(101.0, close),
        low=min(99.0, close),
    )


def regimes(minute: int = 0, **fields: Any) -> RegimeProbabilities:
    """Return a posterior that leans to bull."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute),
        "available_time_ms": close_time(minute),
        "bull": 0.6,
        "bear": 0.2,
        "sideways": 0.2,
        "trend_state": "TRENDING",
        "parameters_version": "m1",
    }
    return RegimeProbabilities(**(defaults | fields))


def regime_parameters(**fields: Any) -> RegimeParameters:
    """Return a one-observation Gaussian filter whose states are well apart."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "model_version": "m1",
        "effective_from_ms": 0,
        "family": "gaussian",
        "observations": ("log_return_1",),
        "centre": (0.0,),
        "spread": (1e-3,),
        "initial": (1 / 3, 1 / 3, 1 / 3),
        "transition": ((0.98, 0.01, 0.01), (0.01, 0.98, 0.01), (0.01, 0.01, 0.98)),
        "location": ((0.4,), (-0.4,), (0.0,)),
        "scale": ((2.0,), (3.0,), (1.0,)),
        "fitted_to_ms": 0,
    }
    return RegimeParameters(**(defaults | fields))


MEASURES: tuple[Measure, ...] = ("log_loss", "miss", "overconfidence", "expected_log_loss")


def measure_reference(measure: Measure = "log_loss", **fields: Any) -> MeasureReference:
    """Return an armed reference whose blocks lie at 1 with a deviation of 0.1."""
    defaults: dict[str, Any] = {
        "measure": measure,
        "mean": 1.0,
        "upper": 1.01,
        "deviation": 0.1,
        "blocks": 100,
        "silent": True,
        "planted": 0.25,
        "caught_blocks": 12,
    }
    return MeasureReference(**(defaults | fields))


def feature_reference(names: tuple[str, ...] = ("rsi_14",), **fields: Any) -> FeatureReference:
    """Return a reference of features with deciles at 10, 20, ... 90."""
    width = len(names)
    defaults: dict[str, Any] = {
        "names": names,
        "edges": struct.pack("<9f", *range(10, 100, 10)) * width,
        "shares": struct.pack("<10f", *[0.1] * 10) * width,
        "null": struct.pack("<4f", 0.1, 9.0, 0.1, 9.0) * width,
        "draws": 400,
        "rows": 2_000,
        "stride_bars": 1,
        "half_rows": 250,
    }
    return FeatureReference(**(defaults | fields))


def drift_reference(**fields: Any) -> DriftReference:
    """Return what the drift of model m1 is measured against; blocks have 60 predictions."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "strategy": "ensemble",
        "model_version": "m1",
        "event_time_ms": close_time(0),
        "trained_to_ms": close_time(0),
        "block_rows": 60,
        "measures": tuple(measure_reference(each) for each in MEASURES),
        "features": feature_reference(),
    }
    return DriftReference(**(defaults | fields))


def drift_report(minute: int = 0, **fields: Any) -> DriftReport:
    """Return a report of model m1 without a reason to retrain."""
    measure = MeasureDrift(
        measure="log_loss",
        armed=True,
        reference=1.0,
        limit=1.03,
        live=1.02,
        lower=0.9,
        labels=300,
        alarm=False,
    )
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "strategy": "ensemble",
        "model_version": "m1",
        "event_time_ms": close_time(minute),
        "trained_to_ms": close_time(0),
        "age_days": minute / 1440,
        "max_age_days": 30.0,
        "measures": (measure,),
        "features_ms": None,
        "reasons": (),
        "raised": False,
    }
    return DriftReport(**(defaults | fields))


def feature_drift(minute: int = 0, **fields: Any) -> FeatureDrift:
    """Return a look at two features of model m1, the second of which has shifted."""
    still = FeatureShift(
        name="rsi_14", psi=0.05, psi_95=0.1, ks=0.05, ks_95=0.1, e_value=0.5, drifted=False
    )
    moved = still.model_copy(
        update={"name": "natr_14", "psi": 0.6, "e_value": 350.0, "drifted": True}
    )
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "strategy": "ensemble",
        "model_version": "m1",
        "event_time_ms": close_time(minute),
        "from_ms": close_time(0),
        "rows": 500,
        "features": (still, moved),
    }
    return FeatureDrift(**(defaults | fields))


def market_context(**fields: Any) -> MarketContext:
    """Return a bar that rises from 100 to 100.5 and does not reach the levels of ``signal``."""
    defaults: dict[str, Any] = {
        "open": 100.0,
        "close": 100.5,
        "natr": 0.002,
        "volume_to_median": 1.5,
        "higher_direction": 1.0,
        "high": 100.6,
        "low": 99.9,
    }
    return MarketContext(**(defaults | fields))


def expected_returns(low: float = 0.003, mean: float = 0.004) -> ExpectedReturns:
    """Return what a long call earned; a short one earned the opposite."""
    high = 2 * mean - low
    return ExpectedReturns(
        long=ReturnBounds(mean=mean, low=low, high=high),
        short=ReturnBounds(mean=-mean, low=-high, high=-low),
    )


def prediction(
    minute: int = 0,
    probabilities: tuple[float, float, float] = (0.05, 0.05, 0.9),
    **fields: Any,
) -> Prediction:
    """Return a confident buy; ``probabilities`` are (sell, neutral, buy)."""
    sell, neutral, buy = probabilities
    chances = ClassProbabilities(sell=sell, neutral=neutral, buy=buy)
    defaults: dict[str, Any] = {
        "prediction_id": f"prediction-{minute}",
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute),
        "available_time_ms": close_time(minute),
        "strategy": "ensemble",
        "model_version": "m1",
        "qualified": True,
        "feature_set_id": FEATURE_SET,
        "probabilities": chances,
        "members": {"xgboost": chances, "lstm": chances},
        "member_weights": {"xgboost": 0.55, "lstm": 0.45},
        "strategy_weights": {
            "bull_specialist": 0.6,
            "bear_specialist": 0.1,
            "sideways_specialist": 0.3,
        },
        "regime": RegimeView(
            bull=0.6, bear=0.2, sideways=0.2, entropy=0.865, trend_state="TRENDING"
        ),
        "context": market_context(),
        "horizon_bars": 15,
        "threshold": 0.002,
        "device": "cpu",
    }
    return Prediction(**(defaults | fields))


def signal(minute: int = 0, **fields: Any) -> Signal:
    """Return the graded A+ buy of ``prediction(minute)``."""
    source = prediction(minute).model_copy(update={"symbol": fields.get("symbol", "BTCUSDT")})
    shared = {name: getattr(source, name) for name in Signal.model_fields if hasattr(source, name)}
    defaults: dict[str, Any] = {
        "signal_id": f"signal-{source.symbol}-{minute}",
        "prediction_id": f"prediction-{source.symbol}-{minute}",
        "direction": "buy",
        "confidence": 0.9,
        "grade": "A+",
        "confirmations": (Confirmation(name="entropy", passed=True, detail="0.86"),),
        "expires_ms": close_time(minute + 15),
        "reference_price": 100.5,
        "risk_approved": False,
        "risk_checks": tuple(
            RiskCheck(name=name, outcome="warn", detail="no account is connected")
            for name in ("position_limit", "concentration", "daily_loss_limit")
        ),
        "risk_notes": ("spread is unknown",),
    }
    return Signal(**(shared | defaults | fields))


def prediction_answer(minute: int = 0, **fields: Any) -> PredictionAnswer:
    """Return the answer that ``signal(minute)`` gives, a quarter of a bar after its close."""
    source = signal(minute)
    names = PredictionAnswer.model_fields
    shared = {name: getattr(source, name) for name in names if hasattr(source, name)}
    defaults: dict[str, Any] = {
        "correlation_id": f"request-{minute}",
        "bar_time_ms": source.event_time_ms,
        "event_time_ms": close_time(minute) + MINUTE_MS // 4,
        "client": "127.0.0.1",
        "replica": "gateway-test-8080",
        "as_of_ms": None,
        "model_override": None,
        "action": "BUY",
        "explanation_status": "not_requested",
        "stale": False,
        "age_bars": 0.25,
        "regime_parameters_version": source.regime.parameters_version,
        "latency_ms": 0.4,
    }
    return PredictionAnswer(**(shared | defaults | fields))


def scored(minute: int = 0, **fields: Any) -> ScoredSignal:
    """Return the score of ``signal(minute)``: a hit that returned 0.3 % net."""
    symbol = fields.get("symbol", "BTCUSDT")
    defaults: dict[str, Any] = {
        "signal_id": f"signal-{symbol}-{minute}",
        "symbol": symbol,
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute + 15),
        "available_time_ms": close_time(minute + 15),
        "signal_time_ms": close_time(minute),
        "model_version": "m1",
        "qualified": True,
        "direction": "buy",
        "grade": "A+",
        "confidence": 0.9,
        "probabilities": ClassProbabilities(sell=0.05, neutral=0.05, buy=0.9),
        "outcome": "buy",
        "hit": True,
        "entry_price": 100.0,
        "exit_price": 100.4,
        "gross_return": 0.004,
        "cost": 0.001,
        "funding": 0.0,
        "net_return": 0.003,
        "brier": 0.015,
        "log_loss": 0.105,
        "regime": "bull",
    }
    return ScoredSignal(**(defaults | fields))


def score_totals(*scores: ScoredSignal) -> ScoreTotals:
    """Return the totals of some scores of one symbol, or of ``scored()``."""
    return add_scores(None, scores or (scored(),))


def idea_event(minute: int = 0, **fields: Any) -> IdeaEvent:
    """Return the decision to buy on ``signal(minute)``."""
    symbol = fields.get("symbol", "BTCUSDT")
    defaults: dict[str, Any] = {
        "idea_id": f"idea-{symbol}-{minute}",
        "action": "decided",
        "strategy": "ensemble",
        "symbol": symbol,
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute),
        "available_time_ms": close_time(minute),
        "signal_id": f"signal-{symbol}-{minute}",
        "model_version": "m1",
        "config_id": None,
        "qualified": True,
        "side": "buy",
        "grade": "A+",
        "confidence": 0.9,
        "regime": "bull",
        "rank": 87.5,
        "expected_net_return": ReturnBounds(mean=0.004, low=0.003, high=0.005),
        "reference_price": 100.5,
        "stop_price": 100.2,
        "target_price": 100.9,
        "opened_ms": close_time(minute),
        "expires_ms": close_time(minute + 15),
    }
    return IdeaEvent(**(defaults | fields))


def closed_idea(minute: int = 0, **fields: Any) -> IdeaEvent:
    """Return the idea of ``idea_event(minute)`` after three bars, at its target."""
    defaults: dict[str, Any] = {
        "action": "closed",
        "event_time_ms": close_time(minute + 3),
        "available_time_ms": close_time(minute + 3),
        "entry_price": 100.4,
        "risk": 0.002,
        "closed_ms": close_time(minute + 3),
        "exit_price": 100.9,
        "exit_reason": "target",
        "gross_return": 0.005,
        "cost": 0.0012,
        "funding": 0.0001,
        "net_return": 0.0037,
        "r_multiple": 1.85,
        "adverse_excursion": 0.001,
        "favourable_excursion": 0.005,
    }
    return idea_event(minute, **(defaults | fields))


def suppressed_totals(minute: int = 0, **fields: Any) -> SuppressedTotals:
    """Return the totals after ``signal(minute)``, which was not worth its costs."""
    symbol = fields.get("symbol", "BTCUSDT")
    defaults: dict[str, Any] = {
        "subject": f"ensemble/{symbol}/{MINUTE_MS}",
        "strategy": "ensemble",
        "symbol": symbol,
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute),
        "available_time_ms": close_time(minute),
        "from_ms": close_time(0),
        "decided": 2,
        "reasons": {"neutral": 7, "edge": 5, "open": 1},
        "signal_id": f"signal-{symbol}-{minute}",
        "reason": "edge",
        "direction": "buy",
        "grade": "C",
        "expected_net_return": ReturnBounds(mean=0.0002, low=-0.0005, high=0.0009),
    }
    return SuppressedTotals(**(defaults | fields))


def explanation(minute: int = 0, **fields: Any) -> Explanation:
    """Return the explanation of ``signal(minute)``: one driver for, one against."""
    symbol = fields.get("symbol", "BTCUSDT")
    defaults: dict[str, Any] = {
        "explanation_id": f"explanation-{symbol}-{minute}",
        "prediction_id": f"prediction-{symbol}-{minute}",
        "signal_id": f"signal-{symbol}-{minute}",
        "symbol": symbol,
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(minute),
        "available_time_ms": close_time(minute),
        "model_version": "m1",
        "explained_class": "buy",
        "positive": (Driver(feature="rsi_14", value=55.0, contribution=0.4),),
        "negative": (Driver(feature="natr_14", value=0.002, contribution=-0.1),),
        "base_value": 0.1,
        "methods": {"xgboost": "TreeSHAP, path dependent"},
        "additivity_gap": {"xgboost": 1e-7},
        "sentence": "RSI speaks for a buy, volatility against it.",
    }
    return Explanation(**(defaults | fields))


def system_event(kind: EventKind = "process_degraded", **fields: Any) -> SystemEvent:
    """Return an event of the inference process."""
    defaults: dict[str, Any] = {
        "event_id": f"{kind}-{fields.get('event_time_ms', START_MS)}",
        "kind": kind,
        "severity": SEVERITY[kind],
        "subject": "inference",
        "event_time_ms": START_MS,
        "text": f"inference says {kind}",
    }
    return SystemEvent(**(defaults | fields))


def status(process: str = "inference", **fields: Any) -> WorkerStatus:
    """Return the status of a running inference worker with one loaded model."""
    defaults: dict[str, Any] = {
        "process": process,
        "event_time_ms": START_MS,
        "state": "running",
        "models": (
            LoadedModel(
                name="ensemble",
                version="m1",
                loaded_at_ms=START_MS,
                device="cpu",
                parameters=2_456_789,
                qualified=True,
                load_seconds=0.25,
            ),
        ),
        "device": "cpu",
    }
    return WorkerStatus(**(defaults | fields))


def registered(**fields: Any) -> ModelRegistered:
    """Return a qualified model that was trained on the ten hours before the start."""
    defaults: dict[str, Any] = {
        "strategy": "ensemble",
        "model_version": "m1",
        "request_id": "bootstrap",
        "event_time_ms": START_MS,
        "timeframe_ms": MINUTE_MS,
        "symbols": ("BTCUSDT",),
        "trained_from_ms": START_MS - 600 * MINUTE_MS,
        "trained_to_ms": START_MS,
        "feature_set_id": FEATURE_SET,
        "feature_names": ("rsi_14", "natr_14"),
        "horizon_bars": 15,
        "uri": "file:///models/m1",
        "files": (ModelFile(role="manifest", path="manifest.json", sha256="0" * 64, size_bytes=2),),
        "metrics": ModelMetrics(
            rows=600,
            folds=5,
            log_loss=1.0,
            prior_log_loss=1.05,
            brier=0.6,
            accuracy=0.5,
            macro_f1=0.4,
            calibration_error=0.02,
        ),
        "gates": {"log_loss": True},
        "qualified": True,
        "regimes": (regime_parameters(),),
    }
    return ModelRegistered(**(defaults | fields))


def reliability() -> tuple[ConfidenceBin, ...]:
    """Return two ranges of confidence; of the second there are too few blocks of time."""
    return (
        ConfidenceBin(rows=480, confidence=0.46, hit_rate=0.45, interval=(0.4, 0.5)),
        ConfidenceBin(rows=20, confidence=0.55, hit_rate=0.7),
    )


def equity_curve() -> ModelEquity:
    """Return one unit that falls, then ends above its start."""
    times_ms = tuple(START_MS + hour * 60 * MINUTE_MS for hour in range(4))
    return ModelEquity(times_ms=times_ms, equity=(1.0, 0.98, 1.03, 1.03), trades=2)


def training_budget(**fields: Any) -> TrainingBudget:
    """Return a budget of which one retraining of an hour ago is used."""
    defaults: dict[str, Any] = {
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "trained_ms": (START_MS - HOUR_MS,),
        "rejected": 0,
        "training_id": None,
        "cause": None,
        "training_since_ms": None,
        "policy": RetrainingPolicy(),
        "config_id": None,
    }
    return TrainingBudget(**(defaults | fields))


def comparison(champion: str = "m1", **fields: Any) -> ModelComparison:
    """Return a comparison with a champion, whose challenger is better."""
    defaults: dict[str, Any] = {
        "champion": champion,
        "rows": 500,
        "metrics": (),
        "difference": 0.01,
        "verdict": "promote",
        "reasons": ("log-loss is lower by 0.01",),
    }
    return ModelComparison(**(defaults | fields))


def model_command(action: ModelAction, minute: int = 0, **fields: Any) -> ModelCommand:
    """Return a command at a minute, of market and wall time alike."""
    defaults: dict[str, Any] = {
        "command_id": f"{action}-{minute}",
        "event_time_ms": close_time(minute),
        "market_ms": close_time(minute),
        "by": "test",
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "action": action,
    }
    return ModelCommand(**(defaults | fields))


def challenge_command(action: str = "create", minute: int = 0, **fields: Any) -> ChallengeCommand:
    """Return a command at a minute, of market and wall time alike; m2 challenges m1."""
    defaults: dict[str, Any] = {
        "command_id": f"{action}-{minute}",
        "event_time_ms": close_time(minute),
        "market_ms": close_time(minute),
        "by": "test",
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "action": action,
    }
    if action == "create":
        defaults |= {
            "effective_from_ms": close_time(minute + 1),
            "champion": registered(model_version="m1", horizon_bars=2),
            "challenger": registered(model_version="m2", horizon_bars=2),
            "min_trades": 2,
        }
    return ChallengeCommand(**(defaults | fields))


def challenge_trade(number: int = 0, variant: str = "champion", **fields: Any) -> ChallengeTrade:
    """Return a trade of two minutes; ``number`` tells it from others of its variant."""
    defaults: dict[str, Any] = {
        "trade_id": f"{variant}-{number}",
        "variant": variant,
        "net_return": 0.01,
        "opened_ms": close_time(2 + 2 * number),
        "closed_ms": close_time(4 + 2 * number),
    }
    return ChallengeTrade(**(defaults | fields))


def challenge(**fields: Any) -> Challenge:
    """Return an active challenge of m2 to m1 on what they predict."""
    defaults: dict[str, Any] = {
        "challenge_id": "challenge-0123456789ab",
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "number": 1,
        "status": "active",
        "champion": "m1",
        "challenger": "m2",
        "basis": "log_loss",
        "symbols": ("BTCUSDT",),
        "horizon_bars": 2,
        "block_bars": 24,
        "alpha": 0.025,
        "family": "normal_mixture_of_blocks",
        "min_trades": 100,
        "automatic": False,
        "config_id": "v1-0123abcd",
        "created_ms": close_time(0),
        "deadline_ms": close_time(0) + 30 * DAY_MS,
        "from_ms": close_time(1),
    }
    return Challenge(**(defaults | fields))


def challenge_event(**fields: Any) -> ChallengeEvent:
    """Return that a challenge was created."""
    defaults: dict[str, Any] = {
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(0),
        "action": "created",
        "challenge": challenge(),
        "by": "test",
        "command_id": "create-0",
        "model": registered(model_version="m2"),
    }
    return ChallengeEvent(**(defaults | fields))


def challenge_outcome(block: int = 0, gain: float = 1.0, **fields: Any) -> ChallengeOutcome:
    """Return how both models did on a block of 24 bars: each made one call."""
    defaults: dict[str, Any] = {
        "strategy": "ensemble",
        "challenge_id": "challenge-0123456789ab",
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(24 * (block + 1) + 2),
        "block": block,
        "rows": 24,
        "gain": gain,
        "champion": ReturnTotals(trades=1, wins=0, mean=-0.001),
        "challenger": ReturnTotals(trades=1, wins=1, mean=0.002),
    }
    return ChallengeOutcome(**(defaults | fields))


def shadow_prediction(minute: int = 0, **fields: Any) -> ShadowPrediction:
    """Return what both models say of a bar: the champion buys, the challenger does not know."""
    champion = fields.pop("champion", None) or prediction(minute, horizon_bars=2)
    challenger = prediction(minute, (0.3, 0.4, 0.3), model_version="m2", horizon_bars=2)
    defaults: dict[str, Any] = {
        "challenge_id": "challenge-0123456789ab",
        "strategy": "ensemble",
        "symbol": champion.symbol,
        "timeframe_ms": champion.timeframe_ms,
        "event_time_ms": champion.event_time_ms,
        "available_time_ms": champion.available_time_ms,
        "block": minute // 24,
        "champion": champion,
        "challenger": challenger,
    }
    return ShadowPrediction(**(defaults | fields))


def shadow_signals(minute: int = 0, **fields: Any) -> ShadowSignals:
    """Return what both models say of a bar as signals; both buy."""
    champion = fields.pop("champion", None) or signal(minute)
    defaults: dict[str, Any] = {
        "challenge_id": "challenge-0123456789ab",
        "strategy": "ensemble",
        "symbol": champion.symbol,
        "timeframe_ms": champion.timeframe_ms,
        "event_time_ms": champion.event_time_ms,
        "champion": champion,
        "challenger": champion.changed({"model_version": "m2", "signal_id": f"m2-{minute}"}),
    }
    return ShadowSignals(**(defaults | fields))


def shadow_result(variant: str = "challenger", **fields: Any) -> ShadowResult:
    """Return what an idea of one of the models of ``challenge()`` came to."""
    defaults: dict[str, Any] = {
        "challenge_id": "challenge-0123456789ab",
        "strategy": "ensemble",
        "symbol": "BTCUSDT",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(1),
        "variant": variant,
        "result": trade_result(kind="paper", trade_id=f"{variant}-1", exit_reason="target"),
    }
    return ShadowResult(**(defaults | fields))


def serving(**fields: Any) -> ModelServing:
    """Return ``registered()`` in service from two bars after the start."""
    defaults: dict[str, Any] = {
        "strategy": "ensemble",
        "event_time_ms": START_MS,
        "effective_from_ms": START_MS + 2 * MINUTE_MS,
        "model": registered(),
        "reason": "bootstrap",
    }
    return ModelServing(**(defaults | fields))


def optimize_spec(**fields: Any) -> OptimizeSpec:
    """Return a grid of 2 windows x 3 thresholds on BTCUSDT."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "window_range": {"min": 10, "max": 20, "step": 10},
        "signal_range": {"min": 0.5, "max": 1.5, "step": 0.5},
    }
    return OptimizeSpec(**(defaults | fields))


def backtest_request(job_id: str = "job-1", **fields: Any) -> BacktestRequest:
    """Return a request for ``optimize_spec()``."""
    defaults: dict[str, Any] = {
        "request_id": job_id,
        "event_time_ms": START_MS,
        "spec": optimize_spec(),
    }
    return BacktestRequest(**(defaults | fields))


def job_progress(job_id: str = "job-1", trial: int = 3, **fields: Any) -> JobProgress:
    """Return the progress of ``backtest_request()`` after some of its six trials."""
    defaults: dict[str, Any] = {
        "job_id": job_id,
        "event_time_ms": START_MS + trial,
        "sequence": trial,
        "stage": "progress" if trial else "init",
        "trial": trial,
        "total": 6,
        "best": 0.5 if trial else None,
    }
    return JobProgress(**(defaults | fields))


def job_result(job_id: str = "job-1", **fields: Any) -> JobResult:
    """Return the result of ``backtest_request()``."""
    defaults: dict[str, Any] = {
        "job_id": job_id,
        "kind": "optimize",
        "event_time_ms": START_MS + 1_000,
        "status": "done",
        "trials": 6,
        "seconds": 0.25,
        "spec": optimize_spec().model_dump(mode="json"),
        "result": {"trials": 6, "top": [{"window": 10, "signal": 0.5, "sharpe": 0.5}]},
        "git_commit": "c0ffee123456",
        "trace_id": "trace-1",
    }
    return JobResult(**(defaults | fields))


def mlflow_run(subject: str = "model/m1", **fields: Any) -> MlflowRun:
    """Return the run of a model that serves."""
    defaults: dict[str, Any] = {
        "subject": subject,
        "kind": "model",
        "event_time_ms": START_MS,
        "run_id": "5f0c",
        "experiment_id": "1",
        "experiment": "ensemble",
        "status": "FINISHED",
        "params": {"symbols": "BTCUSDT"},
        "metrics": {"log_loss": 1.0},
        "tags": {"model_version": "m1"},
        "model": "ensemble",
        "number": "1",
        "stage": "Production",
        "aliases": ("champion",),
    }
    return MlflowRun(**(defaults | fields))


def refdata(table: str = "indicator", *rows: dict[str, JsonValue]) -> RefdataTable:
    """Return a table of ``rows``, by default of one row."""
    return RefdataTable(
        table=table,
        event_time_ms=START_MS,
        version="0011223344556677",
        source=f"{table}.json",
        rows=rows or ({"name": "rsi", "label": "Relative strength index", "active": True},),
    )


CONFIG: dict[str, JsonValue] = {"strategy": {"name": "ensemble"}, "decision": {"max_entropy": 0.5}}


def config_command(action: str = "create", minute: int = 0, **fields: Any) -> ConfigCommand:
    """Return a command about version ``number`` (2: the first after the shipped one)."""
    content = fields.pop("content", CONFIG)
    number = fields.pop("number", 2)
    named: dict[str, Any] = {}
    if action != "create":
        named["config_id"] = config_id(number, content_hash(normalised(content)))
    if action == "activate":
        named["effective_from_ms"] = close_time(minute + 5)
    return ConfigCommand.model_validate(
        {
            "command_id": f"{action}-{minute}",
            "event_time_ms": close_time(minute),
            "by": "test",
            "strategy": "ensemble",
            "action": action,
            "config_data": None if action == "deprecate" else content,
            **named,
            **fields,
        }
    )


def journal_command(action: str = "add", minute: int = 0, **fields: Any) -> JournalCommand:
    """Return a command about an executed trade of ``fields``, entered at 100 and open."""
    told = {name: fields.pop(name) for name in tuple(fields) if name in JournalTrade.model_fields}
    trade = {"action": "executed", "side": "buy", "entry": "100", "opened_ms": close_time(0)} | told
    if trade.get("exit") is not None:
        trade.setdefault("closed_ms", close_time(1))
    return JournalCommand.model_validate(
        {
            "command_id": f"{action}-{minute}",
            "event_time_ms": close_time(minute),
            "by": "test",
            "strategy": "ensemble",
            "trade_id": "t1",
            "symbol": "BTCUSDT",
            "action": action,
            "trade": trade,
            **fields,
        }
    )


def trade_result(**fields: Any) -> TradeResult:
    """Return what a journalled trade earned."""
    defaults: dict[str, Any] = {
        "trade_id": "t1",
        "kind": "journal",
        "symbol": "BTCUSDT",
        "strategy": "ensemble",
        "revision": 1,
        "side": "buy",
        "opened_ms": close_time(0),
        "closed_ms": close_time(1),
        "entry_price": 100.0,
        "exit_price": 101.0,
        "quantity": None,
        "gross_return": 0.01,
        "cost": 0.001,
        "fees_assumed": True,
        "net_return": 0.009,
        "profit": None,
        "grounds": None,
    }
    return TradeResult(**(defaults | fields))


def account_position(**fields: Any) -> AccountPosition:
    """Return a long position of 0.1 BTC with 500 of profit."""
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": "long",
        "quantity": 0.1,
        "entry_price": 40_000.0,
        "mark_price": 45_000.0,
        "notional": 4_500.0,
        "unrealized_profit": 500.0,
        "liquidation_price": None,
    }
    return AccountPosition(**(defaults | fields))


def account_snapshot(**fields: Any) -> AccountSnapshot:
    """Return an account of 10,000 without positions; ``day`` changes what was booked today."""
    defaults: dict[str, Any] = {
        "venue": "simulated",
        "event_time_ms": close_time(20),
        "wallet_balance": 10_000.0,
        "unrealized_profit": 0.0,
        "equity": 10_000.0,
        "available": 10_000.0,
        "initial_margin": 0.0,
        "maintenance_margin": 0.0,
        "assets": (
            AssetBalance(
                asset="USDT", wallet_balance=10_000.0, unrealized_profit=0.0, available=10_000.0
            ),
        ),
        "positions": (),
    }
    amounts = dict.fromkeys(
        ("realized_profit", "commission", "funding", "other", "transferred"), 0.0
    )
    midnight_ms = close_time(20) // DAY_MS * DAY_MS
    day = {"from_ms": midnight_ms, **amounts, "unvalued": (), **fields.pop("day", {})}
    return AccountSnapshot(**(defaults | fields), day=DayIncome(**day))


def config_effective(minute: int = 0, **fields: Any) -> ConfigEffective:
    """Return a config whose first bar closes ``minute`` minutes after the start."""
    policy = SignalPolicy(**fields.pop("policy", {}))
    return ConfigEffective.model_validate(
        {
            "symbol": "BTCUSDT",
            "timeframe_ms": MINUTE_MS,
            "strategy": "ensemble",
            "config_id": "v1-0a1b2c3d",
            "event_time_ms": close_time(minute),
            "included": True,
            "policy": policy,
            **fields,
        }
    )


def model_policy(number: int = 1, minute: int = 0, **fields: Any) -> ModelPolicy:
    """Return what decides about models from a minute on: the defaults, of config ``number``."""
    defaults: dict[str, Any] = {
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "config_id": f"v{number}-0a1b2c3d",
        "event_time_ms": close_time(minute),
        "gates": GatesPolicy(),
        "retraining": RetrainingPolicy(),
        "specialists": SpecialistPolicy(),
    }
    return ModelPolicy(**(defaults | fields))


def training_request(number: int = 1, **fields: Any) -> TrainingRequest:
    """Return a request for the first model."""
    defaults: dict[str, Any] = {
        "request_id": f"r{number}",
        "strategy": "ensemble",
        "event_time_ms": START_MS,
        "symbols": ("BTCUSDT",),
        "timeframe_ms": MINUTE_MS,
        "from_ms": START_MS,
        "to_ms": close_time(1),
        "reason": "bootstrap",
    }
    return TrainingRequest(**(defaults | fields))


def dead_letter(record: Record, **fields: Any) -> DeadLetter:
    """Return the letter of a record that its reader refused because of a bug."""
    topic = topic_of(record)
    defaults: dict[str, Any] = {
        "topic": topic.name,
        "partition": 0,
        "offset": 3,
        "key": topic.key_of(record),
        "consumer": "reader",
        "kind": "bug",
        "cause": "KeyError: 'x'",
        "payload_base64": base64.b64encode(record.encode()).decode(),
        "event_time_ms": START_MS,
        "trace_id": "t1",
    }
    return DeadLetter(**(defaults | fields))


def letter_command(about: DeadLetter, number: int = 0, **fields: Any) -> LetterCommand:
    """Return the command to replay the ``number``-th letter of a topic."""
    defaults: dict[str, Any] = {
        "command_id": f"letter-{number}",
        "event_time_ms": close_time(number),
        "by": "ann",
        "letter_id": f"{about.topic}.dlq/0@{number}",
        "action": "replay",
        "letter": about,
    }
    return LetterCommand(**(defaults | fields))
