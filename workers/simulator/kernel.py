"""The market's random walk, compiled: blocks of bars, and the trades inside a bar.

Every draw is a hash of (key, bar, slot). So the trades of a bar can be generated without those
before it, and generating more bars never changes earlier ones.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_TRADES = 48  # aggregate trades in one bar
MIN_TRADES = 4
MEAN_TRADES = 12.0  # in a bar of ordinary turnover
BAR_MS = 60_000

# Rows of the integer block, one column a bar.
REGIME, OPEN, HIGH, LOW, CLOSE, VOLUME, TURNOVER, TAKER_VOLUME, TAKER_TURNOVER = range(9)
TRADES, RAW_TRADES, FIRST_TRADE_ID, FIRST_RAW_ID, TARGET_VOLUME = range(9, 14)
INT_ROWS = 14
# Rows of the float block.
START, END, PATH_SCALE, BUY_PROBABILITY, SIGMA, PREMIUM = range(6)
FLOAT_ROWS = 6
# Carried state.
S_REGIME, S_FAST, S_SLOW, S_PRICE, S_TRANSITORY, S_PREMIUM, S_VOLUME = range(7)
STATE_SIZE = 7
# Per-regime rows of the parameter table, one column a regime.
P_DRIFT, P_SIGMA, P_VOLUME, P_PREMIUM = range(4)
# Scalars of the model and the contract.
(
    C_FAST_PHI,
    C_FAST_SD,
    C_SLOW_PHI,
    C_SLOW_SD,
    C_OVERREACTION,
    C_REVERSION,
    C_ANCHOR_PULL,
    C_FACTOR_SHARE,
    C_PREMIUM_PHI,
    C_PREMIUM_SD,
    C_VOLUME_PHI,
    C_VOLUME_SD,
    C_TICK,
    C_STEP,
    C_ANCHOR,
    C_LOG_TURNOVER,
) = range(16)
# Columns of a trade.
T_ID, T_PRICE, T_QUANTITY, T_FIRST_RAW, T_LAST_RAW, T_TIME, T_SELL = range(7)
TRADE_COLUMNS = 7

DEGREES_OF_FREEDOM = 6  # three uniforms make one chi-squared draw; see _mixing
_SLOTS_PER_TRADE = 6
_FIRST_TRADE_SLOT = 32


@njit(uint64(uint64, uint64), cache=True)
def mix(key: np.uint64, counter: np.uint64) -> np.uint64:
    """Return a 64-bit hash of a key and a counter (splitmix64; Steele, Lea and Flood, 2014)."""
    x = key + (counter + uint64(1)) * uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> uint64(27))) * uint64(0x94D049BB133111EB)
    return x ^ (x >> uint64(31))


@njit(cache=True)
def _uniform(key: np.uint64, slot: int) -> float:
    return (float(mix(key, uint64(slot)) >> uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@njit(cache=True)
def _gaussian(key: np.uint64, slot: int) -> float:
    radius = math.sqrt(-2.0 * math.log(_uniform(key, slot)))
    return radius * math.cos(2.0 * math.pi * _uniform(key, slot + 1))


@njit(cache=True)
def _mixing(key: np.uint64, slot: int) -> float:
    """Scale that turns a Gaussian into a Student-t of 6 degrees of freedom and unit variance."""
    product = _uniform(key, slot) * _uniform(key, slot + 1) * _uniform(key, slot + 2)
    return math.sqrt((DEGREES_OF_FREEDOM - 2) / (-2.0 * math.log(product)))


@njit(cache=True)
def _next_regime(current: int, transition: Floats, draw: float) -> int:
    total = 0.0
    for j in range(transition.shape[1]):
        total += transition[current, j]
        if draw < total:
            return j
    return int(transition.shape[1]) - 1


@njit(cache=True)
def _extra_fills(key: np.uint64, trade: int) -> int:
    """Return how many raw trades an aggregate trade merges beyond its first."""
    slot = _FIRST_TRADE_SLOT + trade * _SLOTS_PER_TRADE
    return int(-1.2 * math.log(_uniform(key, slot + 5)))


@njit(cache=True)
def fill_trades(key: np.uint64, ints: Ints, floats: Floats, consts: Floats, out: Ints) -> None:
    """Write the trades of one bar: a bridge from the bar's start to its end, in trade time.

    Args:
        key: Hash of the symbol's key and the bar.
        ints: The bar's integer column; needs TRADES, the ids and TARGET_VOLUME.
        floats: The bar's float column.
        consts: Scalars of the contract.
        out: Shape (MAX_TRADES, TRADE_COLUMNS); the first TRADES rows are written. Prices are
            in ticks, quantities in steps, times in ms after the open.
    """
    n = ints[TRADES]
    weights, gaps = 0.0, 0.0
    draws = np.empty((2, n))  # of each trade's share of the volume and of the time
    for i in range(n):
        slot = _FIRST_TRADE_SLOT + i * _SLOTS_PER_TRADE
        draws[0, i] = -math.log(_uniform(key, slot + 2))
        draws[1, i] = -math.log(_uniform(key, slot + 4))
        weights += draws[0, i]
        gaps += draws[1, i]
    gaps -= math.log(_uniform(key, _FIRST_TRADE_SLOT - 1))
    log_price, elapsed, raw = floats[START], 0.0, ints[FIRST_RAW_ID]
    for i in range(n):
        slot = _FIRST_TRADE_SLOT + i * _SLOTS_PER_TRADE
        left = n - i
        step_sd = floats[PATH_SCALE] * math.sqrt((left - 1) / (left * n))
        log_price += (floats[END] - log_price) / left + step_sd * _gaussian(key, slot)
        elapsed += draws[1, i]
        sell = _uniform(key, slot + 3) >= floats[BUY_PROBABILITY]
        ticks = math.exp(log_price) / consts[C_TICK]
        weight = draws[0, i] / weights
        extra = _extra_fills(key, i)
        out[i, T_ID] = ints[FIRST_TRADE_ID] + i
        out[i, T_PRICE] = max(1, int(math.floor(ticks) if sell else math.ceil(ticks)))
        out[i, T_QUANTITY] = max(1, int(ints[TARGET_VOLUME] * weight))
        out[i, T_FIRST_RAW] = raw
        out[i, T_LAST_RAW] = raw + extra
        out[i, T_TIME] = int((BAR_MS - 1) * elapsed / gaps)
        out[i, T_SELL] = 1 if sell else 0
        raw += extra + 1


@njit(cache=True)
def bar_trades(
    keys: NDArray[np.uint64], bar: int, ints: Ints, floats: Floats, consts: Floats
) -> Ints:
    """Return the trades of a bar whose columns exist, shape (TRADES, TRADE_COLUMNS)."""
    out = np.empty((MAX_TRADES, TRADE_COLUMNS), np.int64)
    fill_trades(mix(keys[0], uint64(bar)), ints, floats, consts, out)
    return out[: ints[TRADES]]


@njit(cache=True)
def aggregate(trades: Ints, ints: Ints) -> None:
    """Sum the first ``ints[TRADES]`` trades, at least one, into the bar's column ``ints``."""
    n = ints[TRADES]
    ints[OPEN], ints[CLOSE] = trades[0, T_PRICE], trades[n - 1, T_PRICE]
    ints[HIGH], ints[LOW] = trades[0, T_PRICE], trades[0, T_PRICE]
    for row in (VOLUME, TURNOVER, TAKER_VOLUME, TAKER_TURNOVER):
        ints[row] = 0
    for i in range(n):
        price, quantity = trades[i, T_PRICE], trades[i, T_QUANTITY]
        ints[HIGH] = max(ints[HIGH], price)
        ints[LOW] = min(ints[LOW], price)
        ints[VOLUME] += quantity
        ints[TURNOVER] += price * quantity
        if trades[i, T_SELL] == 0:
            ints[TAKER_VOLUME] += quantity
            ints[TAKER_TURNOVER] += price * quantity
    ints[RAW_TRADES] = trades[n - 1, T_LAST_RAW] - trades[0, T_FIRST_RAW] + 1


