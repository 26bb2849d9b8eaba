"""Bundles of an object store: what is cached, for how long, and what a full disk changes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import fsspec
import pytest

from tests.build import registered
from tests.fakes.bundles import write_bundle
from workers.models import artifact
from workers.models.artifact import (
    ArtifactError,
    bundle_uri,
    read_model,
    registered_folder,
    trim_cache,
)
from workers.models.bundle_store import StoreError, publish

URL = "memory://store/models"


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    """A store of this process alone, and a home whose models go there."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_MODEL_DIR", URL)
    yield
    fsspec.filesystem("memory").store.clear()


def published(folder, seed=0, size=100):
    manifest, bundle = write_bundle(folder, seed, size)
    model = registered(
        strategy=manifest.strategy, model_version=manifest.version, uri=bundle_uri(bundle)
    )
    publish(bundle, model.uri)
    return model


def test_a_bundle_that_is_altered_in_its_store_is_refused_and_not_cached(tmp_path):
    model = published(tmp_path / "elsewhere")
    with fsspec.open(f"{model.uri}/lstm.safetensors", "wb") as file:
        file.write(b"altered")

    with pytest.raises(ArtifactError, match=r"memory://.*lstm.safetensors has SHA-256.*altered"):
        read_model(model)

    assert not registered_folder(model).exists()


def test_a_store_without_the_bundle_is_named_with_the_cache():
    model = registered(uri=f"{URL}/ensemble/none")

    with pytest.raises(ArtifactError, match=r"none/manifest.json cannot be read.*in the cache /"):
        read_model(model)


def test_a_full_disk_keeps_nobody_from_serving_what_the_store_has(tmp_path, monkeypatch, capsys):
    model = published(tmp_path / "elsewhere")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifact, "keep", full)

    manifest, _ = read_model(model)

    assert manifest.version == model.model_version
    assert "bundle.uncached" in capsys.readouterr().out


def test_a_disk_that_fills_while_a_bundle_is_cached_leaves_no_half_file(tmp_path, monkeypatch):
    model = published(tmp_path / "elsewhere")
    write = type(tmp_path).write_bytes

    def fills(path, content):
        if path.name == "lstm.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(type(tmp_path), "write_bytes", fills)
    read_model(model)

    left = [path for path in (tmp_path / "bundles").rglob("*") if path.is_file()]
    assert left == []


def test_the_cache_keeps_what_was_used_last(tmp_path, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_MODEL_CACHE_MB", "16")
    first, second, third = (
        published(tmp_path / "elsewhere", seed, size=3_000_000) for seed in range(3)
    )
    for age, model in enumerate((first, second)):
        read_model(model)
        os.utime(registered_folder(model), (age, age))
    read_model(first)  # used again: now the other is the oldest

    read_model(third)

    kept = [registered_folder(model).exists() for model in (first, second, third)]
    assert kept == [True, False, True]


def test_a_bundle_larger_than_the_cache_stays_while_it_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_MODEL_CACHE_MB", "16")
    model = published(tmp_path / "elsewhere", size=9_000_000)
    read_model(model)

    assert registered_folder(model).exists()


def test_folders_of_killed_writers_are_removed(tmp_path):
    old, new = (tmp_path / "bundles/ensemble" / name for name in ("_a.new", "_b.new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))

    trim_cache(spare=tmp_path)

    assert (old.exists(), new.exists()) == (False, True)


def test_the_manifest_is_stored_last(tmp_path):
    published(tmp_path / "elsewhere")

    stored = [path.rpartition("/")[2] for path in fsspec.filesystem("memory").store]
    assert len(stored) == 3
    assert stored[-1] == "manifest.json"


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    _, folder = write_bundle(tmp_path / "elsewhere")

    with pytest.raises(StoreError, match=r"^nfs4://x cannot be written \(ValueError"):
        publish(folder, "nfs4://x")


def test_models_in_folders_need_no_library_of_stores(tmp_path):
    manifest, folder = write_bundle(tmp_path)
    script = (
        "import sys; from tests.build import registered; from workers.models import artifact\n"
        f"artifact.read_model(registered(model_version={manifest.version!r}, "
        f"uri={folder.as_uri()!r}))\n"
        "print({'fsspec', 'upath', 's3fs', 'botocore'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", script]

    assert subprocess.run(command, capture_output=True, check=True).stdout == b"set()\n"
