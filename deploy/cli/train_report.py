"""``regimeflow train report``: what the training of a model reports, in words, JSON or a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.cli.console import fail, kafka, load_settings, show
from deploy.cli.tables.gates import report_lines

if TYPE_CHECKING:
    from schemas.models import ModelRegistered


def show_report(version: str | None, *, as_json: bool, in_browser: bool) -> None:
    """Print the report of one model version, of the newest without one; or open its page."""
    from schemas.models import ModelRegistered
    from schemas.topics import MODELS_REGISTERED
    from streams.runtime.reader import Reader

    strategy = load_settings().strategy
    with kafka() as settings, Reader(settings, (MODELS_REGISTERED,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    models = {
        record.model_version: record
        for record in records
        if isinstance(record, ModelRegistered) and record.strategy == strategy
    }
    model = _chosen(models, version, strategy)
    record, page = _drawn(model)
    if in_browser:
        _open(page, model.model_version)
    body = model.model_dump(mode="json") | {"report": record, "page": page and str(page)}
    show(body, lambda: _lines(model, record, page), as_json=as_json)


def _lines(
    model: ModelRegistered, record: Mapping[str, Any] | None, page: Path | None
) -> Iterator[str]:
    yield from report_lines(model, record or {})
    if record is None:
        yield f"its files are not here: {model.uri}"
    elif page is None:
        yield "its page is not drawn yet"
    else:
        yield f"page: {page}"


def _drawn(model: ModelRegistered) -> tuple[Mapping[str, Any] | None, Path | None]:
    """Return the report of a model's folder, and its page; None where they are not here."""
    from workers.models.artifact import ArtifactError, registered_folder

    try:
        folder = registered_folder(model)
        record = json.loads((folder / "report.json").read_bytes())
    except (ArtifactError, OSError, ValueError):
        return None, None
    page = folder / "report.html"
    return record, page if page.is_file() else None


def _open(page: Path | None, version: str) -> None:
    import webbrowser

    if page is None:
        raise fail(f"model {version} has no page here: it is drawn after the registration")
    if not webbrowser.open(page.as_uri()):
        raise fail(f"no browser could be opened; the page is {page}")


def _chosen(
    models: dict[str, ModelRegistered], version: str | None, strategy: str
) -> ModelRegistered:
    if not models:
        raise fail(f"no model of {strategy} is registered; `regimeflow status` shows the training")
    if version is None:
        return list(models.values())[-1]
    if version not in models:
        known = ", ".join(models)
        raise fail(f"model version {version!r} is unknown, expected one of {known}", 2)
    return models[version]
