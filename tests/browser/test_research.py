"""The research page: from a form to a result that can be judged, kept, compared and made again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from schemas.jobs import BacktestRequest
from schemas.research import OptimizeSpec
from schemas.timeframes import DAY_MS
from tests.browser import research, scenes
from tests.browser.axe import faults, load_axe
from tests.browser.conftest import NewPage, Watched
from tests.browser.research import Bench
from tests.browser.stage import Stage
from tests.browser.test_page import NARROW, wider_than_itself
from tests.build import START_MS, job_result, status
from workers.backtest.compute import prepare

pytestmark = pytest.mark.browser

SMALL = "window_range=20,60,20&signal_range=0.5,1.5,0.5"
SEARCH = f"#/research/optimize?symbol=BTCUSDT&{SMALL}"
# Its kernels take a block of 64 at a time: this is three steps.
STEPS = "#/research/optimize?symbol=ETHUSDT&window_range=10,190,10&signal_range=0.5,2.75,0.25"
FORWARD = f"#/research/walk_forward?symbol=BTCUSDT&{SMALL}"
ONCE = "#/research/performance?symbol=SOLUSDT&window=40&signal=0.5"
FIGURES = {"total_return": -0.06, "max_drawdown": 0.08, "trades": 39, "win_rate": 0.15}
SEARCHED: dict[str, Any] = {
    "result": {
        "kind": "hyperopt",
        "trials": 6,
        "verdict": "Nothing here: six tries, and not one earned more than it cost.",
        "expected_max_sharpe": 7.24,
        "deflated_sharpe_ratio": 0.001,
        "pbo": None,
        "best_params": {"fast": 40, "slow": 113},
        "best_value": -9.94,
        "in_sample": FIGURES | {"sharpe_ratio": -9.94, "profit_factor": 0.36},
        "out_of_sample": FIGURES | {"sharpe_ratio": -2.68, "profit_factor": None},
        "holdout": {"from_ms": START_MS - DAY_MS, "to_ms": START_MS},
        "equity": {"time_ms": [START_MS - DAY_MS, START_MS], "equity": [1.01, 0.99]},
    },
    "urls": {"trials.parquet": "file:///var/lib/regimeflow/results/trials.parquet"},
}


@pytest.fixture(scope="module")
def bench() -> Bench:
    prepare()  # as the process does before it says that it runs: nobody waits for a compiler
    return Bench(research.markets(days=180))


@pytest.fixture
def lab(built: None, bench: Bench) -> Iterator[Stage]:  # noqa: ARG001 - the gateway serves the build
    """A gateway with a back-test process."""
    records = [*research.records(bench.held), *scenes.running(0)]
    with Stage(records, bench=bench, timeframes="1h") as stage:
        yield stage
        bench.go()
        bench.join()


def opened(new_page: NewPage, stage: Stage, at: str = "#/research", **options: object) -> Watched:
    watched = new_page(stage, at, **options)
    expect(watched.page.get_by_role("form")).to_be_visible()
    return watched


def run(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Verdict")).to_be_visible()


def asked(stage: Stage) -> list[BacktestRequest]:
    return [record for record, _ in stage.bus.published if isinstance(record, BacktestRequest)]


def results(stage: Stage, kind: str) -> list[dict[str, Any]]:
    jobs = stage.ctx.views.jobs.newest(kind)  # type: ignore[arg-type]  # one of the literal's words
    return [json.loads(job.result.raw) for job in jobs if job.result and job.result.raw]


def test_a_search_runs_from_the_form_as_it_stands_to_an_honest_verdict(lab, new_page):
    watched = opened(new_page, lab)
    page = watched.page
    page.get_by_label("Symbol").select_option("ETHUSDT")

    page.get_by_role("button", name="Run Ctrl").click()

    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict.get_by_role("heading", name="Nothing here")).to_be_visible()
    [result] = results(lab, "optimize")
    expect(verdict).to_contain_text(f"{result['deflated_sharpe_ratio']:.2f}")
    expect(verdict).to_contain_text(f"{result['pbo']:.2f}")
    expect(verdict).to_contain_text(f"{result['trials']:,}")
    [*_, first] = asked(lab)[:1]
    assert first.spec.symbol == "ETHUSDT"
    assert isinstance(first.spec, OptimizeSpec)
    assert first.spec.combinations == result["trials"] > 100
    expect(page.get_by_role("slider", name=re.compile("Best trial"))).to_be_visible()
    expect(page.get_by_role("table", name=re.compile("The best 10"))).to_be_visible()
    assert watched.errors == []
    assert {url.split("/", 3)[2] for url in watched.asked} == {lab.url.split("/")[2]}


@pytest.mark.parametrize("at", [STEPS, STEPS.replace("optimize", "walk_forward")])
def test_progress_is_told_while_a_search_runs(lab, bench, new_page, at):
    page = opened(new_page, lab, at).page
    bench.hold()

    page.keyboard.press("Control+Enter")
    running = page.get_by_role("region", name="Progress")
    expect(running).to_contain_text("Running")
    bench.step(2)

    bar = running.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("34|67"))
    expect(running).to_contain_text("Best sharpe so far")
    expect(running.get_by_role("img", name=re.compile("Best so far"))).to_be_visible()
    bench.go()
    expect(page.get_by_role("region", name="Verdict")).to_be_visible()


@pytest.mark.parametrize("at", [STEPS, STEPS.replace("optimize", "walk_forward")])
def test_escape_cancels_and_what_ran_is_kept_and_called_partial(lab, bench, new_page, at):
    page = opened(new_page, lab, at).page
    bench.hold()
    page.keyboard.press("Control+Enter")
    running = page.get_by_role("region", name="Progress")
    bench.step()
    expect(running).to_contain_text("64 of 190")

    page.keyboard.press("Escape")
    expect(running).to_contain_text("Cancelling")
    assert bench.was_cancelled.wait(20.0)
    bench.go()

    expect(page.get_by_role("region", name="Verdict")).to_contain_text("Stopped after 64 of 190")


def test_a_link_fills_the_form_and_the_same_request_gives_the_same_result(lab, new_page):
    page = opened(new_page, lab, SEARCH + "&fee_bps=3&signal_type=reversion").page
    expect(page.get_by_role("heading", name="Optimise, as it was asked for")).to_be_visible()
    expect(page.get_by_label("Signal type")).to_have_value("reversion")
    run(page)
    expect(page.get_by_role("slider")).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("l")
    expect(page.get_by_text("Copied")).to_be_visible()
    link = str(page.evaluate("navigator.clipboard.readText()"))

    again = opened(new_page, lab, link.split("/", 3)[3]).page
    expect(again.get_by_role("heading", name="Optimise, as it was asked for")).to_be_visible()
    run(again)

    expect(again.get_by_role("slider")).to_be_visible()
    second, first = results(lab, "optimize")
    for name in ("best_params", "top_10", "deflated_sharpe_ratio", "pbo", "market", "costs"):
        assert first[name] == second[name]
    assert first["costs"]["fee_bps"] == 3.0


def test_keys_alone_run_walk_the_heat_map_look_at_a_cell_pin_and_compare(lab, new_page):
    page = opened(new_page, lab, SEARCH).page
    run(page)
    heat = page.get_by_role("application", name=re.compile("Heat map"))
    expect(page.get_by_role("slider")).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pinned")).to_be_visible()

    heat.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("#heat-readout")).to_contain_text("window 20, signal 0.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("slider", name=re.compile("window 20 · signal 0.5"))).to_be_visible()

    equity = page.get_by_role("slider")
    equity.focus()
    page.keyboard.press("Home")
    expect(equity).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("Shift+ArrowRight")
    expect(equity).to_have_attribute("aria-valuetext", re.compile(r"strategy .*%, drawdown"))

    sort = page.get_by_role("button", name="Max drawdown", exact=True)
    sort.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Max drawdown").first).to_have_attribute(
        "aria-sort", "descending"
    )
    page.get_by_role("button", name="Show the equity of rank").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-shown=true]")).to_have_count(1)
    expect(page.get_by_role("slider")).to_be_visible()
    page.keyboard.press("p")
    page.keyboard.press("c")
    table = page.get_by_role("table", name=re.compile("Pinned runs"))
    expect(table.get_by_role("columnheader").filter(has_text="BTCUSDT")).to_have_count(2)
    page.reload()
    expect(page.get_by_role("button", name="Compare 2")).to_be_visible()


def test_walk_forward_shows_its_windows_and_what_was_chosen(lab, new_page):
    watched = opened(new_page, lab, FORWARD)
    page = watched.page
    run(page)

    [result] = results(lab, "walk_forward")
    rows = page.get_by_role("table", name=re.compile("Each window")).get_by_role("row")
    expect(rows).to_have_count(len(result["windows"]) + 1)
    expect(rows.nth(1).get_by_role("img", name=re.compile("Chosen on .* traded"))).to_be_visible()
    expect(rows.nth(1)).to_contain_text(re.compile(r"window \d+ · signal"))
    expect(page.get_by_role("slider", name=re.compile("Out of sample"))).to_be_visible()
    assert watched.errors == []


def test_a_back_test_shows_equity_months_and_its_table_twin(lab, new_page):
    page = opened(new_page, lab, ONCE).page
    run(page)

    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict.get_by_role("heading")).to_contain_text("in 180 days")
    expect(page.get_by_role("table", name=re.compile("each month"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("buy and hold")).first).to_be_visible()
    equity = page.get_by_role("region", name="Equity")
    equity.get_by_role("button", name="Table").click()
    expect(page.get_by_role("table", name=re.compile("Growth since"))).to_be_visible()


def test_trades_of_a_back_test_are_drawn_on_the_candles_and_stand_in_their_table(lab, new_page):
    watched = opened(new_page, lab, ONCE)
    page = watched.page
    run(page)
    chart = page.get_by_role("region", name="SOLUSDT chart")

    expect(chart.get_by_role("button", name="Back-test")).to_have_attribute("aria-pressed", "true")
    chart.get_by_role("button", name="Table").click()

    [result] = results(lab, "performance")
    trades = chart.get_by_role("region", name="Trades as a table").get_by_role("row")
    expect(trades).to_have_count(1 + len(result["trades"]["rows"]))
    newest = result["trades"]["rows"][-1]
    earned = newest["pnl"] / (newest["units"] * newest["entry_price"])
    expect(trades.nth(1)).to_contain_text(f"{abs(earned):.2%}")
    assert watched.errors == []


def test_what_is_refused_stands_at_its_field_which_gets_the_focus(lab, new_page):
    page = opened(new_page, lab, SEARCH).page
    low = page.get_by_label("Window range min")
    low.fill("90")
    page.get_by_label("Signal range step").fill("none")

    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("alert")).to_contain_text("2 fields")
    expect(low).to_be_focused()
    expect(low).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("group", name="Window range")).to_contain_text("max 60 is below min 90")
    expect(page.get_by_role("group", name="Signal range")).to_contain_text("step: Input should be")
    assert asked(lab) == []


def test_what_the_worker_refuses_stands_at_the_field_it_names(lab, new_page):
    page = opened(new_page, lab, FORWARD + "&train_bars=60").page

    page.keyboard.press("Control+Enter")

    field = page.get_by_label("Train, bars")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("form")).to_contain_text("too few")


def test_what_a_search_refuses_after_its_stream_began_stands_in_the_form(lab, bench, new_page):
    start_ms = int(bench.held["BTCUSDT"].open_time_ms[0])
    span = f"&from_ms={start_ms}&to_ms={start_ms + 2 * DAY_MS}"
    page = opened(new_page, lab, SEARCH + span).page

    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("alert")).to_contain_text("cover 2 days; a search needs")
    expect(page.get_by_role("region", name="No result")).to_be_visible()


def test_a_strategy_takes_its_parameters_from_the_table(lab, new_page):
    page = opened(new_page, lab).page

    page.get_by_role("button", name="Strategy", exact=True).click()
    page.get_by_label("Strategy", exact=True).select_option("ema_cross")
    for name, ranged in {"fast": "5 15 5", "slow": "40 80 20"}.items():
        for edge, text in zip(("min", "max", "step"), ranged.split(), strict=True):
            page.get_by_label(f"{name} {edge}").fill(text)
    run(page)

    [first, *_] = asked(lab)
    assert first.spec.strategy == "ema_cross"
    assert results(lab, "optimize")[0]["trials"] == 9
    expect(page.get_by_role("slider", name=re.compile("fast .* slow"))).to_be_visible()


def test_several_factors_are_asked_for_as_such(lab, new_page):
    page = opened(new_page, lab, SEARCH).page

    page.get_by_role("button", name="Several").click()
    page.get_by_role("button", name="Add a factor").click()
    second = page.get_by_role("group", name="Factor 2")
    second.get_by_label("Indicator").select_option("rsi")
    second.get_by_label("Signal range min").fill("5")
    second.get_by_label("Signal range max").fill("15")
    second.get_by_label("Signal range step").fill("5")
    run(page)

    [first, *_] = asked(lab)
    assert [factor.indicator for factor in first.spec.all_factors] == ["bollinger_z", "rsi"]
    expect(page.get_by_role("slider", name=re.compile("window 2 .* signal 2"))).to_be_visible()


def test_a_stream_that_is_cut_is_taken_up_where_it_stopped(lab, bench, new_page):
    page = opened(new_page, lab, STEPS).page
    bench.hold()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Progress")).to_contain_text("of 190")

    lab.close()
    expect(page.get_by_role("region", name="Progress")).to_contain_text("Taking it up again")
    lab.open()
    bench.go()

    expect(page.get_by_role("region", name="Verdict")).to_be_visible()


@pytest.mark.usefixtures("built")
def test_without_a_back_test_process_the_page_says_how_to_start_it(bench, new_page):
    records = [*research.records(bench.held, running=False), *scenes.running(0)]
    with Stage(records, bench=bench, timeframes="1h") as stage:
        page = opened(new_page, stage, SEARCH).page

        page.keyboard.press("Control+Enter")

        expect(page.get_by_role("alert").first).to_contain_text("regimeflow run backtest")


def test_a_run_goes_on_while_signals_are_looked_at_and_recent_ones_open_again(lab, new_page):
    page = opened(new_page, lab, SEARCH).page
    run(page)
    expect(page.get_by_role("slider")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("navigation", name="Markets")).to_be_visible()
    page.get_by_role("link", name="Research").click()
    expect(page.get_by_role("region", name="Verdict")).to_be_visible()
    page.reload()

    page.get_by_role("button", name=re.compile("^Optimise BTCUSDT")).click()

    expect(page.get_by_role("region", name="Verdict")).to_be_visible()
    expect(page.get_by_label("Window range max")).to_have_value("60")


@pytest.mark.parametrize("at", [SEARCH, FORWARD, ONCE])
def test_a_reload_shows_the_result_again_without_running_it_again(lab, new_page, at):
    page = opened(new_page, lab, at).page
    run(page)
    verdict = page.get_by_role("region", name="Verdict").inner_text()
    expect(page.get_by_role("slider")).to_be_visible()
    count = len([r for r in asked(lab) if r.spec.kind != "performance" or "performance" in at])

    page.reload()

    expect(page.get_by_role("region", name="Verdict").get_by_role("heading")).to_be_visible()
    assert (
        verdict.splitlines()[:3]
        == (page.get_by_role("region", name="Verdict").inner_text().splitlines()[:3])
    )
    expect(page.get_by_role("slider")).to_be_visible()
    again = [r for r in asked(lab) if r.spec.kind != "performance" or "performance" in at]
    assert len(again) == count == 1


def test_back_leads_from_one_run_to_the_one_before_and_to_the_empty_page(lab, new_page):
    page = opened(new_page, lab).page
    verdict = page.get_by_role("region", name="Verdict")
    for symbol in ("ETHUSDT", "BTCUSDT"):
        page.get_by_label("Symbol").select_option(symbol)
        run(page)
        expect(verdict).to_contain_text(symbol)
        expect(page).to_have_url(re.compile("&job="))

    page.go_back()
    expect(verdict).to_contain_text("ETHUSDT")
    expect(page.get_by_label("Symbol")).to_have_value("ETHUSDT")
    page.go_back()
    expect(page.get_by_role("region", name="Nothing has run")).to_be_visible()


def test_a_run_that_is_not_held_says_so_and_its_request_can_run_again(lab, new_page):
    page = opened(new_page, lab, SEARCH + "&job=of-last-year").page

    expect(page.get_by_role("heading", name="This run is not here")).to_be_visible()
    expect(page.get_by_label("Window range max")).to_have_value("60")
    page.get_by_role("button", name="Run it again").click()
    expect(page.get_by_role("region", name="Verdict")).to_be_visible()


def test_recent_runs_show_parameters_and_outcome_and_no_run_that_nobody_asked_for(lab, new_page):
    page = opened(new_page, lab, SEARCH).page
    run(page)
    expect(page.get_by_role("slider")).to_be_visible()
    page.reload()
    expect(page.get_by_role("slider")).to_be_visible()

    rows = page.get_by_role("region", name="Recent runs").get_by_role("listitem")

    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("bollinger z, momentum · window 20 to 60 by 20")
    [result] = results(lab, "optimize")
    expect(rows).to_contain_text(f"best window {result['best_params']['window']:g}")
    expect(rows).to_contain_text(re.compile("Sharpe .?[0-9]"))


@pytest.mark.parametrize("at", [SEARCH, FORWARD, ONCE])
def test_narrow_page_never_scrolls_sideways(lab, new_page, at):
    page = opened(new_page, lab, at, viewport=NARROW).page
    assert not wider_than_itself(page)
    run(page)
    expect(page.get_by_role("slider")).to_be_visible()

    assert not wider_than_itself(page)


@pytest.mark.parametrize("scene", ["idle", "search", "forward", "once", "compare", "refused"])
def test_accessibility_has_no_known_fault(lab, new_page, scene):
    at = {"search": SEARCH, "forward": FORWARD, "once": ONCE, "compare": ONCE}.get(
        scene, "#/research"
    )
    page = opened(new_page, lab, at, bypass_csp=True, reduced_motion="reduce").page
    if scene == "refused":
        page.get_by_label("Signal range step").fill("none")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("alert")).to_be_visible()
    elif scene != "idle":
        run(page)
        expect(page.get_by_role("slider")).to_be_visible()
    if scene == "compare":
        page.keyboard.press("p")
        page.keyboard.press("c")
        expect(page.get_by_role("table", name=re.compile("Pinned runs"))).to_be_visible()

    load_axe(page)
    assert faults(page) == []


def test_a_search_of_hyperopt_opens_with_its_holdout_and_where_its_files_are(new_stage, new_page):
    held = research.markets(days=20)
    records = [*research.records(held), *scenes.running(0), status("tuning")]
    stage = new_stage(records, timeframes="1h")
    watched = opened(new_page, stage)
    page = watched.page
    asked_for = {"strategy_name": "ema_cross", "symbol": "BTCUSDT", "n_trials": 6}
    search = page.request.post(stage.url + "api/v1/hyperopt", data=asked_for).json()
    stage.feed(stage.bus.published[-1][0])
    runs = page.get_by_role("region", name="Recent runs")
    runs.get_by_role("button", name="Search BTCUSDT").click()
    shown = page.get_by_role("region", name="Search of hyperopt")
    expect(shown).to_contain_text("queued")

    stage.feed(job_result(search["job_id"], kind="hyperopt", spec=asked_for, **SEARCHED))

    expect(shown).to_contain_text("Nothing here: six tries")
    best = page.get_by_role("region", name="Best of them")
    expect(best).to_contain_text(re.compile(r"slow\s*113"))
    expect(best.get_by_role("row", name="Holdout, which no trial saw")).to_contain_text("2.68")
    expect(page.get_by_role("region", name="In files")).to_contain_text("/results/trials.parquet")
    expect(page).to_have_url(re.compile(f"#/research/hyperopt/{search['job_id']}$"))
    page.reload()
    expect(best).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Does it hold, or was it luck?")).to_be_visible()
    assert watched.errors == []
