"""Reference data: seed files written from the code's tables, and published to their topic.

``python -m deploy.topics.refdata`` writes ``deploy/seeds/``; a test fails when it is out of step.
``topics apply`` and every run publish what differs from the topic.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.refdata import TABLES, RefdataTable
from schemas.timeframes import TIMEFRAMES_MS
from schemas.topics import REFDATA_TABLES
from streams.runtime.wall_clock import wall_ms

if TYPE_CHECKING:
    from streams.runtime.settings import KafkaSettings

FOLDER = Path(__file__).resolve().parents[1] / "seeds"
Rows = list[dict[str, Any]]

ASSET_TYPES: Rows = [
    {
        "name": "perpetual",
        "label": "Perpetual future",
        "meaning": "A future without expiry; funding between longs and shorts ties it to the spot",
        "active": True,
    },
    {
        "name": "dated",
        "label": "Dated future",
        "meaning": "A future that is settled at its delivery date",
        "active": False,
    },
]
EXCHANGES: Rows = [
    {
        "name": "simulated",
        "label": "Simulated exchange",
        "meaning": "Speaks the venue's protocol on this machine; prices are made up",
        "asset_types": ["perpetual"],
        "active": True,
    },
    {
        "name": "binanceusdm",
        "label": "Binance USD-M futures",
        "meaning": "Public market data, read only",
        "asset_types": ["perpetual", "dated"],
        "active": True,
    },
    {
        "name": "replay",
        "label": "Recorded files",
        "meaning": "Bars of Parquet or CSV files played as if they came in now",
        "asset_types": ["perpetual"],
        "active": True,
    },
]


def code_tables() -> dict[str, Rows]:
    """Return every table of the code; ``symbol`` is empty, ingest fills it from the venue."""
    from workers.research.indicators import INDICATORS, SIGNAL_TYPES
    from workers.research.strategies import STRATEGIES

    indicators = [asdict(row) for row in INDICATORS]
    for row in indicators:
        row["thresholds"] = dict(zip(("min", "max", "step"), row["thresholds"], strict=True))
    strategies = [
        {
            "name": strategy.name,
            "label": strategy.summary,
            "parameters": {
                name: bounds.model_dump(mode="json", exclude_defaults=True)
                for name, bounds in strategy.parameters.items()
            },
        }
        for strategy in STRATEGIES
    ]
    timeframes = [{"name": name, "length_ms": length} for name, length in TIMEFRAMES_MS.items()]
    tables: dict[str, Rows] = {
        "asset_type": ASSET_TYPES,
        "exchange": EXCHANGES,
        "indicator": indicators,
        "signal_type": [asdict(row) for row in SIGNAL_TYPES],
        "strategy": strategies,
        "symbol": [],
        "timeframe": timeframes,
    }
    return {name: [{"active": True, **row} for row in tables[name]] for name in TABLES}


def seed_files() -> dict[str, str]:
    """Return the text of every seed file by its name."""
    return {
        f"{name}.json": json.dumps(rows, indent=1) + "\n" for name, rows in code_tables().items()
    }


def read_seeds(now_ms: int, folder: Path = FOLDER) -> list[RefdataTable]:
    """Return the tables of the seed files.

    Raises:
        ValueError: A file is not a list of rows; the message names it.
    """
    tables = []
    for path in sorted(folder.glob("*.json")):
        try:
            rows = json.loads(path.read_text())
            tables.append(RefdataTable.of(path.stem, rows, path.name, now_ms))
        except ValueError as error:
            raise ValueError(f"{path}: expected a list of rows as JSON: {error}") from None
    return tables


def publish_refdata(kafka: KafkaSettings, folder: Path = FOLDER) -> tuple[str, ...]:
    """Publish the seeds that differ from the topic; return the names of their tables.

    A table from another source, such as ``symbol`` from ingest, stays as it is.
    """
    from streams.runtime.publisher import Publisher

    published = read_tables(kafka)
    seeds = read_seeds(wall_ms(), folder)
    new = [seed for seed in seeds if _supersedes(seed, published.get(seed.table))]
    if new:
        publisher = Publisher(kafka, "refdata")
        for table in new:
            publisher.publish(table)
        publisher.flush()
    return tuple(table.table for table in new)


def _supersedes(seed: RefdataTable, published: RefdataTable | None) -> bool:
    if published is None:
        return True
    return published.source == seed.source and published.version != seed.version


def read_tables(kafka: KafkaSettings) -> dict[str, RefdataTable]:
    """Return the tables of the topic by name."""
    from streams.runtime.reader import Reader

    with Reader(kafka, (REFDATA_TABLES,)) as reader:
        tables = (message.record for message in reader.read_to_end())
        return {table.table: table for table in tables if isinstance(table, RefdataTable)}


def main(folder: Path = FOLDER) -> None:
    """Write every seed file."""
    folder.mkdir(exist_ok=True)
    for name, text in seed_files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
