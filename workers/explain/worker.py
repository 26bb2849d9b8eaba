"""The explain process: attributes predictions with the models that made them."""

from __future__ import annotations

import time
from functools import partial

from schemas.models import ModelChanged
from schemas.status import LoadedModel
from streams.runtime.heartbeat import heartbeat
from streams.runtime.settings import KafkaSettings
from streams.runtime.wall_clock import wall_ms
from workers.explain.allowance import NeutralAllowance
from workers.explain.attribution import load_explainable
from workers.explain.on_demand import follow_requests
from workers.explain.processor import ExplainableModels, explain_processor
from workers.model_watch import ModelWatch, run_with_models
from workers.models import lstm_attribution, treeshap
from workers.settings import Settings


def run(_settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    treeshap.warm_up()
    lstm_attribution.warm_up()

    def load(change: ModelChanged) -> LoadedModel:
        began = time.monotonic()
        model = load_explainable(change.model)
        explainable.put(model)
        return LoadedModel(
            name=model.manifest.strategy,
            version=model.version,
            loaded_at_ms=wall_ms(),
            device="cpu",
            parameters=model.parameters,
            qualified=change.model.qualified,
            load_seconds=time.monotonic() - began,
            timeframe_ms=model.manifest.timeframe_ms,
        )

    watch = ModelWatch(kafka, "explain", load)
    explainable = ExplainableModels(watch.readiness.wait_for)
    allowance = NeutralAllowance(lambda behind: watch.status.falls_short(behind_text(behind)))
    heartbeat.call(allowance.refill)  # so that an idle process says that it keeps up again
    on_demand = partial(follow_requests, explainable, kafka, wall_ms, watch.stop)
    return run_with_models(explain_processor(explainable, allowance), watch, kafka, on_demand)


def behind_text(behind: int) -> str:
    """Return what a status says of neutral predictions that were passed over; empty for none."""
    if not behind:
        return ""
    return (
        f"not explained: the explain process was {behind} neutral predictions behind; "
        "each is explained when asked for"
    )