@njit(cache=True)
def _walk(  # noqa: PLR0917 - compiled code takes its arrays one by one
    key: np.uint64,
    factor_key: np.uint64,
    table: Floats,
    transition: Floats,
    consts: Floats,
    state: Floats,
    ints: Ints,
    floats: Floats,
) -> None:
    """Advance the hidden state over one bar and write what the trades are drawn from."""
    regime = _next_regime(int(state[S_REGIME]), transition, _uniform(key, 0))
    state[S_REGIME] = regime
    for row, phi, sd, slot in (
        (S_FAST, consts[C_FAST_PHI], consts[C_FAST_SD], 1),
        (S_SLOW, consts[C_SLOW_PHI], consts[C_SLOW_SD], 3),
        (S_VOLUME, consts[C_VOLUME_PHI], consts[C_VOLUME_SD], 5),
    ):
        state[row] = phi * state[row] + sd * math.sqrt(1.0 - phi * phi) * _gaussian(key, slot)
    swing = state[S_FAST] + state[S_SLOW]
    swing_variance = consts[C_FAST_SD] ** 2 + consts[C_SLOW_SD] ** 2
    sigma = table[P_SIGMA, regime] * math.exp(swing - swing_variance)

    share = consts[C_FACTOR_SHARE]
    shock = math.sqrt(share) * _gaussian(factor_key, 0) + math.sqrt(1.0 - share) * _gaussian(key, 7)
    # Violent minutes are violent for every contract at once.
    mixing = _mixing(factor_key, 2)
    innovation = sigma * mixing * shock
    floats[START] = state[S_PRICE]
    state[S_PRICE] += (
        table[P_DRIFT, regime]
        - consts[C_REVERSION] * state[S_TRANSITORY]
        - consts[C_ANCHOR_PULL] * (state[S_PRICE] - consts[C_ANCHOR])
        + innovation
    )
    state[S_TRANSITORY] += (
        consts[C_OVERREACTION] * innovation - consts[C_REVERSION] * state[S_TRANSITORY]
    )
    phi, pull = consts[C_PREMIUM_PHI], table[P_PREMIUM, regime]
    state[S_PREMIUM] = pull + phi * (state[S_PREMIUM] - pull)
    state[S_PREMIUM] += consts[C_PREMIUM_SD] * math.sqrt(1.0 - phi * phi) * _gaussian(key, 9)

    activity = table[P_VOLUME, regime] + 0.8 * swing + 0.5 * math.log(mixing) + state[S_VOLUME]
    floats[END] = state[S_PRICE]
    floats[PATH_SCALE] = sigma * mixing
    floats[BUY_PROBABILITY] = 0.5 + 0.3 * math.tanh(0.7 * shock)
    floats[SIGMA] = sigma
    floats[PREMIUM] = state[S_PREMIUM]
    turnover = math.exp(consts[C_LOG_TURNOVER] + activity)
    count = int(MEAN_TRADES * math.exp(0.45 * activity))
    ints[REGIME] = regime
    ints[TRADES] = min(MAX_TRADES, max(MIN_TRADES, count))
    ints[TARGET_VOLUME] = max(
        ints[TRADES], int(turnover / math.exp(state[S_PRICE]) / consts[C_STEP])
    )


