"""Every market with every shipped strategy, on all cores; a pair that fails stops no other."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from schemas.research import Market, PerformanceSpec
from workers.bars.arrays import Bars
from workers.bars.sources import Source
from workers.child import SPAWN
from workers.research.reports.summary import Failure, Result, summary_document
from workers.research.reports.summary_page import summary_page
from workers.storage import whole_file

UNSHOWN = ("plots", "png", "trades", "daily_pnl", "spec")  # of a result: the report has no use

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BacktestPair:
    """One market and one strategy, with the costs of ``fields`` (those of ``PerformanceSpec``)."""

    source: Source
    strategy: str
    fields: dict[str, Any]


def run_all(
    pairs: Sequence[BacktestPair],
    progress: Progress,
    run: Callable[[BacktestPair], Result | Failure] | None = None,
) -> tuple[list[Result], list[Failure]]:
    """Run the pairs on all cores; return results in order, and failures grouped by their reason.

    Args:
        pairs: What to run.
        progress: Called with how many are done, of how many.
        run: Of one pair, in a process; ``run_pair`` unless given.

    A process that dies takes down those beside it: they run again one by one, and the one that
    dies alone is the one that failed.
    """
    run = run or run_pair
    outcomes: dict[int, Result | Failure] = {}
    with _pool(min(os.cpu_count() or 1, max(len(pairs), 1))) as pool:
        futures = {pool.submit(run, pair): i for i, pair in enumerate(pairs)}
        for future in as_completed(futures):
            number = futures[future]
            if not isinstance(future.exception(), BrokenProcessPool):
                outcomes[number] = _outcome(pairs[number], future)
                progress(len(outcomes), len(pairs))
    for number, pair in enumerate(pairs):
        if number not in outcomes:
            with _pool(1) as pool:
                outcomes[number] = _outcome(pair, pool.submit(run, pair))
            progress(len(outcomes), len(pairs))
    ordered = [outcomes[number] for number in range(len(pairs))]
    failures: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in ordered:
        if isinstance(each, Failure):
            alike = each.source, each.reason
            failures[alike] = failures.get(alike, ()) + each.strategies
    grouped = [Failure(source, names, why) for (source, why), names in failures.items()]
    return [each for each in ordered if not isinstance(each, Failure)], grouped


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, mp_context=SPAWN)


def _outcome(pair: BacktestPair, future: Future[Result | Failure]) -> Result | Failure:
    error = future.exception()
    if error is None:
        return future.result()
    reason = "its process died, most likely out of memory"
    if not isinstance(error, BrokenProcessPool):
        reason = f"a bug: {type(error).__name__}: {error}"
    return Failure(pair.source.name, (pair.strategy,), reason)


def run_pair(pair: BacktestPair) -> Result | Failure:
    """Run one pair; what is wrong with its input is a failure with the reason."""
    from workers.research.performance import performance

    try:
        spec = PerformanceSpec(symbol=pair.source.symbol, strategy=pair.strategy, **pair.fields)
        result = performance(spec, _bars(pair.source, Market(**_market(spec)).model_dump_json()))
    except (ValueError, OSError) as wrong:
        return Failure(pair.source.name, (pair.strategy,), str(wrong))
    parts = {name: part for name, part in result.items() if name not in UNSHOWN}
    return parts | {"source": pair.source.name}


def _market(spec: PerformanceSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in Market.model_fields}


@lru_cache(maxsize=2)  # a process meets the strategies of one market one after another
def _bars(source: Source, market: str) -> Bars:
    return source.bars(Market.model_validate_json(market))


def write_report(
    results: Sequence[Result], failures: Sequence[Failure], folder: Path
) -> tuple[Path, Path]:
    """Write ``backtest_summary.json`` and ``backtest_report.html``; return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    summary, page = folder / "backtest_summary.json", folder / "backtest_report.html"
    document = json.dumps(summary_document(results, failures), indent=1, allow_nan=False)
    for path, text in ((summary, document + "\n"), (page, summary_page(results, failures))):
        with whole_file(path) as fresh:
            fresh.write_text(text, encoding="utf-8")
    return summary, page


def all_pairs(
    sources: Sequence[Source], strategies: Sequence[str], fields: dict[str, Any]
) -> Iterator[BacktestPair]:
    """Yield every market with every strategy."""
    for source in sources:
        for strategy in strategies:
            yield BacktestPair(source, strategy, fields)
