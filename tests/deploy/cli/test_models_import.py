"""``regimeflow models import``: nothing is opened unasked; what was converted is announced once."""

from __future__ import annotations

import pickle

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from schemas.models import ModelRegistered
from schemas.topics import MODELS_REGISTERED
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import registered
from workers.importing import convert

IMPORTED = registered(
    model_version="0123456789abcdef", qualified=False, gates={"trained_here": False}
)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", "import", *words])


def test_without_trust_no_file_is_opened(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([]))

    refused = run(str(path))

    assert refused.exit_code == 2
    assert "can run code when it is opened" in refused.stderr
    assert "say --trust" in refused.stderr


def test_a_file_that_is_missing_is_named_before_anything_else(tmp_path):
    missing = run(str(tmp_path / "nope.pkl"), "--trust")

    assert (missing.exit_code, "nope.pkl is no file" in missing.stderr) == (2, True)


@pytest.mark.parametrize("content", ["[1, 2]", "{}", "[]", "no json"])
def test_a_list_of_features_that_is_none_is_named(tmp_path, content):
    names = tmp_path / "features.json"
    names.write_text(content)

    path = tmp_path / "model.pkl"
    path.touch()
    refused = run(str(path), "--trust", "--features", str(names))

    assert refused.exit_code == 2
    assert f"--features {names}" in refused.stderr


@pytest.mark.kafka
def test_an_imported_model_is_announced_beside_the_newest_version(
    pipeline_topics, monkeypatch, tmp_path
):
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", pipeline_topics)
    path = tmp_path / "model.pkl"
    path.touch()
    bases: list[str] = []

    def converted(_file, base, _models, _now):
        bases.append(base.model_version)
        return IMPORTED

    monkeypatch.setattr(convert, "import_model", converted)
    none = run(str(path), "--trust")
    publisher = Publisher(KafkaSettings(pipeline_topics), "training")
    publisher.publish(registered(model_version="older"))
    publisher.publish(registered(model_version="newest"))
    publisher.flush()

    done = run(str(path), "--trust")

    assert (none.exit_code, done.exit_code) == (1, 0)
    assert "`regimeflow train` first" in none.stderr
    assert bases == ["newest"]
    assert "unqualified: no gates" in done.stdout
    assert f"set-version ensemble {IMPORTED.model_version} --timeframe 1m` lets it" in done.stdout
    assert "warning: a pickle is a program" in done.stderr
    with Reader(KafkaSettings(pipeline_topics), (MODELS_REGISTERED,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    versions = [r.model_version for r in records if isinstance(r, ModelRegistered)]
    assert versions == ["older", "newest", IMPORTED.model_version]
