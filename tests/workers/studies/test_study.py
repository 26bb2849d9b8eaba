"""Tuning: a study finds the best, and goes on after a kill as if there had been none."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import IO

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

from schemas.research import Parameter
from tests.fakes.known_search import BEST, SPACE, WINDOWS, scores, search, trials
from workers.studies.samplers import SAMPLERS, from_unit, optuna_distributions, to_unit
from workers.studies.storage import Journal, StorageError, journal_path, open_storage
from workers.studies.study import (
    SearchObserver,
    StudyDiffers,
    finished_trials,
    open_study,
    run_search,
)


def output(child: subprocess.Popen[bytes]) -> IO[bytes]:
    """Return what a child prints."""
    assert child.stdout is not None
    return child.stdout


every_sampler = pytest.mark.parametrize("sampler", sorted(SAMPLERS))


@every_sampler
def test_the_same_seed_gives_the_same_trials_and_another_gives_others(tmp_path, sampler):
    first = trials(tmp_path / "a", search(sampler=sampler, seed=3))
    again = trials(tmp_path / "b", search(sampler=sampler, seed=3))
    other = trials(tmp_path / "c", search(sampler=sampler, seed=4))

    assert first == again
    assert [t[1] for t in first] != [t[1] for t in other]
    assert [t[0] for t in first] == list(range(40))


@pytest.mark.parametrize(("sampler", "within"), [("TPESampler", 0.5), ("CmaEsSampler", 0.5)])
def test_a_model_of_the_trials_comes_near_the_best(tmp_path, sampler, within):
    found = trials(tmp_path, search(sampler=sampler, n_trials=150))

    best = max((t for t in found if t[2]), key=lambda t: t[2])
    assert best[2][0] > -within
    assert abs(best[1]["level"] - BEST["level"]) < 1.0


def test_cma_es_beats_random_search_on_a_smooth_bowl(tmp_path):
    space = {f"x{i}": Parameter(type="float", low=-5.0, high=5.0) for i in range(6)}

    def bowl(items):
        return [[(-sum((p[n] - 1.0) ** 2 for n in space),)] for p, _ in items]

    best = {}
    for sampler in ("CmaEsSampler", "RandomSampler"):
        what = search(sampler=sampler, space=space, n_trials=200, windows=1)
        study = open_study(what, open_storage(None, tmp_path / sampler, "job"))
        assert run_search(what, study, "worker", bowl)
        best[sampler] = study.best_value

    assert best["CmaEsSampler"] > -0.5
    assert best["CmaEsSampler"] > best["RandomSampler"] / 10.0


@pytest.mark.parametrize(
    ("sampler", "batch"), [*((name, 1) for name in sorted(SAMPLERS)), ("TPESampler", 4)]
)
def test_a_study_that_was_killed_goes_on_with_the_trials_of_one_that_was_not(
    tmp_path, sampler, batch
):
    whole = trials(tmp_path / "whole", search(sampler=sampler, batch=batch))
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.fakes.known_search", str(folder), sampler, str(batch)]
    for _ in range(2):
        with subprocess.Popen([*command, "worker", "40", "0.01"], stdout=subprocess.PIPE) as child:
            for _ in range(7):
                output(child).readline()
            child.kill()
    under_way = [
        t.number
        for t in optuna.load_study(
            study_name="job", storage=open_storage(None, folder, "job")
        ).get_trials(states=(TrialState.RUNNING,))
    ]

    after = trials(folder, search(sampler=sampler, batch=batch))

    assert len(under_way) <= batch
    assert after == whole


def test_workers_share_a_study_and_a_dead_ones_trial_is_taken_up(tmp_path):
    command = [
        sys.executable,
        "-m",
        "tests.fakes.known_search",
        str(tmp_path),
        "RandomSampler",
        "1",
    ]
    with subprocess.Popen([*command, "dead", "30", "0.02"], stdout=subprocess.PIPE) as dead:
        for _ in range(3):
            output(dead).readline()
        dead.kill()
    study = open_study(
        what := search(n_trials=30, sampler="RandomSampler"), open_storage(None, tmp_path, "job")
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):  # it has run out
        study._storage.set_trial_user_attr(trial._trial_id, "claim", {"worker": "dead", "until": 0})
    with subprocess.Popen([*command, "other", "30", "0.05"], stdout=subprocess.PIPE) as other:
        output(other).readline()

        assert run_search(what, study, "worker", scores)
        output(other).read()

    found = finished_trials(study, 30)
    assert [t.number for t in found] == list(range(30))
    assert all(t.state == TrialState.COMPLETE for t in found if t.params["window"] < 20)
    assert {t.user_attrs["claim"]["worker"] for t in found} == {"dead", "other", "worker"}
    alone = trials(tmp_path / "alone", what)
    assert [t.params for t in found] == [t[1] for t in alone]  # random needs no history


def test_a_stopped_search_keeps_its_trials_and_a_larger_limit_goes_on(tmp_path):
    what = search(n_trials=20)
    told: list[object] = []
    study = open_study(what, open_storage(None, tmp_path, "job"))

    ended = run_search(
        what, study, "worker", scores, SearchObserver(told.append, stopped=lambda: len(told) >= 8)
    )
    more = trials(tmp_path, search(n_trials=30))

    assert not ended
    assert len(told) == 8
    assert more == trials(tmp_path / "whole", search(n_trials=30))


def test_poor_trials_are_pruned_on_their_first_windows(tmp_path):
    asked: list[object] = []

    def counted(items):
        asked.extend(window for _, windows in items for window in windows)
        return scores(items)

    what = search(pruning=True, n_trials=60)
    study = open_study(what, open_storage(None, tmp_path, "job"))
    assert run_search(what, study, "worker", counted)

    pruned = [t for t in study.get_trials() if t.state == TrialState.PRUNED]
    assert 10 < len(pruned) < 50
    assert len(asked) < 60 * WINDOWS - len(pruned) / 2
    assert study.best_value == max(t.value for t in study.get_trials() if t.value is not None)


def test_several_objectives_give_a_front(tmp_path):
    def both(items):
        return [[(-((p["level"] - 1.0) ** 2), -((p["level"] + 1.0) ** 2))] for p, _ in items]

    space = {"level": SPACE["level"]}
    what = search(sampler="NSGAIISampler", objectives=2, space=space, windows=1, n_trials=120)
    study = open_study(what, open_storage(None, tmp_path, "job"))
    assert run_search(what, study, "worker", both)

    front = [t.params["level"] for t in study.best_trials]
    assert len(front) > 5
    assert all(-1.1 < level < 1.1 for level in front)


def test_parameters_that_make_no_run_fail_with_the_reason(tmp_path):
    space = SPACE | {"window": Parameter(type="int", low=2, high=400)}
    what = search(space=space, sampler="RandomSampler")
    study = open_study(what, open_storage(None, tmp_path, "job"))
    assert run_search(what, study, "worker", scores)

    failed = study.get_trials(states=(TrialState.FAIL,))
    assert failed
    assert all("is not below slow" in t.user_attrs["cause"] for t in failed)


def test_a_study_of_that_name_with_another_space_is_refused(tmp_path):
    trials(tmp_path, search(n_trials=2))

    with pytest.raises(StudyDiffers, match="study job was started with another space"):
        open_study(search(space={"level": SPACE["level"]}), open_storage(None, tmp_path, "job"))


def test_a_line_torn_by_a_crash_is_cut_off(tmp_path):
    trials(tmp_path, search(n_trials=3))
    path = journal_path(tmp_path, "job")
    with path.open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","study')

    assert len(trials(tmp_path, search(n_trials=6))) == 6
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_writers_of_one_journal_do_not_mix_their_lines(tmp_path):
    def write(number):
        journal = Journal(tmp_path / "journal")
        for line in range(50):
            journal.append_logs([{"op_code": number, "line": line, "pad": "x" * 3_000}])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    read = list(Journal(tmp_path / "journal").read_logs(0))
    assert len(read) == 200
    for number in range(4):
        assert [log["line"] for log in read if log["op_code"] == number] == list(range(50))


def test_a_database_gives_the_trials_of_the_journal(tmp_path):
    what = search(n_trials=15)

    stored = trials(tmp_path, what, f"sqlite:///{tmp_path}/studies.db")

    assert stored == trials(tmp_path / "journal", what)


@pytest.mark.skipif(find_spec("pgserver") is None, reason="no PostgreSQL wheel for this processor")
def test_postgresql_gives_the_trials_of_the_journal(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    from pgserver.postgres_server import get_server

    what = search(n_trials=15)
    with get_server(tmp_path / "database", cleanup_mode="delete") as server:
        socket = f"{make_url(server.get_uri()).query['host']}/.s.PGSQL.5432"
        stored = trials(tmp_path, what, f"postgresql://postgres@/postgres?unix_sock={socket}")

    assert stored == trials(tmp_path / "journal", what)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "REGIMEFLOW_TUNING_STORAGE is no database URL"),
        ("oracle://u:hush@h/d", "tuning storage 'oracle', expected one of sqlite, postgresql"),
        ("postgresql://u:hush@127.0.0.1:1/d", r"postgresql\+pg8000://u:\*\*\*@.* does not answer"),
        ("mysql://u:hush@127.0.0.1:1/d", r"mysql\+pymysql://u:\*\*\*@.* does not answer"),
        ("sqlite:////dev/null/x.db", "sqlite:////dev/null/x.db does not answer"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_named_without_its_password(tmp_path, url, said):
    with pytest.raises(StorageError, match=said) as refused:
        open_storage(url, tmp_path, "job")

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(SPACE))
def test_a_value_comes_back_from_its_place_in_the_unit_interval(name):
    found = optuna_distributions(SPACE)[name]
    assert isinstance(found, FloatDistribution | IntDistribution)
    for unit in (0.0, 0.1, 0.49, 0.5, 0.77, 1.0):
        value = from_unit(found, unit)

        assert found.low <= value <= found.high * (1.0 + 1e-12)
        assert from_unit(found, to_unit(found, value)) == pytest.approx(value, rel=1e-12)
