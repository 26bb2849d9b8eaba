"""The report of a model: printed with the files of its folder, or opened as a page."""

from __future__ import annotations

import webbrowser

import pytest
import typer

from deploy.cli.train_report import _chosen, _drawn, _lines, _open
from tests.build import registered
from tests.fakes.small_models import small_model
from workers.models.artifact import model_folder


def test_the_page_is_named_once_it_is_drawn_and_files_that_are_not_here_are_told(tmp_path):
    model = small_model(tmp_path)

    early = _drawn(model)
    (model_folder(model.uri) / "report.html").write_text("<p>")
    record, page = _drawn(model)
    away = list(_lines(registered(), *_drawn(registered())))

    assert early == (record, None)
    assert record is not None
    assert record["plan"]["boosted"] == {"rounds": 8}
    assert list(_lines(model, *early))[-1] == "its page is not drawn yet"
    assert list(_lines(model, record, page))[-1] == f"page: {page}"
    assert away[-1] == "its files are not here: file:///models/m1"


def test_a_page_is_opened_in_the_browser_or_the_error_says_where_it_lies(
    tmp_path, monkeypatch, capsys
):
    page, opened = tmp_path / "report.html", list[str]()

    def opens(url: str) -> bool:
        opened.append(url)
        return len(opened) == 1

    monkeypatch.setattr(webbrowser, "open", opens)

    _open(page, "m1")
    with pytest.raises(typer.Exit):
        _open(page, "m1")
    with pytest.raises(typer.Exit):
        _open(None, "m1")

    assert opened == [page.as_uri()] * 2
    said = capsys.readouterr().err
    assert f"no browser could be opened; the page is {page}" in said
    assert "model m1 has no page here" in said


def test_a_version_is_named_by_number_or_hash_and_the_head_names_its_strategy_and_timeframe(capsys):
    models = [registered(), registered(model_version="m2")]
    numbers = {"m1": 1, "m2": 2}

    by_number = _chosen(models, numbers, "1", "ensemble/1m")
    assert by_number is _chosen(models, numbers, "m1", "ensemble/1m") is models[0]
    assert _chosen(models, numbers, None, "ensemble/1m") is models[1]
    with pytest.raises(typer.Exit):
        _chosen(models, numbers, "3", "ensemble/1m")

    assert (
        "'3' of ensemble/1m is unknown, expected one of 1 (m1), 2 (m2)" in capsys.readouterr().err
    )
    head = next(iter(_lines(models[1], None, None, 2)))
    assert head.startswith("ensemble/1m version 2, model m2, BTCUSDT")
