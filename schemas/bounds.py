"""What requests and records may hold: numbers have bounds, texts are valid Unicode.

Shared by the routes, the command line and the notebook, so that each refuses the same.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.symbols import canonical

LAST_MS = 7_258_118_400_000  # 2200-01-01: every calendar, column and page can hold it
MAX_COUNT = 2**53 - 1  # the largest whole number that JSON carries exactly everywhere
MAX_BARS = 10_000_000  # 19 years of minutes
MAX_VALUE = 1e12  # of a parameter or a threshold
MIN_STEP = 1e-9
MAX_SPEED = 6_000.0  # of the simulated market: a thousand minutes in ten seconds
MAX_TREND = 20.0  # of the simulated market: its price changes by a sixth in a spell of a regime
MAX_EQUITY = 1e15  # beyond, a cent of it is below the precision of a double
# Of a price or an amount: within, products and squares are finite and keep their digits.
SMALLEST, LARGEST = 1e-100, 1e100
MAX_SEED = 2**32 - 1  # what NumPy's generators take

# A text with a bound is decoded, so pydantic refuses a lone surrogate, which nothing can write.
Text = Annotated[str, Field(max_length=200)]
TimeMs = Annotated[int, Field(ge=0, le=LAST_MS)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Number = Annotated[float, Field(ge=-MAX_VALUE, le=MAX_VALUE, allow_inf_nan=False)]
Step = Annotated[float, Field(ge=MIN_STEP, le=MAX_VALUE)]
Threshold = Annotated[float, Field(ge=0, le=MAX_VALUE)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Ticker = Annotated[
    str,
    Field(
        min_length=1,
        max_length=40,
        description="Any spelling, e.g. BTC-USD",
        json_schema_extra={"pattern": "^[A-Za-z0-9]{1,20}[-/_]?(USDT|USDC|BUSD|FDUSD|USD)$"},
    ),
    AfterValidator(canonical),
]
