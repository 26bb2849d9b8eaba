"""``regimeflow train report``: what the gates said of a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.cli.console import fail, kafka, load_settings, show
from deploy.cli.tables.gates import report_lines

if TYPE_CHECKING:
    from schemas.models import ModelRegistered


def show_report(version: str | None, *, as_json: bool) -> None:
    """Print the gates of one model version; of the newest without one."""
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
    show(model.model_dump(mode="json"), lambda: report_lines(model), as_json=as_json)


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
