"""``regimeflow train report``: what the training of a model reports, in words, JSON or a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.cli.console import fail, kafka, load_settings, parse_running_ms, show
from deploy.cli.tables.gates import report_lines

if TYPE_CHECKING:
    from schemas.models import ModelRegistered


def show_report(
    version: str | None, timeframe: str | None, *, as_json: bool, in_browser: bool
) -> None:
    """Print the report of one version, or open its page.

    Args:
        version: Its number or model version; None: the newest.
        timeframe: Whose bars it predicts; None: the base bar, where no model version is named.
        as_json: Print it for programs.
        in_browser: Open its page as well.
    """
    from schemas.models import ModelRegistered
    from schemas.topics import MODEL_VERSIONS, MODELS_REGISTERED
    from schemas.versions import ModelVersion
    from streams.runtime.reader import Reader

    home = load_settings()
    base = timeframe or home.timeframe
    length_ms = parse_running_ms(base)
    with kafka() as settings, Reader(settings, (MODELS_REGISTERED, MODEL_VERSIONS)) as reader:
        records = [message.record for message in reader.read_to_end()]
    numbers = {r.model_version: r.number for r in records if isinstance(r, ModelVersion)}
    models = [
        record
        for record in records
        if isinstance(record, ModelRegistered) and record.strategy == home.strategy
    ]
    of_length = [model for model in models if model.timeframe_ms == length_ms]
    named = [model for model in models if model.model_version == version]
    if named and timeframe is None:  # a model version is of one timeframe
        of_length = named
    model = _chosen(of_length, numbers, version, f"{home.strategy}/{base}")
    record, page = _drawn(model)
    if in_browser:
        _open(page, model.model_version)
    number = numbers.get(model.model_version)
    told = {"number": number, "report": record, "page": page and str(page)}
    lines = partial(_lines, model, record, page, number)
    show(model.model_dump(mode="json") | told, lines, as_json=as_json)


def _lines(
    model: ModelRegistered,
    record: Mapping[str, Any] | None,
    page: Path | None,
    number: int | None = None,
) -> Iterator[str]:
    yield from report_lines(model, record or {}, number)
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
    models: list[ModelRegistered], numbers: Mapping[str, int], version: str | None, line: str
) -> ModelRegistered:
    if not models:
        raise fail(f"no model of {line} is registered; `regimeflow status` shows the training")
    if version is None:
        return models[-1]
    by_name = {str(numbers.get(model.model_version)): model for model in models}
    by_name |= {model.model_version: model for model in models}
    if version not in by_name:
        known = ", ".join(
            f"{numbers.get(model.model_version, '-')} ({model.model_version})" for model in models
        )
        raise fail(f"version {version!r} of {line} is unknown, expected one of {known}", 2)
    return by_name[version]
