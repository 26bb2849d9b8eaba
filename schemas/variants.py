"""Other ways to make the forests of a model, each beside the simpler one out of sample."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.bounds import Count
from schemas.record import Milliseconds, Record

Variant = Literal["search", "features", "symbols"]
MOST_TRIALS = 500  # of one fold

SearchTrials = Annotated[
    int, Field(ge=0, le=MOST_TRIALS, description="Of each fold and of all rows; 0: no search")
]


class TrainingPolicy(Record):
    """What a training tries beside its defaults; a part of a strategy's config."""

    search_trials: SearchTrials = 0
    select_features: bool = Field(
        default=True, description="Whether each symbol may have features of its own"
    )
    split_symbols: bool = Field(
        default=True, description="Whether each symbol may have a forest of its own"
    )


class FoldSearch(Record):
    """A search for the forest's parameters, on the training rows of one fold alone."""

    cut_ms: Milliseconds = Field(description="When the last label that it may use was known")
    rows: Count = Field(description="That it fitted and judged on")
    trials: Count = Field(description="That ended; the defaults are none of them")
    parameters: dict[str, float] = Field(description="That were chosen; empty: the defaults")
    default_log_loss: float = Field(description="Of the defaults, inside the fold")
    log_loss: float = Field(description="Of what was chosen, on the same rows")


class VariantTest(Record):
    """One way to make the forests beside the simpler one, on the same rows out of sample."""

    variant: Variant
    rows: Count
    trials: Count = Field(description="Configurations that it tried")
    log_loss: float
    default_log_loss: float = Field(description="Of the simpler way")
    difference: float = Field(description="Simpler less this, nats a row: above 0 is better")
    interval: tuple[float, float] | None = Field(
        default=None, description="Of that mean, blocks of time resampled; null: too few blocks"
    )
    level: float = Field(gt=0.0, lt=1.0, description="Of the interval; shared out over the tests")
    kept: bool = Field(description="Whether the model is made this way")
    reason: str = Field(description="One sentence for people")
    searches: tuple[FoldSearch, ...] = Field(default=(), description="By fold; the last: all rows")
