"""``regimeflow backup``: a stopped home as one file, checked, and brought back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.console import Json, fail, load_settings, progress_bar, report_errors, show
from deploy.time_text import time_text

if TYPE_CHECKING:
    from deploy.local.backup_archive import BackupManifest
    from workers.settings import Settings

app = typer.Typer(
    help="Backups of a home: its topics, models and files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

HOME = "REGIMEFLOW_HOME"
File = Annotated[Path, typer.Argument(metavar="FILE", help="As `backup create` wrote it.")]


@app.command("create")
def backup_create(
    target: Annotated[
        Path, typer.Argument(metavar="FILE", help="To be written, such as home.tar; a new one.")
    ],
    *,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Without topics: those of another cluster.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write this home into one file; nothing may run in it meanwhile. Secrets are never in it."""
    from deploy.local.backup import BackupSource, create_backup

    settings = load_settings()
    if settings.kafka_bootstrap_servers is not None and not files_only:
        raise fail(
            f"the topics are on {settings.kafka_bootstrap_servers}, not in {settings.home}: back "
            "them up with the tools of that cluster, and the files here with --files-only",
            2,
        )
    if target.exists():
        raise fail(f"{target} exists: name a new file", 2)
    if target.absolute().is_relative_to(settings.home.absolute()):
        raise fail(f"{target} lies in the home {settings.home}: name a file outside it", 2)
    source = BackupSource(settings, not files_only, _facts(), tuple(_outside(settings)))
    with report_errors(), progress_bar("backup") as progress:
        manifest = create_backup(source, target, progress)
    show(_document(target, manifest), lambda: _lines(target, manifest), as_json=as_json)


@app.command("verify")
def backup_verify(path: File, *, as_json: Json = False) -> None:
    """Read every byte of a backup and name each file that is damaged; exit code 1 if one is."""
    from deploy.local.backup import verify_backup

    _require_file(path)
    with report_errors(), progress_bar("verify") as progress:
        manifest, faults = verify_backup(path, progress)
    document = _document(path, manifest) | {"faults": [fault.__dict__ for fault in faults]}

    def lines() -> Iterator[str]:
        yield from _lines(path, manifest)
        yield from (f"DAMAGED {fault.path}: {fault.problem}" for fault in faults)
        yield f"{len(faults)} damaged: take another backup" if faults else "every file is whole"

    show(document, lines, as_json=as_json)
    raise typer.Exit(1 if faults else 0)


@app.command("restore")
def backup_restore(path: File, *, as_json: Json = False) -> None:
    """Bring a backup back into the home REGIMEFLOW_HOME, which must be empty or not exist."""
    from deploy.local.backup import restore_backup

    _require_file(path)
    settings = load_settings()
    with report_errors(), progress_bar("restore") as progress:
        manifest = restore_backup(path, settings, progress)

    def lines() -> Iterator[str]:
        yield f"{settings.home} holds {_size(manifest)} of {manifest.environment}"
        yield from (f"not in it: {each}" for each in manifest.left_out)
        yield from (f"it was made with {n}={v}" for n, v in manifest.settings.items() if n != HOME)
        yield "next: `regimeflow replay --verify`, then `regimeflow run`"

    document = _document(path, manifest) | {"home": str(settings.home)}
    show(document, lines, as_json=as_json)


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise fail(f"{path}: no such file; expected one that `backup create` wrote", 2)


def _facts() -> dict[str, Any]:
    from importlib.metadata import version

    from streams.runtime.environment import PREFIX, setting_sources
    from streams.runtime.shown_settings import MASK, shown_value
    from streams.runtime.wall_clock import wall_ms
    from workers.provenance import git_commit

    shown = {
        name: shown_value(name.removeprefix(PREFIX), source.value)
        for name, source in sorted(setting_sources().items())
    }
    return {
        "created_at_ms": wall_ms(),
        "regimeflow": version("regimeflow"),
        "git_commit": git_commit(),
        "settings": {name: value for name, value in shown.items() if value and value != MASK},
    }


def _outside(settings: Settings) -> Iterator[str]:
    """Yield what belongs to the home and lies elsewhere, by its setting."""
    for name in (
        "model_dir",
        "results_url",
        "archive_url",
        "tuning_storage",
        "mlflow_tracking_uri",
    ):
        if getattr(settings, name):
            yield f"what REGIMEFLOW_{name.upper()} names"
    if settings.kafka_bootstrap_servers is not None:
        yield "the topics: REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS names another cluster"


def _document(path: Path, manifest: BackupManifest) -> dict[str, Any]:
    document = manifest.model_dump(mode="json", exclude={"files"})
    return {
        "file": str(path),
        **document,
        "files": len(manifest.files),
        "bytes": manifest.bytes,
    }


def _size(manifest: BackupManifest) -> str:
    topics = "topics and files" if manifest.topics else "files without topics"
    return f"{topics}: {len(manifest.files)} files, {manifest.bytes / 1e6:.1f} MB"


def _lines(path: Path, manifest: BackupManifest) -> Iterator[str]:
    made = time_text(manifest.created_at_ms)
    yield f"{path}  {_size(manifest)}, {manifest.environment}, {made} UTC"
    yield from (f"not in it: {each}" for each in manifest.left_out)
