"""The continuity ledger: bars present, missing, repaired, suspect, in files and topics. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from schemas.market import Bar, LedgerEntry, LedgerKind
from schemas.timeframes import timeframe_name
from workers.bars.bar_files import PRICES, BarFile, read_bars
from workers.bars.bar_names import file_part, parse_subject
from workers.bars.markers import Funding, finding, interval_findings, late_finding, nominal
from workers.bars.table_files import (
    BarFileRejected,
    has_table_name,
    read_numbers,
    read_table,
    read_times,
    require_columns,
)

VOLUME_TOLERANCE = 1e-9  # relative; sums of decimals in float64
SUSPECT: tuple[LedgerKind, ...] = (
    "partial",
    "volume_mismatch",
    "price_mismatch",
    "stall",
    "correction",
)


@dataclass(frozen=True)
class Holding:
    """What one file, or one symbol and timeframe of the topics, holds."""

    name: str
    symbol: str
    timeframe_ms: int
    from_ms: int
    to_ms: int
    bars: int


@dataclass(frozen=True)
class LedgerFinding:
    """One ledger entry and the file or topic that showed it."""

    name: str
    entry: LedgerEntry


@dataclass
class Ledger:
    """All holdings and findings; ``skipped`` says why a file of a folder was not read."""

    holdings: list[Holding] = field(default_factory=list)
    findings: list[LedgerFinding] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return (entries, bars concerned) by name and kind."""
        counted: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
        for each in self.findings:
            entries, bars = counted[each.name, each.entry.kind]
            counted[each.name, each.entry.kind] = (entries + 1, bars + each.entry.bars)
        return dict(counted)


def ledger_of_files(texts: Sequence[str]) -> Ledger:
    """Return the ledger of files and folders, files of one symbol compared with each other.

    Args:
        texts: Paths, or ``FILE=SYMBOL:TIMEFRAME``; of a folder every Parquet and CSV file.

    Raises:
        BarFileRejected: A file that was named itself cannot be read; in a folder it is skipped.
    """
    ledger, files = Ledger(), list[BarFile]()
    for text in texts:
        if not text:
            raise BarFileRejected("an empty name, expected a file or a folder of bars")
        if not Path(text).is_dir():
            files += _book(text, ledger)
            continue
        for path in sorted(filter(has_table_name, Path(text).rglob("*"))):
            try:
                files += _book(str(path), ledger)
            except BarFileRejected as error:
                ledger.skipped.append((path.name, str(error)))
    for fine in files:
        for coarse in files:
            ledger.findings += [
                LedgerFinding(fine.path.name, e) for e in disagreements(fine, coarse)
            ]
    return ledger


def _book(text: str, ledger: Ledger) -> list[BarFile]:
    """Book one file by its columns; return it when it can be compared with others."""
    path = file_part(text)
    columns = set(read_table(path).columns)
    if "funding_rate" in columns and "close" not in columns:
        _book_funding(path, ledger)
        return []
    if "close_stored" in columns:
        _book_stored(path, ledger)
        return []
    file = read_bars(text, volume=not {*PRICES, "date"} <= columns or "volume" in columns)
    name = path.name
    ledger.holdings.append(
        Holding(name, file.symbol, file.timeframe_ms, file.from_ms, file.to_ms, len(file))
    )
    ledger.findings += [LedgerFinding(name, entry) for entry in continuity(file)]
    return [file] if "volume" in file.columns else []


