"""Model files: what was registered is what is read, or nothing is."""

from __future__ import annotations

import json

import pytest

from tests.fakes.small_models import small_model
from workers.models.artifact import (
    ArtifactError,
    Manifest,
    manifest_version,
    model_folder,
    models_root,
    read_model,
)
from workers.serving.slots import load_ensemble
from workers.settings import Settings


def test_a_written_model_is_read_back(tmp_path):
    model = small_model(tmp_path)

    manifest, contents = read_model(model)

    assert manifest.version == model.model_version
    assert set(contents) == {"forest", "lstm", "report"}


def test_the_model_of_a_home_that_was_moved_is_found_in_its_new_place(tmp_path, monkeypatch):
    model = small_model(tmp_path / "old" / "models")
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(ArtifactError, match=r"old/models/.*cannot be read"):
        read_model(model)

    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "new"))

    assert read_model(model)[0].version == model.model_version


def test_the_version_follows_from_the_content_alone(tmp_path):
    first, again = small_model(tmp_path / "a"), small_model(tmp_path / "b")

    assert first.model_version == again.model_version
    assert small_model(tmp_path / "c", seed=1).model_version != first.model_version


@pytest.mark.parametrize(
    "name", ["forest.json", "lstm.safetensors", "report.json", "manifest.json"]
)
def test_one_altered_byte_is_refused_with_the_file_named(tmp_path, name):
    model = small_model(tmp_path)
    path = model_folder(model.uri) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtifactError, match=rf"{name}.*altered"):
        read_model(model)


@pytest.mark.parametrize("name", ["forest.json", "manifest.json"])
def test_a_missing_file_is_refused_with_its_name(tmp_path, name):
    model = small_model(tmp_path)
    (model_folder(model.uri) / name).unlink()

    with pytest.raises(ArtifactError, match=rf"{name} cannot be read: No such file"):
        read_model(model)


def test_a_file_name_that_leaves_the_folder_is_refused(tmp_path):
    model = small_model(tmp_path)
    manifest, contents = read_model(model)
    (tmp_path / "elsewhere").write_bytes(contents["forest"])
    crafted = manifest.files[0].model_copy(update={"path": "../../elsewhere"})
    hostile = manifest.model_copy(update={"files": (crafted, *manifest.files[1:])})
    (model_folder(model.uri) / "manifest.json").write_bytes(hostile.encode())

    with pytest.raises(ArtifactError, match="leaves its folder"):
        read_model(model.model_copy(update={"model_version": hostile.version}))


def test_a_manifest_of_another_release_is_refused(tmp_path):
    model = small_model(tmp_path)
    (model_folder(model.uri) / "manifest.json").write_bytes(b'{"strategy": "ensemble"}')

    with pytest.raises(ArtifactError, match="another release"):
        read_model(
            model.model_copy(
                update={"model_version": manifest_version(b'{"strategy": "ensemble"}')}
            )
        )


def test_a_manifest_without_tables_of_calibration_is_read_and_serves_without_bounds(tmp_path):
    model = small_model(tmp_path)
    path = model_folder(model.uri) / "manifest.json"
    older = json.loads(path.read_bytes())
    assert older.pop("calibration") is None
    path.write_bytes(raw := json.dumps(older).encode())

    loaded = load_ensemble(model.model_copy(update={"model_version": manifest_version(raw)}))

    assert loaded.calibration is None


def test_a_manifest_with_broken_tables_is_refused(tmp_path):
    model = small_model(tmp_path)
    path = model_folder(model.uri) / "manifest.json"
    flat = {"edges": [], "low": [0.2], "high": [0.4]}
    broken = {"sell": flat, "neutral": flat, "buy": flat | {"low": [0.2, 0.3]}, "returns": None}
    crafted = json.loads(path.read_bytes()) | {"calibration": broken}
    path.write_bytes(raw := json.dumps(crafted).encode())

    with pytest.raises(ArtifactError, match="low has 2 values, expected 1"):
        read_model(model.model_copy(update={"model_version": manifest_version(raw)}))


def test_models_are_kept_in_a_folder_given_as_path_or_url(tmp_path):
    places = (str(tmp_path), tmp_path.as_uri())

    assert [models_root(Settings(model_dir=place)) for place in places] == [tmp_path, tmp_path]


def test_only_a_file_url_names_a_folder():
    with pytest.raises(ArtifactError, match="not file://"):
        model_folder("s3://bucket/model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"member_weights": {"xgboost": 0.5, "lstm": 0.4}}, "do not sum to 1"),
        ({"class_prior": (0.0, 0.5, 0.5)}, "without zeros"),
        ({"volatility_feature": "atr"}, "not a model input"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_no_manifest(tmp_path, change, message):
    manifest, _ = read_model(small_model(tmp_path))

    with pytest.raises(ValueError, match=message):
        Manifest(**(manifest.model_dump() | change))
