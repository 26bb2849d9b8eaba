"""Reasons why a broker ended or cannot start, from its log and its data folder."""

from __future__ import annotations

from pathlib import Path

from deploy.local.errors import (
    BrokerDiedError,
    BrokerError,
    DiskFullError,
    FolderError,
    HomeInUseError,
    PortTakenError,
)

NODE = {"version": "1", "node.id": "1"}  # in meta.properties of our one node

# Text in the log of a broker that cannot run, its error, its remedy; the first match counts.
CAUSES: tuple[tuple[str, type[BrokerError], str], ...] = (
    ("No space left on device", DiskFullError, "Free some space, then run again."),
    ("Address already in use", PortTakenError, "Stop the program on that port, or run again."),
    ("Failed to acquire lock on file", HomeInUseError, "Stop the other broker on this folder."),
    ("all log dirs in", FolderError, ""),
    ("while starting SharedServer", FolderError, ""),
)


def cause_of_death(output: str, data: Path, log: Path) -> BrokerError:
    """Return the error that the output of one start shows."""
    lines = output.strip().splitlines()
    bad = [line for line in lines if " ERROR " in line or " FATAL " in line] or lines[-1:]
    first = bad[0] if bad else "it wrote nothing"
    for text, error, remedy in CAUSES:
        if text in output:
            if error is FolderError:
                return corrupt_data(data, first)
            quote = next(line for line in lines if text in line)
            return error(f"the broker ended: {quote.strip()}. {remedy} Its log is {log}")
    return BrokerDiedError(f"the broker ended: {first}. Its log is {log}")


def check_data_folder(data: Path) -> None:
    """Raise FolderError for data that Kafka cannot read, or would silently drop.

    With damaged metadata Kafka starts without an error, forgets the topics and renames their
    folders to ``-stray``: check before a start, and again when the broker is ready.
    """
    if not data.exists():
        return
    try:
        text = (data / "meta.properties").read_text()
    except (OSError, UnicodeDecodeError):
        raise corrupt_data(data, "meta.properties is missing or not readable") from None
    properties = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if not properties.get("cluster.id") or not properties.items() >= NODE.items():
        raise corrupt_data(data, "meta.properties does not name this node")
    topics = [path for path in data.iterdir() if path.is_dir()]
    if topics and not (data / "__cluster_metadata-0").is_dir():
        raise corrupt_data(data, "the metadata log __cluster_metadata-0 is missing")
    strays = sorted(path.name for path in topics if path.name.endswith("-stray"))
    if strays:
        raise corrupt_data(
            data,
            f"the metadata log is damaged, {len(strays)} partitions are no longer known, "
            f"{strays[0]} the first",
        )


def corrupt_data(data: Path, reason: str) -> FolderError:
    """Return the error for data that cannot be used, with the remedy."""
    return FolderError(
        f"the broker's data in {data} cannot be used: {reason}. To start with empty topics and "
        f"keep the old data aside: mv '{data}' '{data}.broken'"
    )