@njit(cache=True)
def skip_block(  # noqa: PLR0917 - compiled code takes its arrays one by one
    keys: NDArray[np.uint64],
    first_bar: int,
    bars: int,
    table: Floats,
    transition: Floats,
    consts: Floats,
    state: Floats,
    ids: Ints,
) -> None:
    """Advance state and ids over consecutive bars without their trades; see ``fill_block``."""
    bar_ints = np.empty(INT_ROWS, np.int64)
    bar_floats = np.empty(FLOAT_ROWS, np.float64)
    for bar in range(first_bar, first_bar + bars):
        key = mix(keys[0], uint64(bar))
        factor_key = mix(keys[1], uint64(bar))
        _walk(key, factor_key, table, transition, consts, state, bar_ints, bar_floats)
        ids[0] += bar_ints[TRADES]
        for trade in range(bar_ints[TRADES]):
            ids[1] += 1 + _extra_fills(key, trade)


@njit(cache=True)
def fill_block(  # noqa: PLR0917 - compiled code takes its arrays one by one
    keys: NDArray[np.uint64],
    first_bar: int,
    table: Floats,
    transition: Floats,
    consts: Floats,
    state: Floats,
    ids: Ints,
    ints: Ints,
    floats: Floats,
) -> None:
    """Generate consecutive bars.

    Args:
        keys: The symbol's and the common factor's key.
        first_bar: Index of the first bar since the market's epoch.
        table: Parameters by regime, shape (4, K), log units per bar.
        transition: P[i, j] = Pr(regime j at t | regime i at t-1), shape (K, K).
        consts: Scalars of the model and the contract, shape (16,).
        state: Hidden state at the first bar's open, shape (7,); advanced in place.
        ids: Next aggregate and raw trade id, shape (2,); advanced in place.
        ints: Written, shape (INT_ROWS, bars).
        floats: Written, shape (FLOAT_ROWS, bars).
    """
    trades = np.empty((MAX_TRADES, TRADE_COLUMNS), np.int64)
    bar_ints = np.empty(INT_ROWS, np.int64)
    bar_floats = np.empty(FLOAT_ROWS, np.float64)
    for i in range(ints.shape[1]):
        key = mix(keys[0], uint64(first_bar + i))
        factor_key = mix(keys[1], uint64(first_bar + i))
        _walk(key, factor_key, table, transition, consts, state, bar_ints, bar_floats)
        bar_ints[FIRST_TRADE_ID], bar_ints[FIRST_RAW_ID] = ids[0], ids[1]
        fill_trades(key, bar_ints, bar_floats, consts, trades)
        aggregate(trades, bar_ints)
        ids[0] += bar_ints[TRADES]
        ids[1] += bar_ints[RAW_TRADES]
        ints[:, i] = bar_ints
        floats[:, i] = bar_floats
