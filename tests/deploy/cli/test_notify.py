"""``regimeflow notify test`` says which sinks answered, and never where they are."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from tests.fakes.webhook import Webhook


def invoke(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["notify", "test", *words])
    return result.exit_code, result.output


def test_it_says_which_sinks_answered_and_fails_when_one_did_not(monkeypatch):
    with Webhook() as one, Webhook() as other:
        other.down = True
        urls = f"{one.url}/t0ken-in-path,{other.url}/t0ken-in-path"
        monkeypatch.setenv("REGIMEFLOW_NOTIFY_URLS", urls)
        failed, text = invoke()
        other.down = False
        done, document = invoke("--json")

    assert (failed, done) == (1, 0)
    assert "1 (json): answered" in text
    assert "2 (json): no answer" in text
    assert [row["answered"] for row in json.loads(document)] == [True, True]
    assert "t0ken-in-path" not in text + document
    assert len(one.bodies) == 2


@pytest.mark.parametrize(
    ("name", "value", "code", "named"),
    [
        ("URLS", "", 1, "no sink is set"),
        ("URLS", "nonsense://h1dden-token", 2, "URL 1 of REGIMEFLOW_NOTIFY_URLS"),
        ("RULES", "gap=loud", 2, "REGIMEFLOW_NOTIFY_RULES: severity 'loud'"),
        ("QUIET", "late", 2, "quiet hours 'late'"),
        ("TIME_ZONE", "Mars/Base", 2, "time zone 'Mars/Base' is unknown"),
    ],
)
def test_settings_that_cannot_work_are_named(monkeypatch, name, value, code, named):
    monkeypatch.setenv(f"REGIMEFLOW_NOTIFY_{name}", value)

    exit_code, text = invoke()

    assert exit_code == code
    assert named in text
    assert "h1dden-token" not in text
