"""A model on disk: a manifest that names every file with its SHA-256, checked before any is read.

    <models>/<strategy>/<version>/manifest.json  forest.json  lstm.safetensors  report.json
                                  forest_bull.json  forest_bear.json  forest_sideways.json
                                  forests.json
                                  registered.json  report_rows.npy  report.html  importance.png

The version is the hash of the manifest, and the manifest holds the hashes of the files. One
altered byte anywhere makes another model, which is refused. ``registered.json`` is the announced
record with its regime filters, so the folder alone is enough to replay the model elsewhere. The
rows, the page and the plot are drawn for people; nothing that serves reads them.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import unquote, urlsplit

import structlog
from pydantic import Field, model_validator

from schemas.models import FileRole, ModelFile, ModelRegistered
from schemas.predictions import ClassProbabilities
from schemas.record import Probability, Record
from schemas.specialists import Answerer, ModelSelection, SpecialistName
from workers.models.bundle_store import (
    CACHE,
    StoreError,
    check_url,
    fetch,
    is_remote,
    keep,
    mark_used,
    trim,
)
from workers.models.calibration import CalibrationTables
from workers.settings import Settings

log = structlog.get_logger()

MANIFEST = "manifest.json"
REGISTERED = "registered.json"
VERSION_LENGTH = 16  # hex digits: 64 bits tell every model of a lifetime apart

FOREST_ROLES: dict[Answerer, FileRole] = {
    "universal": "forest",
    "bull_specialist": "forest_bull",
    "bear_specialist": "forest_bear",
    "sideways_specialist": "forest_sideways",
}


class ArtifactError(ValueError):
    """A model file is missing, altered or does not fit its manifest."""


class ParityCase(Record):
    """Inputs and the answers of the training libraries; serving must reproduce them at load."""

    row: tuple[float | None, ...] = Field(description="Last bar's features, then its posterior")
    window: tuple[tuple[float | None, ...], ...] = Field(description="LSTM window, oldest first")
    forest: ClassProbabilities
    lstm: ClassProbabilities
    specialists: dict[SpecialistName, ClassProbabilities] = Field(
        default_factory=dict, description="Answers of their forests"
    )
    symbols: dict[str, ClassProbabilities] = Field(
        default_factory=dict,
        description="Answer to the row as one of a symbol that has features or a forest of its own",
    )


class Manifest(Record):
    """What serving needs beside the weights."""

    strategy: str
    feature_set_id: str
    feature_names: tuple[str, ...] = Field(min_length=1, description="In model order")
    timeframe_ms: int = Field(gt=0)
    horizon_bars: int = Field(gt=0)
    volatility_feature: str = Field(description="Deviation of one bar's log return, for the label")
    label_width: float = Field(gt=0, description="Multiple of the horizon's deviation")
    lstm_mode: Literal["window"] = "window"
    member_weights: dict[str, Probability]
    class_prior: tuple[Probability, Probability, Probability] = Field(
        description="Shares of sell, neutral, buy among the training rows, none 0"
    )
    temperature: float = Field(gt=0, description="Of the pool's evidence against that prior")
    selection: ModelSelection = Field(
        default=ModelSelection(), description="Who answers, and the figures that decided it"
    )
    features: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By symbol, the features that the forests see of it; absent: all of them",
    )
    trained_from_ms: int
    trained_to_ms: int
    seed: int
    libraries: dict[str, str]
    files: tuple[ModelFile, ...]
    parity: tuple[ParityCase, ...] = Field(min_length=1)
    calibration: CalibrationTables | None = Field(
        default=None, description="Bounds beside a prediction; null: written before there were any"
    )
    selection_calibration: CalibrationTables | None = Field(
        default=None,
        description="The same of what serves where specialists answer; null: the universal model",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        if abs(sum(self.member_weights.values()) - 1.0) > 1e-9:
            raise ValueError(f"member weights {self.member_weights} do not sum to 1")
        if min(self.class_prior) <= 0.0 or abs(sum(self.class_prior) - 1.0) > 1e-9:
            raise ValueError(f"class prior {self.class_prior} is not a distribution without zeros")
        if self.volatility_feature not in self.feature_names:
            raise ValueError(f"volatility feature {self.volatility_feature} is not a model input")
        for symbol, chosen in self.features.items():
            unknown = sorted(set(chosen) - set(self.feature_names))
            if unknown or not chosen:
                raise ValueError(f"features of {symbol} are {unknown or 'none'}, expected inputs")
        roles = {file.role for file in self.files}
        fitted = {FOREST_ROLES[each.name] for each in self.selection.fitted}
        if fitted != (roles & set(FOREST_ROLES.values())) - {"forest"}:
            raise ValueError(f"specialists {sorted(fitted)} are not those of the files")
        return self

    @property
    def version(self) -> str:
        """Content address of the model."""
        return manifest_version(self.encode())


def manifest_version(manifest: bytes) -> str:
    """Return the model version of a manifest's bytes."""
    return hashlib.sha256(manifest).hexdigest()[:VERSION_LENGTH]


def model_file(role: FileRole, name: str, content: bytes) -> ModelFile:
    """Return the row that lists a file, with its digest."""
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile(role=role, path=name, sha256=digest, size_bytes=len(content))


def bundle_folder(root: Path, manifest: Manifest) -> Path:
    """Return where a model's folder lies under the root of all models."""
    return root / manifest.strategy / manifest.version


