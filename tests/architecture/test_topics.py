"""What README.md, the guide and CONTRIBUTING.md say of topics, flow, settings and files is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.generate.markdown import PARTS, parts, rewritten
from schemas.topics import TOPICS
from streams.topology import WORKERS
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = sorted((ROOT / "deploy" / "guide").glob("*.md"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDE]
NAME = re.compile(r"^[a-z_]+(\.[a-z_]+)+\.v[1-9][0-9]*$")


@pytest.mark.parametrize("file", sorted(PARTS))
def test_a_file_with_generated_parts_is_in_step(file: str):
    text = (ROOT / file).read_text()

    assert rewritten(file, text) == text, "run `python -m deploy.generate.markdown`"


def test_every_generated_part_has_one_file():
    assert sorted(name for names in PARTS.values() for name in names) == sorted(parts())


def test_a_text_without_a_place_for_a_part_is_refused_by_name():
    with pytest.raises(ValueError, match=r"CONTRIBUTING\.md has no place for flow"):
        rewritten("CONTRIBUTING.md", "# Contributing")


def test_topic_names_say_flow_noun_and_version_and_nothing_twice():
    names = [topic.name for topic in TOPICS]

    assert all(NAME.match(name) for name in names)
    assert len(set(names)) == len(names)


def test_one_record_type_stands_on_one_topic_and_has_its_key():
    records = [topic.record for topic in TOPICS]

    assert len(set(records)) == len(records)
    for topic in TOPICS:
        assert topic.key in topic.record.model_fields or hasattr(topic.record, topic.key)


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_every_file_that_a_text_names_is_there(file: Path):
    text = file.read_text()
    text = re.sub(r"<!-- (\w+) -->.*?<!-- end \1 -->", "", text, flags=re.DOTALL)
    quoted = set(re.findall(r"`((?:schemas|streams|workers|gateway|deploy|tests)/[\w./]+)`", text))

    linked = {target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target}
    assert [name for name in sorted(quoted) if not (ROOT / name).exists()] == []
    assert [name for name in sorted(linked) if not (file.parent / name).exists()] == []


def test_the_readme_links_every_page_of_the_guide():
    linked = set(re.findall(r"\]\((deploy/guide/[^)]+)", (ROOT / "README.md").read_text()))

    assert linked == {f"deploy/guide/{page.name}" for page in GUIDE}


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