def continuity(file: BarFile) -> list[LedgerEntry]:
    """Return gaps, repeated and late rows, and runs of zero volume."""
    contract, step = (file.symbol, file.timeframe_ms), file.timeframe_ms
    opened = file.open_time_ms
    seen = np.unique(opened)
    jumps = np.flatnonzero(np.diff(seen) > step)
    entries = [
        finding(contract, "gap", (a + step, b), bars=(b - a) // step - 1)
        for a, b in zip(seen[jumps].tolist(), seen[jumps + 1].tolist(), strict=True)
    ]
    newest = np.maximum.accumulate(opened)
    _, first = np.unique(opened, return_index=True)
    again = np.ones(len(opened), dtype=bool)
    again[first] = False
    late = ~again & (opened < newest)
    for kind, rows in (("duplicate", again), ("late", late)):
        entries += [finding(contract, kind, (t, t + step)) for t in opened[rows].tolist()]  # type: ignore[arg-type]  # both are kinds
    if "volume" in file.columns:
        idle = np.sort(opened[file.columns["volume"] == 0])
        entries += [
            finding(contract, "zero_volume", span, bars=(span[1] - span[0]) // step)
            for span in _runs(idle.tolist(), step)
        ]
    return entries


def disagreements(fine: BarFile, coarse: BarFile) -> list[LedgerEntry]:
    """Return where bars of one file, added up, are not those of a coarser one.

    Only coarse bars whose parts are all there are judged; ``bars`` counts coarse bars.
    """
    step = coarse.timeframe_ms
    same = (fine.symbol, fine.market) == (coarse.symbol, coarse.market)
    if not same or step <= fine.timeframe_ms or step % fine.timeframe_ms:
        return []
    opened, summed = _added_up(fine, step)
    common, mine, theirs = np.intersect1d(opened, coarse.open_time_ms, return_indices=True)
    volume, stated = summed["volume"][mine], coarse.columns["volume"][theirs]
    wrong_volume = np.abs(volume - stated) > VOLUME_TOLERANCE * np.maximum(np.abs(stated), 1.0)
    wrong_price = np.zeros(len(common), dtype=bool)
    for name in PRICES:
        wrong_price |= summed[name][mine] != coarse.columns[name][theirs]
    contract = (fine.symbol, fine.timeframe_ms)
    entries: list[LedgerEntry] = []
    for kind, wrong in (
        ("volume_mismatch", wrong_volume),
        ("price_mismatch", wrong_price & ~wrong_volume),
    ):
        for span in _runs(common[wrong].tolist(), step):
            inside = (common >= span[0]) & (common < span[1])
            note = (
                f"volume {volume[inside].sum():.10g}, {stated[inside].sum():.10g} in "
                f"{coarse.path.name}" + ("; prices differ too" if wrong_price[inside].any() else "")
            )
            bars = int(inside.sum())
            entries.append(finding(contract, kind, span, bars=bars, note=note))  # type: ignore[arg-type]  # both are kinds
    return entries


def _added_up(fine: BarFile, step: int) -> tuple[Any, dict[str, Any]]:
    rows = np.argsort(fine.open_time_ms, kind="stable")
    opened = fine.open_time_ms[rows]
    bucket = opened - opened % step
    starts = np.flatnonzero(np.concatenate([[True], np.diff(bucket) > 0]))
    sizes = np.diff(np.append(starts, len(bucket)))
    whole = sizes == step // fine.timeframe_ms
    values = {name: column[rows] for name, column in fine.columns.items()}
    summed = {
        "open": values["open"][starts],
        "high": np.maximum.reduceat(values["high"], starts),
        "low": np.minimum.reduceat(values["low"], starts),
        "close": values["close"][starts + sizes - 1],
        "volume": np.add.reduceat(values["volume"], starts),
    }
    return bucket[starts][whole], {name: column[whole] for name, column in summed.items()}


def _book_funding(path: Path, ledger: Ledger) -> None:
    table = read_table(path)
    require_columns(path, table, ("date", "funding_rate"))
    stamps = read_times(path, table["date"]).tolist()
    rates = read_numbers(path, table, "funding_rate").tolist()
    rows = [Funding(*row) for row in zip(stamps, rates, strict=True)]
    symbol = path.name.split("_")[0]
    interval = nominal(stamps[1]) - nominal(stamps[0]) if len(stamps) > 1 else 1
    contract = (symbol, interval)
    ledger.holdings.append(Holding(path.name, symbol, interval, stamps[0], stamps[-1], len(rows)))
    for entry in (*interval_findings(contract, rows, ended=True), *late_finding(contract, rows)):
        ledger.findings.append(LedgerFinding(path.name, entry))


def _book_stored(path: Path, ledger: Ledger) -> None:
    """Book a table that has stored bars beside their final values."""
    table = read_table(path)
    pairs = [(f"{name}_stored", f"{name}_final") for name in (*PRICES, "volume")]
    require_columns(path, table, ("date", *(name for pair in pairs for name in pair)))
    _, symbol, timeframe_ms = parse_subject(str(path))
    opened = read_times(path, table["date"]).tolist()
    values = {name: read_numbers(path, table, name) for pair in pairs for name in pair}
    for row, start in enumerate(opened):
        changes = [
            f"{final.removesuffix('_final')} {values[stored][row]:.10g} "
            f"of {values[final][row]:.10g}"
            for stored, final in pairs
            if values[stored][row] != values[final][row]
        ]
        if changes:
            note = "stored before the close: " + ", ".join(changes)
            entry = finding(
                (symbol, timeframe_ms), "partial", (start, start + timeframe_ms), note=note
            )
            ledger.findings.append(LedgerFinding(path.name, entry))
    span = (min(opened), max(opened) + timeframe_ms)
    ledger.holdings.append(Holding(path.name, symbol, timeframe_ms, *span, len(opened)))


def _runs(times: Sequence[int], step: int) -> list[tuple[int, int]]:
    """Return (first open, last close) of each run of consecutive bars."""
    spans: list[tuple[int, int]] = []
    for opened in times:
        if spans and spans[-1][1] == opened:
            spans[-1] = (spans[-1][0], opened + step)
        else:
            spans.append((opened, opened + step))
    return spans


def ledger_of_records(records: Iterable[Bar | LedgerEntry]) -> Ledger:
    """Return the ledger that checked bars and ledger entries of the topics add up to."""
    ledger, spans = Ledger(), dict[tuple[str, int], list[int]]()
    for record in records:
        if isinstance(record, LedgerEntry):
            ledger.findings.append(LedgerFinding(_name(record.symbol, record.timeframe_ms), record))
            continue
        span = spans.setdefault((record.symbol, record.timeframe_ms), [record.open_time_ms, 0, 0])
        span[1], span[2] = record.event_time_ms, span[2] + 1
    for (symbol, timeframe_ms), (first, last, bars) in sorted(spans.items()):
        name = _name(symbol, timeframe_ms)
        ledger.holdings.append(Holding(name, symbol, timeframe_ms, first, last, bars))
    return ledger


def _name(symbol: str, timeframe_ms: int) -> str:
    return f"{symbol} {timeframe_name(timeframe_ms)}"