def write_model(
    root: Path,
    manifest: Manifest,
    contents: Mapping[str, bytes],
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> Path:
    """Write a model's folder under ``root``, whole or not at all.

    A folder of the same version that is there gets the same files again, each of them whole.

    Args:
        root: Of all models.
        manifest: Names the files.
        contents: By name, what the manifest lists.
        beside: By name, what it does not list, such as ``registered.json``.

    Raises:
        OSError: A file cannot be written, as on a full disk; what was written is removed.
    """
    folder = bundle_folder(root, manifest)
    fresh = folder.with_name(f"_{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)  # of a process that was killed
    fresh.mkdir(parents=True)
    listed = {file.path: contents[file.path] for file in manifest.files}
    try:
        for name, content in {**listed, **beside, MANIFEST: manifest.encode()}.items():
            (fresh / name).write_bytes(content)
        if folder.is_dir():
            for path in fresh.iterdir():
                path.replace(folder / path.name)
        else:
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def read_model(model: ModelRegistered) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and verified file contents of a registered model.

    Of a model in an object store the cache is read; what lacks there, or is altered, is fetched.

    Raises:
        ArtifactError: A file is missing or altered, the manifest is not the registered one, or the
            store cannot be reached.
    """
    folder = registered_folder(model)
    if not is_remote(model.uri):
        return _verified(model, str(folder), lambda name: _read(folder / name))
    try:
        bundle = _verified(model, str(folder), lambda name: _read(folder / name))
    except ArtifactError:
        return _fetched(model, folder)
    mark_used(folder)
    return bundle


def _fetched(model: ModelRegistered, folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Return the bundle of a store and keep it in the cache; a full disk keeps nobody from it."""
    files: dict[str, bytes] = {}

    def read(name: str) -> bytes:
        files[name] = fetch(model.uri, name)
        return files[name]

    try:
        bundle = _verified(model, model.uri, read)
    except StoreError as failed:
        raise ArtifactError(f"{failed}; it is not whole in the cache {folder}") from None
    try:
        keep(folder, files)
        trim_cache(spare=folder)
    except OSError as full:
        log.warning(
            "bundle.uncached",
            model_version=model.model_version,
            cause=str(full),
            remedy="it serves from memory; free space, or its next load needs the store again",
        )
    return bundle


def trim_cache(spare: Path) -> None:
    """Keep the cache of this machine as small as its setting says; one bundle stays."""
    settings = Settings()
    trim(cache_root(settings), settings.model_cache_mb, spare)


def _verified(
    model: ModelRegistered, place: str, read: Callable[[str], bytes]
) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and the files at a place, each of them as it was registered."""
    raw = read(MANIFEST)
    if (version := manifest_version(raw)) != model.model_version:
        raise ArtifactError(
            f"{place}/{MANIFEST} is version {version}, registered was {model.model_version}: the "
            "manifest was altered; restore it or train again"
        )
    try:
        manifest = Manifest.decode(raw)
    except ValueError as error:
        raise ArtifactError(
            f"{place}/{MANIFEST} was written by another release ({error}): train again"
        ) from None
    return manifest, {file.role: _read_verified(place, file, read) for file in manifest.files}


def registered_folder(model: ModelRegistered) -> Path:
    """Return where the files of a model lie on this machine.

    That is where they were registered. Of a home that was moved or restored elsewhere it is their
    place in the folder of all models: what is read there is checked by its digest all the same.
    Of a model in an object store it is their place in the cache, there or not.
    """
    if is_remote(model.uri):
        return cache_root(Settings()) / model.strategy / model.model_version
    folder = model_folder(model.uri)
    if folder.is_dir():
        return folder
    moved = models_root(Settings()) / model.strategy / model.model_version
    return moved if moved.is_dir() else folder


def cache_root(settings: Settings) -> Path:
    """Return the folder of the bundles of an object store that are on this machine."""
    return settings.home / CACHE


def models_root(settings: Settings) -> Path:
    """Return the folder of all models; of an object store, that of its cache.

    Raises:
        ArtifactError: The setting's URL cannot be used.
    """
    place = settings.models
    if is_remote(place):
        try:
            check_url(place)
        except ValueError as error:
            raise ArtifactError(str(error)) from None
        return cache_root(settings)
    return model_folder(place) if "://" in place else Path(place).absolute()


def bundle_uri(folder: Path) -> str:
    """Return the URL that the bundle in a folder is registered with.

    That is the folder itself, or the place in the object store that the setting names.
    """
    place = Settings().models
    if is_remote(place):
        return f"{place.rstrip('/')}/{folder.parent.name}/{folder.name}"
    return folder.resolve().as_uri()


def model_folder(uri: str) -> Path:
    """Return the folder of a ``file://`` URL; raises ``ArtifactError`` for any other scheme."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise ArtifactError(f"model URL {uri} is not file://, so it names no folder")
    return Path(unquote(parts.path))


def _read_verified(place: str, file: ModelFile, read: Callable[[str], bytes]) -> bytes:
    if Path(file.path).name != file.path:
        raise ArtifactError(f"model file name {file.path!r} leaves its folder")
    content = read(file.path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ArtifactError(
            f"{place}/{file.path} has SHA-256 {digest[:12]}..., expected {file.sha256[:12]}...: "
            "the file was altered; restore it or train again"
        )
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"model file {path} cannot be read: {error.strerror}") from None
