"""What two models of a challenge have earned so far, and whether that decides it.

On log-loss, blocks of bars are the sample: the rows of a block, of all symbols together, are one
observation. On trades that are posted it is each trade that does not overlap the one counted before
it of its variant; the two means are bounded apart.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from pydantic import Field

from schemas.blocks import BlockSums
from schemas.bounds import Count
from schemas.challenges import (
    Challenge,
    ChallengeOutcome,
    ChallengeTrade,
    Recommendation,
    Variant,
)
from schemas.record import Record
from streams.evaluation.confidence_sequence import (
    FEWEST_BLOCKS,
    add_outcome,
    blocks_to_decide,
    blocks_to_tell_apart,
    mean_sequence,
)
from streams.evaluation.interval import Interval
from streams.evaluation.trade_summary import free_after
from streams.return_totals import add_return, join

PATIENCE_BLOCKS = 4  # behind the foremost symbol: a block waits no longer for one
MAX_TRADES = 10_000  # their ids are kept while the challenge lasts
TOTALS: dict[Variant, str] = {"champion": "champion_trades", "challenger": "challenger_trades"}


class OpenBlock(Record):
    """A block for which some symbol is waited."""

    rows: Count
    gain: float


class Comparison(Record):
    """An active challenge with what its test keeps.

    Attributes:
        challenge: As it was told last.
        paired: Blocks of differences; of a challenge on log-loss.
        reached: By symbol, its newest block.
        waiting: Blocks by number that some symbol has not reached.
        posted: By variant, the trades that the test counts, each one block.
        busy_ms: By variant, when the last of them was closed.
        known: Of each trade that was posted, by the digest of its id the one of its content.
    """

    challenge: Challenge
    paired: BlockSums = BlockSums()
    reached: dict[str, int] = Field(default_factory=dict)
    waiting: dict[int, OpenBlock] = Field(default_factory=dict)
    posted: dict[Variant, BlockSums] = Field(default_factory=dict)
    busy_ms: dict[Variant, int] = Field(default_factory=dict)
    known: dict[str, str] = Field(default_factory=dict)


class ChallengeFinding(NamedTuple):
    """What a challenge comes to, and why."""

    recommendation: Recommendation
    reason: str


def take_outcome(before: Comparison, outcome: ChallengeOutcome) -> Comparison | None:
    """Return the comparison with one more block of a symbol; None for one that was taken."""
    if outcome.block <= before.reached.get(outcome.symbol, -1):
        return None
    reached = before.reached | {outcome.symbol: outcome.block}
    waiting = dict(before.waiting)
    if outcome.block >= before.paired.block:
        block = waiting.get(outcome.block, OpenBlock(rows=0, gain=0.0))
        waiting[outcome.block] = OpenBlock(
            rows=block.rows + outcome.rows, gain=block.gain + outcome.gain
        )
    slowest = min(reached.get(symbol, -1) for symbol in before.challenge.symbols)
    complete = max(slowest, max(reached.values()) - PATIENCE_BLOCKS)
    paired = before.paired
    for number in sorted(n for n in waiting if n <= complete):
        paired = _whole(paired, number, waiting.pop(number))
    challenge = before.challenge
    changes = {
        "champion_trades": join(challenge.champion_trades, outcome.champion),
        "challenger_trades": join(challenge.challenger_trades, outcome.challenger),
        "outcomes": challenge.outcomes + outcome.rows,
        "blocks": paired.blocks,
    }
    if paired.blocks > before.paired.blocks:
        changes |= _estimate(mean_sequence(paired, 1.0 - challenge.alpha), _gain(paired))
        more = blocks_to_decide(paired, 1.0 - challenge.alpha)
        changes["more_bars"] = None if more is None else more * challenge.block_bars
    return before.changed(
        {
            "challenge": challenge.changed(changes),
            "paired": paired,
            "reached": reached,
            "waiting": waiting,
        }
    )


def _whole(sums: BlockSums, number: int, block: OpenBlock) -> BlockSums:
    """Return the sums with a block that is complete: what opens the next one closes it."""
    return add_outcome(add_outcome(sums, number, block.gain, block.rows), number + 1, 0.0, 0)


def _gain(paired: BlockSums) -> float:
    return paired.amount_mean / paired.count_mean


def known_trade(comparison: Comparison, trade: ChallengeTrade) -> bool | None:
    """Return whether a trade was posted as it is; False: another of its id; None: it is new."""
    content = comparison.known.get(_digest(trade.trade_id))
    return None if content is None else content == _content(trade)


def is_apart(comparison: Comparison, trade: ChallengeTrade) -> bool:
    """Return whether a trade was opened after those of its model that the test counts."""
    return trade.opened_ms >= comparison.busy_ms.get(trade.variant, 0)


def take_trade(before: Comparison, trade: ChallengeTrade) -> Comparison:
    """Return the comparison with a trade that is new."""
    challenge, variant = before.challenge, trade.variant
    posted, busy_ms = before.posted, before.busy_ms
    changes: dict[str, object] = {
        TOTALS[variant]: add_return(getattr(challenge, TOTALS[variant]), trade.net_return),
        "outcomes": challenge.outcomes + 1,
    }
    if is_apart(before, trade):
        sums = posted.get(variant, BlockSums())
        one = OpenBlock(rows=1, gain=trade.net_return)
        posted = posted | {variant: _whole(sums, max(sums.block, 0), one)}
        busy_ms = busy_ms | {variant: free_after(trade.opened_ms, trade.closed_ms)}
        champion, challenger = (posted.get(each, BlockSums()) for each in TOTALS)
        changes["blocks"] = champion.blocks + challenger.blocks
        changes |= _estimate(
            _difference(champion, challenger, challenge.alpha),
            challenger.amount_mean - champion.amount_mean
            if champion.blocks and challenger.blocks
            else None,
        )
        changes["more_trades"] = _more_trades(challenge.changed(changes), champion, challenger)
    return before.changed(
        {
            "challenge": challenge.changed(changes),
            "posted": posted,
            "busy_ms": busy_ms,
            "known": before.known | {_digest(trade.trade_id): _content(trade)},
        }
    )


def _difference(champion: BlockSums, challenger: BlockSums, alpha: float) -> Interval | None:
    """Return where the challenger's mean less the champion's lies: each at half of the error."""
    level = 1.0 - alpha / 2.0
    ours, theirs = mean_sequence(challenger, level), mean_sequence(champion, level)
    if ours is None or theirs is None:
        return None
    return Interval(ours.low - theirs.high, ours.high - theirs.low, 1.0 - alpha)


def _more_trades(challenge: Challenge, champion: BlockSums, challenger: BlockSums) -> int | None:
    """Return how many more trades of both together decide: to bound the gain, and to be enough."""
    more = blocks_to_tell_apart(challenger, champion, 1.0 - challenge.alpha / 2.0)
    totals = (challenge.champion_trades, challenge.challenger_trades)
    lacking = sum(max(challenge.min_trades - each.trades, 0) for each in totals)
    return None if more is None else max(more, lacking)


def _estimate(interval: Interval | None, gain: float | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {"gain": gain, "low": low, "high": high}


def verdict(challenge: Challenge) -> ChallengeFinding:
    """Return what the evidence of a challenge says; it may be asked after every outcome."""
    counts = {
        "champion": challenge.champion_trades.trades,
        "challenger": challenge.challenger_trades.trades,
    }
    fewest = min(counts, key=lambda variant: counts[variant])
    if counts[fewest] < challenge.min_trades:
        return ChallengeFinding(
            "INCONCLUSIVE",
            f"{counts[fewest]} trades of the {fewest}, expected {challenge.min_trades} of each",
        )
    low, high = challenge.low, challenge.high
    if low is None or high is None:
        of = "blocks" if challenge.basis == "log_loss" else "trades that do not overlap"
        return ChallengeFinding(
            "INCONCLUSIVE",
            f"{challenge.blocks} {of} do not bound the gain yet, expected {FEWEST_BLOCKS} or more "
            "that differ",
        )
    bounds = f"the gain lies within {low:.3g} and {high:.3g} at {1.0 - challenge.alpha:.1%}"
    if low > 0.0:
        return ChallengeFinding("PROMOTE_CHALLENGER", f"the challenger is better: {bounds}")
    if high < 0.0:
        return ChallengeFinding("KEEP_CHAMPION", f"the champion is better: {bounds}")
    return ChallengeFinding("INCONCLUSIVE", f"neither is better yet: {bounds}")


def _digest(text: str, digits: int = 16) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _content(trade: ChallengeTrade) -> str:
    return _digest(trade.encode().decode(), 8)
