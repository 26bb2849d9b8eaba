"""What a report asks for: another training, or that the model before serves again."""

from __future__ import annotations

from schemas.drift import DriftReport
from schemas.ids import derived_id
from schemas.topics import MODEL_COMMANDS
from schemas.versions import ModelCommand


def rollback(report: DriftReport) -> ModelCommand:
    """Return the command that a harmful model gives way, the same from every symbol."""
    harm = next(each for each in report.measures if each.measure == "log_loss")
    line = report.strategy, report.timeframe_ms, report.model_version
    return ModelCommand(
        command_id=derived_id(MODEL_COMMANDS.name, *line, "rollback"),
        event_time_ms=report.event_time_ms,  # a step sees no wall clock
        by="drift",
        reason=f"{report.symbol}: log-loss of {report.model_version} is at least {harm.lower:.4f}, "
        f"expected at most {harm.limit:.4f} ({report.config_id or 'default'}: drift)",
        strategy=report.strategy,
        timeframe_ms=report.timeframe_ms,
        action="rollback",
        market_ms=report.event_time_ms,
        replaces=report.model_version,
    )


def retraining(report: DriftReport) -> ModelCommand:
    """Return the command to train again for the reasons of a report."""
    market = report.symbol, report.timeframe_ms, report.event_time_ms
    return ModelCommand(
        command_id=derived_id(MODEL_COMMANDS.name, *market, report.model_version),
        event_time_ms=report.event_time_ms,  # a step sees no wall clock
        by="drift",
        reason=f"{report.symbol}: {', '.join(report.reasons)} of {report.model_version}",
        strategy=report.strategy,
        timeframe_ms=report.timeframe_ms,
        action="retrain",
        market_ms=report.event_time_ms,
        cause="age" if report.reasons == ("age",) else "drift",
    )
