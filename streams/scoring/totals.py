"""Totals of scored signals: the track record of a symbol, however long it is."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.signals import ScoreCell, ScoreChain, ScoredSignal, ScoreGroup, ScoreTotals
from streams.confidence import bin_index


def add_scores(before: ScoreTotals | None, scores: Sequence[ScoredSignal]) -> ScoreTotals:
    """Return the totals of a symbol with more of its scores; there is at least one.

    A score without a knowable outcome counts as a signal and adds to no sum.
    """
    cells = {(cell.group, cell.bin): cell for cell in before.cells} if before else {}
    for cell in map(_cell, scores):
        place = cell.group, cell.bin
        cells[place] = _sum(cells[place], cell) if place in cells else cell
    newest = scores[-1]
    return ScoreTotals(
        subject=f"{newest.symbol}/{newest.timeframe_ms}",
        symbol=newest.symbol,
        timeframe_ms=newest.timeframe_ms,
        event_time_ms=newest.event_time_ms,
        available_time_ms=newest.available_time_ms,
        from_ms=before.from_ms if before else scores[0].signal_time_ms,
        cells=tuple(cells[place] for place in sorted(cells)),
        chains=_longer(before.chains if before else (), scores),
    )


def _cell(score: ScoredSignal) -> ScoreCell:
    known = score.hit is not None
    return ScoreCell(
        group="neutral" if score.direction == "neutral" else score.grade,
        bin=bin_index(score.confidence),
        signals=1,
        known=int(known),
        hits=int(score.hit or 0),
        confidence=score.confidence if known else 0.0,
        net_return=score.net_return or 0.0,
        brier=score.brier or 0.0,
    )


def _sum(one: ScoreCell, other: ScoreCell) -> ScoreCell:
    return ScoreCell(
        group=one.group,
        bin=one.bin,
        signals=one.signals + other.signals,
        known=one.known + other.known,
        hits=one.hits + other.hits,
        confidence=one.confidence + other.confidence,
        net_return=one.net_return + other.net_return,
        brier=one.brier + other.brier,
    )


def _longer(
    before: tuple[ScoreChain, ...], scores: Sequence[ScoredSignal]
) -> tuple[ScoreChain, ...]:
    """Return the chains with those of the scores that do not overlap the last of theirs."""
    chains = {(chain.group, chain.bin): chain for chain in before}
    longer = False
    for score in scores:
        if score.hit is None:
            continue
        for group, bin_ in _chains_of(score):
            last = chains.get((group, bin_))
            if last is None or score.signal_time_ms >= last.until_ms:
                longer = True
                promise = (score.grade_promise or 0.0) if group == score.grade else 0.0
                chains[group, bin_] = ScoreChain(
                    group=group,
                    bin=bin_,
                    until_ms=score.event_time_ms,
                    known=1 + (last.known if last else 0),
                    hits=int(score.hit) + (last.hits if last else 0),
                    promise=promise + (last.promise if last else 0.0),
                )
    if not longer:
        return before
    return tuple(
        sorted(
            chains.values(), key=lambda chain: (chain.group, -1 if chain.bin is None else chain.bin)
        )
    )


def _chains_of(score: ScoredSignal) -> tuple[tuple[ScoreGroup, int | None], ...]:
    bin_ = bin_index(score.confidence)
    if score.direction == "neutral":
        return ("neutral", None), ("neutral", bin_)
    return ("directional", None), (score.grade, None), ("directional", bin_)
