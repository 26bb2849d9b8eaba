"""Runs the benchmarks and prints how each stands against its named peer.

    python -m tests.bench.run [NAME...] [--json FILE]

A name is that of a file here, ``models`` for ``bench_models.py``; without names all run. Each file
has ``rows()``, runs in a process of its own, and asserts that both runners agree before it times
them. Fails when a ratio is below 0.7 of its bar.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]

FOLDER = Path(__file__).parent
COLUMNS = ("name", "peer", "ratio", "spread", "bar", "holds")
FAILS_BELOW = 0.7  # of a bar; between this and the bar, noise and a slow machine are allowed for


def rows_of(name: str) -> list[Row]:
    """Run one file's benchmarks."""
    rows: list[Row] = importlib.import_module(f"tests.bench.bench_{name}").rows()
    return rows


def machine() -> str:
    """Hardware and commit, without which a number means little."""
    git = ["git", "-C", str(FOLDER), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    cpu = platform.processor() or platform.machine()
    return f"{os.cpu_count()} x {cpu}, Python {platform.python_version()}, commit {commit or '?'}"


def print_table(rows: Sequence[Row], console: Console) -> None:
    """Print the rows; ratio = how many times better than the peer."""
    table = Table(title="RegimeFlow against its peers", caption=machine())
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in {"name", "peer"} else "right")
    for row in rows:
        *cells, holds = (row[column] for column in COLUMNS)
        table.add_row(*map(str, cells), "yes" if holds else "NO")
    console.print(table)


def main() -> int:
    """Run the named benchmarks; 1 when one fails, 2 for an unknown name."""
    known = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="deploy/bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(known))
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)}; known: {', '.join(known)}")

    rows: list[Row] = []
    broken: list[str] = []
    spawn = multiprocessing.get_context("spawn")
    for name in chosen.names or known:
        print(f"{name} ...", file=sys.stderr, flush=True)  # noqa: T201 - progress
        with ProcessPoolExecutor(1, mp_context=spawn) as process:
            try:
                rows += process.submit(rows_of, name).result()
            except Exception:  # noqa: BLE001 - the others still run; this one fails the run
                traceback.print_exc()
                broken.append(name)

    print_table(rows, Console(width=None if sys.stdout.isatty() else 140))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
    if broken:
        print(f"without an answer, cause above: {', '.join(broken)}", file=sys.stderr)  # noqa: T201
    return int(bool(broken) or any(row["ratio"] < FAILS_BELOW * row["bar"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
