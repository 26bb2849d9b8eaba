"""A training that was killed goes on: what was fitted of the same content is fitted once."""

from __future__ import annotations

import errno
from dataclasses import replace

import numpy as np
import pytest

from schemas.timeframes import MINUTE_MS
from schemas.training import TrainingRequest
from streams.processor import RecordRejected
from streams.runtime.settings import KafkaSettings
from tests.build import START_MS, regime_parameters
from tests.fakes.training_markets import SMALL, market
from workers.training import kept_fits, progress, train, worker
from workers.training.fit import TooFewRows
from workers.training.fitted import FittedModel
from workers.training.hand_over import write_series
from workers.training.kept_files import kept_folder, remove_kept
from workers.training.kept_fits import KeptFits
from workers.training.table import build_table

FITTED = FittedModel(
    forest=b"forest",
    lstm=b"",
    prior=np.array([0.2, 0.5, 0.3]),
    regimes=(regime_parameters(),),
    posteriors=np.full((4, 3), 1 / 3),
    left_out={"ETHUSDT": "still"},
)


def quiet(*_):
    pass


@pytest.fixture
def table():
    return build_table(market(edge=0.5, bars=60), SMALL.labels, SMALL.lstm.window)


@pytest.fixture
def fits(monkeypatch):
    """The fits that were really made, in order."""
    made: list[str] = []

    def fit_model(*_):
        made.append("model")
        return FITTED

    def fit_network(*_):
        made.append("network")
        return b"network"

    monkeypatch.setattr(kept_fits, "fit_model", fit_model)
    monkeypatch.setattr(kept_fits, "fit_network", fit_network)
    return made


def test_a_fit_is_made_once_and_comes_back_as_it_was(table, fits, tmp_path):
    folder = kept_folder(tmp_path, "a/../request")

    for _ in range(2):  # the second is of another process, after a kill
        kept = KeptFits(folder)
        again = kept.model(table, table.usable, SMALL, quiet)
        network = kept.network(table, table.usable, SMALL, quiet)

    assert fits == ["model", "network"]
    assert (again.forest, network) == (b"forest", b"network")
    assert (again.regimes, again.left_out) == (FITTED.regimes, FITTED.left_out)
    np.testing.assert_array_equal(again.posteriors, FITTED.posteriors)
    np.testing.assert_array_equal(again.prior, FITTED.prior)


@pytest.mark.parametrize("damage", [lambda _: b"", lambda b: b[:35], lambda b: b[:-1] + b"x"])
def test_a_kept_fit_that_was_altered_or_cut_off_is_made_again(damage, table, fits, tmp_path):
    for _ in range(2):
        KeptFits(tmp_path).model(table, table.usable, SMALL, quiet)
        KeptFits(tmp_path).network(table, table.usable, SMALL, quiet)
        for path in tmp_path.iterdir():
            path.write_bytes(damage(path.read_bytes()))

    assert fits == ["model", "network"] * 2


def test_a_fit_of_other_rows_labels_plan_or_filters_is_another(table, fits, tmp_path):
    kept = KeptFits(tmp_path)
    turned = replace(table, classes=table.classes[::-1].copy())
    before = {"BTCUSDT": regime_parameters()}

    kept.model(table, table.usable, SMALL, quiet)
    kept.model(table, table.usable[:-1], SMALL, quiet)
    kept.model(turned, table.usable, SMALL, quiet)
    kept.model(table, table.usable, replace(SMALL, seed=8), quiet)
    kept.model(table, table.usable, SMALL, quiet, before)

    assert fits == ["model"] * 5


@pytest.mark.usefixtures("fits")
def test_what_was_kept_of_a_request_is_removed_and_of_others_stays(table, tmp_path):
    for request in ("r1", "r2"):
        KeptFits(kept_folder(tmp_path, request)).network(table, table.usable, SMALL, quiet)

    remove_kept(tmp_path, "r1")

    assert not kept_folder(tmp_path, "r1").exists()
    assert len(list(kept_folder(tmp_path, "r2").iterdir())) == 1


def test_a_full_disk_refuses_the_request_in_words(monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "/models/x/forest.json")

    monkeypatch.setattr(worker, "call_in_children", full)

    with pytest.raises(RecordRejected, match=r"No space left on device.*free space, then replay"):
        worker.run_in_children(asked("manual"), tmp_path, KafkaSettings("x:1"), lambda: False)


def asked(reason):
    return TrainingRequest(
        request_id="r1",
        strategy="ensemble",
        event_time_ms=START_MS,
        symbols=("BTCUSDT",),
        timeframe_ms=MINUTE_MS,
        from_ms=START_MS,
        to_ms=START_MS + MINUTE_MS,
        reason=reason,
    )


@pytest.mark.parametrize(("reason", "told"), [("bootstrap", []), ("drift", ["lstm"])])
def test_networks_that_are_fitted_before_the_rest_are_told_of(monkeypatch, tmp_path, reason, told):
    stages: list[str] = []

    class Published:
        def __init__(self, *_):
            pass

        def publish(self, stage, *_):
            stages.append(stage)

    def train_networks(*arguments):
        on_progress = arguments[3]
        on_progress("lstm", 0.5, "network 1 of 2")
        raise TooFewRows("none")

    monkeypatch.setattr(worker, "TrainingProgressPublisher", Published)
    monkeypatch.setattr(train, "train_networks", train_networks)
    write_series(tmp_path, {})

    worker.run_networks(asked(reason).encode(), tmp_path, KafkaSettings("x:1"), tmp_path)

    assert stages == told


def test_a_later_training_tells_of_its_stages_in_the_order_in_which_it_has_them():
    shares = [
        progress.overall_share(stage, done, progress.STAGES_IN_TURN)
        for stage in ("dataset", "lstm", "folds", "regimes", "boosted", "calibration", "done")
        for done in (0.0, 1.0)
    ]

    assert shares == sorted(shares)
