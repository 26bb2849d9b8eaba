"""A ``tradai.yaml`` of this machine: read, checked, its faults named by line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.console import Json, emit, fail

if TYPE_CHECKING:
    from schemas.configs import Content
    from streams.configs.content import ConfigFault

NAME = "tradai.yaml"


@dataclass(frozen=True)
class ConfigFile:
    """A config that is valid.

    Attributes:
        path: Of the file.
        content: Normalised.
        digest: SHA-256 of the content.
    """

    path: Path
    content: Content
    digest: str

    @property
    def strategy(self) -> Content:
        """Who the strategy is; empty where the file is silent."""
        part: Content = self.content.get("strategy", {})
        return part


def validate(
    file: Annotated[Path, typer.Argument(help="Such as tradai.yaml.")], *, as_json: Json = False
) -> None:
    """Check a strategy's config, without a gateway; exit code 1 with each fault and its line."""
    text = read_text(file)
    faults, checked = check_config(file, text)
    if checked is None:
        if as_json:
            emit({"valid": False, "errors": [_document(fault) for fault in faults]})
        for fault in faults:
            typer.echo(fault_line(file, fault), err=as_json)
        raise typer.Exit(1)
    name, version = checked.strategy.get("name", "NAME"), checked.strategy.get("version", "V")
    if as_json:
        document = {"valid": True, "errors": [], "config_hash": checked.digest}
        emit({**document, "config_data": checked.content})
        return
    typer.echo(
        f"{file} is a config, hash {checked.digest[:8]}; `regimeflow strategy stage {name} "
        f"--version {version} --file {file}` stores it"
    )


def config_path(path: Path) -> Path:
    """Return the config's file of a strategy's folder, or the file itself."""
    return path / NAME if path.is_dir() else path


def read_config(path: Path) -> ConfigFile:
    """Return a valid config; exit code 2 for an unreadable file, 1 for an invalid config."""
    faults, checked = check_config(path, read_text(path))
    if checked is None:
        lines = "; ".join(fault_line(path, fault) for fault in faults)
        raise fail(f"{lines}; `regimeflow validate {path}` checks it again")
    return checked


def read_text(path: Path) -> str:
    """Return the text of a file; exit code 2 where it has none."""
    from streams.configs.content import LARGEST_BYTES

    try:
        with path.open("rb") as file:
            return file.read(2 * LARGEST_BYTES).decode("utf-8-sig")
    except OSError as error:
        why = error.strerror or str(error)
    except (UnicodeDecodeError, ValueError):
        why = "no UTF-8 text"
    raise fail(f"{path}: {why}; expected a strategy's config such as {NAME}", 2)


def check_config(path: Path, text: str) -> tuple[tuple[ConfigFault, ...], ConfigFile | None]:
    """Return the faults of a config, each with its line, or the config."""
    from streams.configs.content import ConfigRefused, content_hash, normalised
    from streams.configs.yaml_text import line_number, parse_yaml

    try:
        written = parse_yaml(text)
    except ConfigRefused as refused:
        return refused.faults, None
    try:
        content = normalised(written)
    except ConfigRefused as refused:
        faults = refused.faults
        return tuple(
            fault._replace(line=line_number(text, _written_path(written, fault.path)))
            for fault in faults
        ), None
    return (), ConfigFile(path, content, content_hash(content))


def fault_line(path: Path, fault: ConfigFault) -> str:
    """Return a fault behind its file and line."""
    return f"{path}:{fault.line or 1}: {fault.text}"


def _document(fault: ConfigFault) -> dict[str, Any]:
    return {
        "line": fault.line or 1,
        "path": ".".join(map(str, fault.path)),
        "message": fault.text,
    }


def _written_path(written: Content, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return where a path stands in a file that may say it in short."""
    from streams.configs.content import SHORTHANDS

    for short, full in SHORTHANDS.items():
        if short in written and path[: len(full)] == full:
            return (short, *path[len(full) :])
    return path
