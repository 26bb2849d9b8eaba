"""``regimeflow models import``: a model file of another maker becomes a version, unqualified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.cli.console import Json, fail, kafka, load_settings, note, parse_running_ms, show
from schemas.timeframes import timeframe_name

if TYPE_CHECKING:
    from schemas.models import ModelRegistered
    from streams.runtime.settings import KafkaSettings

WARNING = (
    "a pickle is a program: this one is opened by a child without network, other programs and "
    "environment, and only classes of a short table are taken; still, trust where it comes from"
)
REFUSED = (
    "a .pkl or .pth file can run code when it is opened, so none is opened unasked: if you trust "
    "where FILE comes from, say --trust; it is opened once, in a sandboxed child, and converted "
    "to JSON and safetensors"
)


def import_version(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A .pkl or .joblib of XGBoost, a .pth or .pt of torch."
        ),
    ],
    *,
    trust: Annotated[
        bool, typer.Option("--trust", help="You trust where the file comes from.")
    ] = False,
    timeframe: Annotated[
        str | None, typer.Option(help="Whose bars the model predicts; the base bar by default.")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(help="JSON list of its features in its order, where the file has no names."),
    ] = None,
    scaler: Annotated[
        Path | None, typer.Option(help="A .pkl of the StandardScaler that stood before it.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(min=1, help="Bars that an LSTM looks at; those of ours if left.")
    ] = None,
    activation: Annotated[
        Literal["unknown", "none"],
        typer.Option(help="What stands between two linear layers behind an LSTM."),
    ] = "unknown",
    as_json: Json = False,
) -> None:
    """Convert a model file of another maker and register it, unqualified, as a version.

    Its classes 0, 1, 2 are sell, neutral, buy. Its labels and regimes are those of the newest
    version of this home. It passes no gates; it serves once it is promoted.
    """
    if not path.is_file():
        raise fail(f"{path} is no file", 2)
    if not trust:
        raise fail(REFUSED, 2)
    length_ms = parse_running_ms(timeframe or load_settings().timeframe)
    named = () if features is None else _names(features)
    note(f"warning: {WARNING}")
    with kafka() as settings:
        from streams.runtime.publisher import Publisher
        from workers.importing.convert import ImportedFile, ImportRefused, import_model
        from workers.models.artifact import ArtifactError, models_root
        from workers.models.bundle_store import StoreError
        from workers.training.queue import read_market_time

        base = _newest(settings, length_ms)
        file = ImportedFile(path, named, scaler, window, activation)
        now_ms = max(read_market_time(settings) or 0, base.event_time_ms)
        try:
            model = import_model(file, base, models_root(load_settings()), now_ms)
        except ImportRefused as refused:
            raise fail(str(refused), 2) from None
        except (ArtifactError, StoreError, OSError) as failed:
            raise fail(f"nothing was registered: {failed}") from None
        publisher = Publisher(settings, "operator")
        publisher.publish(model)
        publisher.flush()
    show(model.model_dump(mode="json"), lambda: _lines(model, path), as_json=as_json)


def _names(path: Path) -> tuple[str, ...]:
    try:
        names = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise fail(f"--features {path} cannot be read: {error}", 2) from None
    named = names.get("features") if isinstance(names, dict) else names
    if not isinstance(named, list) or not named or not all(isinstance(n, str) for n in named):
        raise fail(f'--features {path} holds no list of names, expected e.g. ["rsi_14"]', 2)
    return tuple(named)


def _newest(settings: KafkaSettings, timeframe_ms: int) -> ModelRegistered:
    """Return the newest version of this home's strategy for some bars; it must have one."""
    from schemas.models import ModelRegistered
    from schemas.topics import MODELS_REGISTERED
    from streams.runtime.reader import Reader

    strategy = load_settings().strategy
    with Reader(settings, (MODELS_REGISTERED,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    models = [
        record
        for record in records
        if isinstance(record, ModelRegistered)
        and (record.strategy, record.timeframe_ms) == (strategy, timeframe_ms)
        and record.regimes
    ]
    if not models:
        raise fail(
            f"no version of {strategy} for bars of {timeframe_name(timeframe_ms)} is here yet, "
            "whose labels and regimes an import needs: `regimeflow train` first"
        )
    return models[-1]


def _lines(model: ModelRegistered, path: Path) -> list[str]:
    bars, name = timeframe_name(model.timeframe_ms), model.strategy
    return [
        f"{path} is model {model.model_version} of {name}, bars of {bars}, in {model.uri}",
        "unqualified: no gates, no calibration, no drift; its signals never grade above C",
        (
            f"`regimeflow strategy set-version {name} {model.model_version} --timeframe {bars}` "
            "lets it serve"
        ),
    ]
