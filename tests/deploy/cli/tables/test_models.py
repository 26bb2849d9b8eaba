"""A version's lines say whose thresholds judged it, each with the value that was found."""

from __future__ import annotations

from deploy.cli.tables.models import _span, policy_lines


def figure(name: str, value: float | None, verdict: str, *, required: bool) -> dict[str, object]:
    return {
        "name": name,
        "value": value,
        "threshold": 0.2,
        "rule": "at_most",
        "verdict": verdict,
        "required": required,
    }


def test_each_threshold_stands_beside_its_value_and_whether_it_decides():
    figures = [
        figure("max_drawdown", 0.35, "failed", required=False),
        figure("win_rate", None, "failed", required=True),
    ]
    decided = {"decision": {"config_id": "v2-0a1b2c3d", "figures": figures}}
    row = {"policy": {"config_id": "v2-0a1b2c3d"}, "history": [decided, {"decision": None}]}

    assert policy_lines(row) == [
        "judged by the gates of v2-0a1b2c3d:",
        "  max_drawdown 0.35, expected at most 0.2: failed, informs",
        "  win_rate undefined, expected at most 0.2: failed",
    ]
    assert policy_lines(row | {"policy": None}) == []


def test_an_imported_version_is_of_an_unknown_time():
    assert _span({"trained_from": None, "trained_to": None}) == "unknown when: imported"
