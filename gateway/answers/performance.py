"""How ideas, the journal and the model's calls have done: figures, groups, what a human made of it.

The three stay apart. Ideas do not overlap, and nobody chose among them; a human chose the trades of
the journal; the model calls at every bar, so that its calls overlap.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple, get_args

from gateway.answers.journal import state
from gateway.answers.trade_figures import bounds, figures
from gateway.context import AppContext
from gateway.envelope import encode, iso, raw
from gateway.views.late_outcome import LateOutcome, known_outcomes
from gateway.views.results import TradeKind
from gateway.views.scores import refuted_grades
from schemas.journal import JournalAction, JournalEntry
from schemas.signals import Grade, ScoreTotals
from schemas.timeframes import DAY_MS, HOUR_MS, timeframe_name
from streams.evaluation.decisions import followed, passed
from streams.evaluation.trade_outcome import TradeOutcome
from streams.evaluation.trade_summary import equity, summarise

Source = Literal["ideas", "journal", "calls"]
GroupBy = Literal["grade", "symbol", "timeframe", "regime", "hour", "model", "month"]
SOURCES: tuple[Source, ...] = get_args(Source)
KINDS: dict[Source, TradeKind] = {"ideas": "paper", "journal": "journal"}
GRADES: tuple[Grade, ...] = get_args(Grade)
POINTS = 500  # of an equity curve
NO_GROUP = "none"  # of trades about no signal


class Selection(NamedTuple):
    """Which trades count; None: all."""

    symbol: str | None = None
    timeframe_ms: int | None = None
    from_ms: int | None = None  # exit, inclusive
    to_ms: int | None = None  # exit, exclusive

    def has(self, one: TradeOutcome) -> bool:
        """Whether a trade counts."""
        return (
            self.symbol in (None, one.symbol)
            and self.timeframe_ms in (None, one.timeframe_ms)
            and (self.from_ms is None or self.from_ms <= one.closed_ms)
            and (self.to_ms is None or one.closed_ms < self.to_ms)
        )


@dataclass(frozen=True)
class Grouping:
    """What trades are put together by: a key that sorts, and how it is called."""

    key: Callable[[TradeOutcome], Any]
    name: Callable[[Any], str] = str


@lru_cache(maxsize=4_096)
def _month(day: int) -> str:
    return iso(day * DAY_MS)[:7]


GROUPINGS: dict[GroupBy, Grouping] = {
    "grade": Grouping(
        lambda one: one.grade and GRADES.index(one.grade) + 1, lambda n: GRADES[n - 1]
    ),
    "symbol": Grouping(lambda one: one.symbol),
    "timeframe": Grouping(lambda one: one.timeframe_ms, timeframe_name),
    "regime": Grouping(lambda one: one.regime),
    "hour": Grouping(lambda one: one.opened_ms % DAY_MS // HOUR_MS, "{:02}".format),
    "model": Grouping(lambda one: one.model_version),
    "month": Grouping(lambda one: _month(one.closed_ms // DAY_MS)),
}


async def grouped(ctx: AppContext, by: GroupBy, chosen: Selection) -> dict[str, Any]:
    """Return the body of ``/api/performance``: a row for each group that has a trade."""
    tables = {
        source: await _known(ctx, source, chosen, by, partial(_groups, source, by))
        for source in SOURCES
    }
    keys = sorted(set[Any]().union(*tables.values()), key=lambda key: (key is None, key))
    names = {key: NO_GROUP if key is None else GROUPINGS[by].name(key) for key in keys}
    refuted = await _refuted(ctx, chosen) if by == "grade" else []
    return {
        "by": by,
        "groups": [
            {
                "group": names[key],
                "refuted_in": [
                    f"{each['symbol']} {each['timeframe']}"
                    for each in refuted
                    if each["grade"] == names[key]
                ],
                **{source: tables[source].get(key) for source in SOURCES},
            }
            for key in keys
        ],
    }


async def _refuted(ctx: AppContext, chosen: Selection) -> list[dict[str, str]]:
    """Return the grades that have kept less than they promise, of the chosen markets."""
    views = ctx.views

    def make(totals: list[tuple[str, ScoreTotals]]) -> list[dict[str, str]]:
        return [
            {"symbol": each.symbol, "timeframe": timeframe_name(each.timeframe_ms), "grade": grade}
            for _, each in totals
            if chosen.symbol in (None, each.symbol)
            and chosen.timeframe_ms in (None, each.timeframe_ms)
            for grade in sorted(refuted_grades(views, each.symbol, each.timeframe_ms))
        ]

    wanted = ("refuted", chosen.symbol, chosen.timeframe_ms)
    refuted: list[dict[str, str]] = await ctx.memo.get(
        wanted, views.score_totals_changes, lambda: sorted(views.score_totals.items()), make
    )
    return refuted


async def summary(ctx: AppContext, chosen: Selection) -> dict[str, Any]:
    """Return the body of ``/api/performance/summary``."""
    now_ms = ctx.market_ms()
    return {
        "as_of_ms": now_ms,
        **await _three(ctx, chosen),
        "today": None if now_ms is None else await _today(ctx, chosen, now_ms // DAY_MS * DAY_MS),
        "equity": {source: await _known(ctx, source, chosen, "equity", _curve) for source in KINDS},
        **await _decisions(ctx, chosen),
        "refuted": await _refuted(ctx, chosen),
    }


async def journal_figures(ctx: AppContext, symbol: str | None) -> dict[str, Any]:
    """Return the body of ``/api/trades/performance``: of one symbol, or of all."""
    journal = ctx.views.journal

    def count(entries: list[JournalEntry]) -> Counter[str]:
        chosen = (entry for entry in entries if symbol in (None, entry.symbol))
        return Counter(
            state(entry) if entry.trade.action == "executed" else entry.trade.action
            for entry in chosen
        )

    counts = await ctx.memo.get(
        ("counts", symbol), journal.changes, lambda: list(journal.newest_first()), count
    )
    make = partial(_summarised, "journal")
    earned: dict[str, Any] = await _known(ctx, "journal", Selection(symbol), "fields", make)
    return earned | {name: counts[name] for name in ("open", "skipped", "missed")}


async def _three(ctx: AppContext, chosen: Selection) -> dict[str, Any]:
    return {
        source: await _known(ctx, source, chosen, "figures", partial(_encoded_figures, source))
        for source in SOURCES
    }


async def _today(ctx: AppContext, chosen: Selection, from_ms: int) -> dict[str, Any]:
    ends_ms = from_ms + DAY_MS
    ends_ms = ends_ms if chosen.to_ms is None else min(ends_ms, chosen.to_ms)
    today = chosen._replace(from_ms=max(from_ms, chosen.from_ms or 0), to_ms=ends_ms)
    return {"from_ms": from_ms, **await _three(ctx, today)}


async def _known(
    ctx: AppContext,
    source: Source,
    chosen: Selection,
    what: str,
    make: Callable[[Iterable[TradeOutcome]], Any],
) -> Any:
    """Return what is made of the outcomes of a source, once for each change of them."""

    def make_of_chosen(results: list[LateOutcome]) -> Any:
        return make(filter(chosen.has, known_outcomes(results)))

    views, kind = ctx.views, KINDS.get(source)
    results = views.calls if kind is None else partial(views.results.all_of, kind)
    version = views.calls_changes if kind is None else views.results.changes[kind]
    return await ctx.memo.get((what, source, chosen), version, results, make_of_chosen)


def _groups(source: Source, by: GroupBy, outcomes: Iterable[TradeOutcome]) -> dict[Any, Any]:
    key, groups = GROUPINGS[by].key, defaultdict[Any, list[TradeOutcome]](list)
    for one in outcomes:
        groups[key(one)].append(one)
    return {name: _encoded_figures(source, members) for name, members in groups.items()}


def _curve(outcomes: Iterable[TradeOutcome]) -> Any:
    return raw(encode(equity(outcomes, points=POINTS)))


def _encoded_figures(source: Source, outcomes: Iterable[TradeOutcome]) -> Any:
    """Return figures as they stand in an answer: encoded once, however often they are asked for."""
    return raw(encode(_summarised(source, outcomes)))


def _summarised(source: Source, outcomes: Iterable[TradeOutcome]) -> dict[str, Any]:
    held = list(outcomes)
    longest_ms = max((one.closed_ms - one.opened_ms for one in held), default=0)
    return figures(summarise(held, longest_ms if source == "calls" else 0))


async def _decisions(ctx: AppContext, chosen: Selection) -> dict[str, Any]:
    """Return what a human made of ideas that have ended, by the signal that both are about."""
    results, journal = ctx.views.results, ctx.views.journal

    def snapshot() -> tuple[list[LateOutcome], list[JournalEntry], list[LateOutcome]]:
        entries = [entry for entry in journal.newest_first() if entry.grounds is not None]
        return results.all_of("paper"), entries, results.all_of("journal")

    version = (*results.changes.values(), journal.changes)
    return dict(
        await ctx.memo.get(("decisions", chosen), version, snapshot, partial(_decided, chosen))
    )


def _decided(
    chosen: Selection, held: tuple[list[LateOutcome], list[JournalEntry], list[LateOutcome]]
) -> dict[str, Any]:
    """Return what is said of an idea once: a trade that followed it, else the newest word."""
    ideas = {one.signal_id: one for one in known_outcomes(held[0])}
    trades = {one.trade_id: one for one in known_outcomes(held[2])}
    pairs: list[tuple[TradeOutcome, TradeOutcome]] = []
    passes = dict[str, JournalAction]()
    for entry in held[1]:
        idea = None if entry.grounds is None else ideas.get(entry.grounds.signal_id)
        trade = trades.get(entry.trade_id)
        if idea is None or idea.signal_id is None:
            continue
        if entry.trade.action != "executed":
            passes.setdefault(idea.signal_id, entry.trade.action)
        elif trade is not None and _follows(entry, idea):
            pairs.append((trade, idea))
    taken = {idea.signal_id for _, idea in pairs}
    let_pass: dict[JournalAction, list[TradeOutcome]] = {"skipped": [], "missed": []}
    for signal_id, action in passes.items():
        if signal_id not in taken and chosen.has(ideas[signal_id]):
            let_pass[action].append(ideas[signal_id])
    compared = dict(vars(followed([pair for pair in pairs if chosen.has(pair[0])])))
    return {
        "followed": compared | bounds("difference", compared.pop("difference_interval")),
        **{action: vars(passed(ideas)) for action, ideas in let_pass.items()},
    }


def _follows(entry: JournalEntry, idea: TradeOutcome) -> bool:
    """Return whether a trade was entered in an idea's direction, while that was to be had."""
    grounds, trade = entry.grounds, entry.trade
    return (
        grounds is not None
        and trade.side == grounds.direction
        and grounds.event_time_ms <= trade.opened_ms <= idea.closed_ms
    )
