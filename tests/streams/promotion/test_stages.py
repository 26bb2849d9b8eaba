"""Stages: log order decides, one version is in Production, an illegal move names what it found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.commands import CommandOutcome
from schemas.models import ModelServing
from schemas.record import Record
from schemas.regimes import RegimeParameters
from schemas.status import OperatorAction
from schemas.timeframes import MINUTE_MS
from schemas.versions import ModelStageChanged, ModelVersion
from streams.promotion.processor import PROCESSOR
from streams.promotion.state import KEPT_REGISTRATIONS, PromotionState
from streams.runtime.memory_driver import MemoryDriver, replay
from tests.build import (
    challenge,
    challenge_event,
    close_time,
    comparison,
    model_command,
    registered,
)
from tests.streams.promotion.test_promotion import history


def model(version: str, minute: int, **fields: Any) -> Record:
    return registered(model_version=version, event_time_ms=close_time(minute), **fields)


# Version 1 serves, 2 is in Staging, 3 was kept out.
THREE = (
    model("a", 10),
    model("b", 20),
    model("c", 30, comparison=comparison("a", verdict="keep", reasons=("it is worse",))),
)


def run(*commands: Record, before: tuple[Record, ...] = THREE) -> list[Record]:
    return replay([PROCESSOR], [*before, *commands])


def last_outcome(*commands: Record, before: tuple[Record, ...] = THREE) -> CommandOutcome:
    return [r for r in run(*commands, before=before) if isinstance(r, CommandOutcome)][-1]


def stages(*commands: Record, before: tuple[Record, ...] = THREE) -> dict[int, str]:
    return {r.number: r.stage for r in run(*commands, before=before) if isinstance(r, ModelVersion)}


def served(*commands: Record) -> list[str]:
    return [r.model.model_version for r in run(*commands) if isinstance(r, ModelServing)]


def test_each_registered_model_gets_the_next_number_and_the_stage_of_its_comparison():
    changes = [r for r in run() if isinstance(r, ModelStageChanged)]

    assert [(c.number, c.from_stage, c.to_stage) for c in changes] == [
        (1, None, "Production"), (2, None, "Staging"), (3, None, "Archived"),
    ]  # fmt: skip
    assert "not compared with a" in changes[1].reason
    assert "it is worse" in changes[2].reason


def test_a_model_replaces_one_whose_features_are_no_longer_made_without_a_comparison():
    other = {"feature_set_id": "newer", "feature_names": ("rsi_14",)}
    unable = comparison("a", verdict="manual_review")

    assert served(model("new", 40, **other))[-1] == "new"
    assert served(model("new", 40, **other, comparison=unable))[-1] == "new"
    assert served(model("new", 40, feature_names=("rsi_14",)))[-1] == "a"
    assert served(model("new", 40, feature_set_id="newer"))[-1] == "a"


def test_a_promotion_archives_the_version_before_in_one_change_of_model_and_regime_filter():
    out = run(model_command("promote", 40, version="2"))

    assert stages(model_command("promote", 40, version="2")) == {
        1: "Archived", 2: "Production", 3: "Archived",
    }  # fmt: skip
    [change] = [r for r in out if isinstance(r, ModelServing)][1:]
    [entry] = [r for r in out if isinstance(r, OperatorAction)]
    assert (change.model.model_version, change.replaces) == ("b", "a")
    assert change.effective_from_ms == close_time(45)
    assert change.effective_from_ms in {
        r.effective_from_ms for r in out if isinstance(r, RegimeParameters)
    }
    assert (entry.action, entry.before, entry.after) == (
        "models.promote", "Staging; 1 Production", "Production",
    )  # fmt: skip


def test_without_archiving_the_version_before_returns_to_staging():
    assert stages(model_command("promote", 40, version="2", no_archive=True))[1] == "Staging"


@pytest.mark.parametrize(
    ("command", "code", "found"),
    [
        (model_command("promote", 40, version="9"), "unknown", "no version 9"),
        (model_command("promote", 40), "invalid", "got null"),
        (model_command("promote", 40, version="3"), "conflict", "is Archived, expected Staging"),
        (model_command("promote", 40, version="1"), "same", "is Production"),
        (model_command("stage", 40, version="1"), "conflict", "is Production, expected None or"),
        (model_command("archive", 40, version="a"), "conflict", "it serves"),
        (model_command("rollback", 40), "conflict", "has served no version before a"),
        (model_command("rollback", 40, version="2"), "conflict", "it has never served"),
        (model_command("rollback", 40, deployment_id="deploy-1"), "invalid", "version: got null"),
        (model_command("promote", 40, version="2", expected_revision=1), "stale", "revision 3"),
        (model_command("cancel", 40), "unknown", "no training"),
        (model_command("retrain", 40), "unknown", "no ready history"),
    ],
)
def test_an_illegal_move_is_refused_with_the_stage_that_was_found(command, code, found):
    outcome = last_outcome(command)

    assert outcome.code == code
    assert found in outcome.detail
    assert stages(command) == stages()


def test_a_dry_run_says_what_would_change_and_changes_nothing():
    dry = model_command("promote", 40, version="2", dry_run=True)

    outcome = last_outcome(dry)

    assert (outcome.status, outcome.revision) == ("accepted", 3)
    assert "models.stages.v1: ensemble b Production" in outcome.facts
    assert stages(dry) == stages()


def test_a_rollback_goes_back_step_by_step_and_by_name():
    promoted = (
        model_command("promote", 40, version="2"),
        model_command("stage", 41, version="3"),
        model_command("promote", 42, version="3"),
    )
    back = [model_command("rollback", minute) for minute in (50, 51)]

    assert served(*promoted, *back) == ["a", "b", "c", "b", "a"]
    assert served(*promoted, back[0], model_command("rollback", 51, version="c"))[-1] == "c"
    assert last_outcome(*promoted, *back, model_command("rollback", 52)).code == "conflict"


def test_a_rollback_of_a_strategy_without_models_is_of_an_unknown_one():
    command = model_command("rollback", 40, strategy="nobody")

    assert last_outcome(command).code == "unknown"


BOTH = ("BTCUSDT", "ETHUSDT")
ALL_SERVE = model("all", 10, symbols=BOTH)


def test_a_model_of_fewer_symbols_never_serves_by_itself_however_good_it_is():
    better = model("btc", 20, comparison=comparison("all"))

    assert stages(before=(ALL_SERVE, better)) == {1: "Production", 2: "Staging"}
    [change] = [r for r in run(before=(ALL_SERVE, better)) if isinstance(r, ModelStageChanged)][1:]
    assert change.reason.startswith("review it: it was not trained on ETHUSDT; better than all")


@pytest.mark.parametrize(
    ("action", "verdict"), [("promote", "manual_review"), ("rollback", "keep")]
)
def test_nor_is_it_promoted_over_a_model_of_more_symbols(action, verdict):
    fewer = model("btc", 20, comparison=comparison("all", verdict=verdict))

    outcome = last_outcome(model_command(action, 30, version="btc"), before=(ALL_SERVE, fewer))

    assert outcome.code == "conflict"
    assert "was not trained on ETHUSDT, which all predicts" in outcome.detail


def test_symbols_that_run_no_longer_hold_no_model_back():
    better = model("btc", 20, comparison=comparison("all"))

    assert stages(before=(ALL_SERVE, history(15), better))[2] == "Production"


def test_beside_a_model_that_cannot_predict_only_too_little_data_excuses_a_missing_symbol():
    newer = {"feature_set_id": "newer", "feature_names": ("rsi_14",)}
    chosen = model("btc", 20, **newer)
    short = model("short", 20, **newer, left_out={"ETHUSDT": "12 bars"})

    assert stages(before=(ALL_SERVE, chosen))[2] == "Staging"
    assert stages(before=(ALL_SERVE, short))[2] == "Production"


def test_a_rollback_goes_to_what_has_served_whatever_symbols_were_added_since():
    added = (model("btc", 10), model("all", 20, symbols=BOTH, comparison=comparison("btc")))

    assert stages(model_command("rollback", 30), before=added) == {1: "Production", 2: "Archived"}


@pytest.mark.parametrize(("action", "fields"), [("archive", {}), ("stage", {"to_stage": "None"})])
def test_the_only_version_to_roll_back_to_stays_in_staging(action, fields):
    promote = model_command("promote", 40, version="2", no_archive=True)

    outcome = last_outcome(promote, model_command(action, 41, version="1", **fields))

    assert (outcome.code, outcome.status) == ("conflict", "refused")
    assert "the only version that a rollback" in outcome.detail


@pytest.mark.parametrize(("action", "fields"), [("archive", {}), ("stage", {"to_stage": "None"})])
def test_a_version_that_challenges_stays_in_staging_until_that_ends(action, fields):
    about = challenge(champion="a", challenger="b")
    move = model_command(action, 41, version="2", **fields)
    over = about.changed({"status": "cancelled"})

    outcome = last_outcome(challenge_event(challenge=about), move)
    free = last_outcome(challenge_event(challenge=about), challenge_event(challenge=over), move)

    assert (outcome.code, free.code) == ("conflict", "done")
    assert f"challenges a in {about.challenge_id}: cancel that first" in outcome.detail


def test_a_move_that_leaves_a_challenge_without_its_champion_says_so():
    about = challenge(champion="a", challenger="b")

    outcome = last_outcome(
        challenge_event(challenge=about), model_command("promote", 41, version="2")
    )

    assert f"{about.challenge_id}, which compared with a, ends" in outcome.detail


def test_a_rollback_goes_to_what_has_served_whatever_its_stage_is_now():
    out_of_review = (
        model_command("promote", 40, version="2", no_archive=True),
        model_command("stage", 41, version="3"),
        model_command("promote", 42, version="3", no_archive=True),
        model_command("stage", 43, version="1", to_stage="None"),
    )

    back = (*out_of_review, model_command("rollback", 50, version="1"))

    assert stages(*out_of_review) == {1: "None", 2: "Staging", 3: "Production"}
    assert served(*back)[-1] == "a"


def test_of_two_promotions_meant_for_the_same_revision_the_first_wins():
    first, second = (
        model_command("promote", minute, version="2", expected_revision=3) for minute in (40, 41)
    )

    outcomes = [r for r in run(first, second) if isinstance(r, CommandOutcome)]

    assert [o.code for o in outcomes] == ["done", "stale"]


def test_two_changes_of_the_model_never_share_a_bar():
    out = run(*(model_command("rollback", 40, command_id=str(n), version=v, effective_from_ms=1)
                for n, v in enumerate(("c", "a", "c"))))  # fmt: skip

    bars = [r.effective_from_ms for r in out if isinstance(r, ModelServing)]
    assert bars == sorted(set(bars))


def test_an_old_version_is_moved_when_its_registration_is_told_again():
    many = tuple(model(f"x{n}", 40 + n) for n in range(KEPT_REGISTRATIONS + 2))
    early = model("c", 30)

    forgotten = last_outcome(model_command("stage", 90, version="3"), before=(*THREE, *many))
    told = last_outcome(
        model_command("stage", 90, version="3", model=early), before=(*THREE, *many)
    )

    assert (forgotten.code, told.code) == ("invalid", "done")


def test_a_model_brought_from_outside_is_registered_once():
    brought = registered(model_version="z")

    first = last_outcome(model_command("register", 40, model=brought))
    again = last_outcome(
        model_command("register", 40, model=brought), model_command("register", 41, model=brought)
    )

    assert (first.code, again.code) == ("done", "same")
    assert first.subject == again.subject == "ensemble/1m/4"


def test_the_state_of_an_older_release_keeps_its_serving_model():
    older = PromotionState.decode(
        b'{"requested_to_ms":7,"registered_ms":8,"serving":"old","qualified":true}'
    )
    driver = MemoryDriver([PROCESSOR], {("promotion", ("ensemble", MINUTE_MS)): older})

    out = [
        *driver.feed(history(300)),
        *driver.feed(model("new", 310, comparison=comparison("old"))),
    ]

    [change] = [r for r in out if isinstance(r, ModelServing)]
    assert (change.replaces, change.model.model_version) == ("old", "new")
    moves = [(r.number, r.to_stage) for r in out if isinstance(r, ModelStageChanged)]
    assert moves == [(2, "Production"), (1, "Archived")]


ACTIONS = ("stage", "promote", "archive", "rollback", "register")
LEGAL = {
    (None, "None"), (None, "Staging"), (None, "Production"), (None, "Archived"),
    ("None", "Staging"), ("Staging", "None"), ("None", "Archived"), ("Staging", "Archived"),
    ("Archived", "Staging"), ("Staging", "Production"), ("Archived", "Production"),
    ("Production", "Archived"), ("Production", "Staging"), ("None", "Production"),
}  # fmt: skip


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Return models and commands in any order."""
    records: list[Record] = []
    for minute in range(draw(st.integers(1, 25))):
        version = draw(st.sampled_from(("a", "b", "c", "1", "2", "3", None)))
        if draw(st.booleans()) and version is not None:
            verdict = draw(st.sampled_from(("promote", "keep", "manual_review")))
            champion = draw(st.sampled_from(("a", "b", "c")))
            told = comparison(champion, verdict=verdict)
            records.append(model(version, minute, comparison=told))
            continue
        records.append(
            model_command(
                draw(st.sampled_from(ACTIONS)),
                minute,
                version=version,
                to_stage=draw(st.sampled_from(("Staging", "None"))),
                no_archive=draw(st.booleans()),
                dry_run=draw(st.booleans()),
            )
        )
    return records


@settings(max_examples=60, deadline=None)
@given(logs())
def test_whatever_comes_at_most_one_version_serves_and_every_move_is_legal(records):
    driver = MemoryDriver([PROCESSOR])
    stage: dict[int, str | None] = {}
    serving = None
    for record in records:
        made = driver.feed(record)
        for fact in made:
            if isinstance(fact, ModelStageChanged):
                assert fact.from_stage == stage.get(fact.number)
                assert (fact.from_stage, fact.to_stage) in LEGAL
                stage[fact.number] = fact.to_stage
            if isinstance(fact, ModelServing):
                assert fact.replaces == serving
                serving = fact.model.model_version
        assert list(stage.values()).count("Production") == (serving is not None)
        outcomes = [fact for fact in made if isinstance(fact, CommandOutcome)]
        assert len(made) == 2 or not outcomes or outcomes[0].status == "accepted"
    assert sorted(stage) == list(range(1, len(stage) + 1))
