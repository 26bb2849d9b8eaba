"""What README.md says of topics, flow and settings is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.generate.readme import README, parts, rewritten
from schemas.topics import TOPICS
from streams.topology import WORKERS
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"^[a-z_]+(\.[a-z_]+)+\.v[1-9][0-9]*$")


@pytest.mark.parametrize("name", ["flow", "topics", "settings"])
def test_a_generated_part_of_the_readme_is_in_step(name):
    assert parts()[name] in README.read_text(), "run `python -m deploy.generate.readme`"


def test_rewriting_a_readme_in_step_changes_nothing():
    assert rewritten(README.read_text()) == README.read_text()


def test_a_readme_without_a_place_for_a_part_is_refused_by_name():
    with pytest.raises(ValueError, match="no place for flow"):
        rewritten("# RegimeFlow")


def test_topic_names_say_flow_noun_and_version_and_nothing_twice():
    names = [topic.name for topic in TOPICS]

    assert all(NAME.match(name) for name in names)
    assert len(set(names)) == len(names)


def test_one_record_type_stands_on_one_topic_and_has_its_key():
    records = [topic.record for topic in TOPICS]

    assert len(set(records)) == len(records)
    assert all(topic.key in topic.record.model_fields for topic in TOPICS)


def test_every_file_the_readme_names_is_there():
    text = re.sub(r"<!-- (\w+) -->.*?<!-- end \1 -->", "", README.read_text(), flags=re.DOTALL)
    quoted = set(re.findall(r"`((?:schemas|streams|workers|gateway|deploy|tests)/[\w./]+)`", text))

    assert quoted
    assert [name for name in sorted(quoted) if not (ROOT / name).exists()] == []


def test_every_setting_explains_itself():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_example_of_settings_names_real_ones():
    lines = (ROOT / ".env.example").read_text().splitlines()
    names = {line.lstrip("# ").split("=")[0] for line in lines if re.match(r"#? ?[A-Z_]+=", line)}
    known = {f"REGIMEFLOW_{name}".upper() for name in Settings.model_fields}

    assert names
    assert names <= known | {
        "REGIMEFLOW_PORT",
        "REGIMEFLOW_HOST",
        "REGIMEFLOW_REDIS_URL",
        "REGIMEFLOW_INSECURE",
        "REGIMEFLOW_METRICS_PORT",
        "REGIMEFLOW_METRICS_HOST",
    }


def test_workers_named_in_the_topology_have_code():
    for worker in WORKERS:
        places = (
            ROOT / "workers" / worker.name,
            ROOT / worker.name,
            ROOT / "streams" / worker.name,
        )

        assert any(place.is_dir() for place in places), worker.name
