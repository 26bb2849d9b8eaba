"""The journal over HTTP: record, correct, list, performance."""

from __future__ import annotations

import pytest

from gateway.access.scopes import needed_scope
from schemas.journal import JournalCommand
from tests.build import close_time, idea_event, signal
from tests.fakes.command_processor import decide_configs
from tests.fakes.gateway import LAST

pytestmark = pytest.mark.anyio

TRADES = "/api/trades"
EXECUTED = {"ticker": "BTC-USD", "action": "executed", "entry": 45000, "exit": 45500}


@pytest.fixture
def journal(gateway):
    """A gateway whose commands are decided."""
    decide_configs(gateway)
    return gateway


async def send(gateway, method, path, body, status=200, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await gateway.client.request(method, path, json=body, headers=names)
    assert response.status_code == status, response.text
    return response.json()["data" if status == 200 else "error"]


async def add(gateway, body=None, status=200, **headers):
    return await send(gateway, "POST", TRADES, EXECUTED | (body or {}), status, **headers)


async def test_a_trade_is_recorded_listed_and_counted(journal):
    answer = await add(journal, {"quantity": "0.2", "fees": 9, "notes": "gut feeling 🎯"})

    trade = answer["trade"]
    assert answer["outcome"]["status"] == "accepted"
    assert (trade["state"], trade["trade"]["side"]) == ("closed", "buy")
    assert trade["result"]["profit"] == "91"
    assert trade["trade"]["notes"] == "gut feeling 🎯"
    listed = (await journal.get(TRADES, ticker="btcusdt"))["data"]
    assert listed == {"trades": [trade], "after": None}
    figures = (await journal.get(f"{TRADES}/performance"))["data"]
    assert (figures["trades"], figures["wins"], figures["profit"]) == (1, 1, "91")
    assert figures["expectancy_low"] is None


async def test_a_trade_about_a_signal_takes_its_side_and_grounds(journal):
    journal.bus.feed(signal(LAST, signal_id="s1", direction="sell", grade="B"))

    trade = (await add(journal, {"signal_id": "s1", "exit": None}))["trade"]

    assert (trade["trade"]["side"], trade["grade"], trade["state"]) == ("sell", "B", "open")
    assert trade["grounds"]["model_version"]
    assert trade["trade"]["opened_ms"] >= close_time(LAST)


async def test_a_trade_about_an_idea_takes_its_signal_side_and_risk(journal):
    journal.bus.feed(idea_event(1, side="sell", stop_price=46000.0))

    trade = (await add(journal, {"idea_id": "idea-BTCUSDT-1", "exit": "44000"}))["trade"]
    without = await send(journal, "PUT", f"{TRADES}/{trade['trade_id']}", {"idea_id": None})

    assert (trade["trade"]["side"], trade["grounds"]["signal_id"]) == ("sell", "signal-BTCUSDT-1")
    assert trade["result"]["idea_id"] == trade["grounds"]["idea_id"] == "idea-BTCUSDT-1"
    assert trade["result"]["r_multiple"] == pytest.approx((1000 - 44.5) / 1000)
    assert without["trade"]["grounds"] is None


async def test_a_correction_is_another_revision_and_leaves_the_rest(journal):
    name = (await add(journal, {"exit": None, "notes": "first"}))["trade"]["trade_id"]

    closed = await send(journal, "PUT", f"{TRADES}/{name}", {"exit": "46000.5"})
    again = await send(journal, "PUT", f"{TRADES}/{name}", {"exit": None, "reason": "typo"})

    assert (closed["trade"]["revision"], closed["trade"]["state"]) == (2, "closed")
    assert closed["trade"]["trade"]["notes"] == "first"
    assert (again["trade"]["state"], again["trade"]["result"]) == ("open", None)
    details = (await journal.get(f"{TRADES}/{name}"))["data"]
    assert [entry["trade"]["exit"] for entry in details["history"]] == [None, "46000.5", None]


async def test_the_same_key_is_one_trade_and_another_request_under_it_is_refused(journal):
    first = await add(journal, idempotency_key="k1")
    again = await add(journal, idempotency_key="k1")

    assert again["trade"] == first["trade"]
    assert "another request" in await add(journal, {"entry": 1}, 409, idempotency_key="k1")
    sent = [r for r, _ in journal.bus.published if isinstance(r, JournalCommand)]
    assert len(sent) == 1


async def test_a_key_answers_again_when_its_signal_is_no_longer_held(journal):
    journal.bus.feed(signal(LAST, signal_id="s1"))
    first = await add(journal, {"signal_id": "s1"}, idempotency_key="k1")
    journal.ctx.views.signals.pop("s1")

    again = await add(journal, {"signal_id": "s1"}, idempotency_key="k1")

    assert again["trade"] == first["trade"]


async def test_an_own_id_is_one_trade(journal):
    body = {"trade_id": "mine-1", "opened_ms": close_time(1), "closed_ms": close_time(2)}
    await add(journal, body)

    assert (await add(journal, body))["outcome"]["code"] == "same"
    assert "correct it" in await add(journal, body | {"entry": 1}, 409)


async def test_a_trade_that_is_added_again_without_its_times_is_the_same(journal):
    await add(journal, {"trade_id": "mine-1"})

    assert (await add(journal, {"trade_id": "mine-1"}))["outcome"]["code"] == "same"


async def test_a_time_of_zero_is_not_one_that_is_left_out(journal):
    times = {"opened_ms": 0, "closed_ms": 1}
    await add(journal, {"trade_id": "mine-1", **times})
    await add(journal, {"trade_id": "mine-2", "opened_ms": 1, "closed_ms": 1})

    assert "correct it" in await add(journal, {"trade_id": "mine-1", "closed_ms": 0}, 409)
    assert "correct it" in await add(journal, {"trade_id": "mine-2", **times}, 409)


async def test_a_computed_price_is_taken_as_far_as_prices_go(journal):
    trade = (await add(journal, {"exit": 1798.5838202865068}))["trade"]["trade"]

    assert trade["exit"] == "1798.583820286507"


@pytest.mark.parametrize(
    ("said", "status", "error"),
    [
        ({"opened_ms": 7_258_118_400_000}, 400, "opened_ms: got 7258118400000, expected"),
        ({"closed_ms": 7_258_118_400_000}, 400, "closed_ms: got 7258118400000, expected"),
        ({"trade_id": "performance"}, 400, "which is another route"),
        ({"strategy_name": "nonexistent"}, 404, "strategy nonexistent has no config"),
    ],
)
async def test_a_trade_of_the_future_or_of_what_is_not_there_is_refused(
    journal, said, status, error
):
    assert error in await add(journal, said, status)


async def test_a_dry_run_adds_nothing(journal):
    answer = await add(journal, {"dry_run": True})

    assert answer["trade"] is None
    assert any("journal.entries.v1" in fact for fact in answer["outcome"]["facts"])
    assert (await journal.get(TRADES))["data"]["trades"] == []


async def test_pages_follow_each_other_and_filters_narrow(journal):
    names = [(await add(journal, {"trade_id": f"t{n}"}))["trade"]["trade_id"] for n in range(5)]
    await add(journal, {"trade_id": "s", "action": "skipped", "entry": None, "exit": None})

    seen, after = [], None
    while True:
        query = {"limit": 2, "state": "closed"} | ({"after": after} if after else {})
        page = (await journal.get(TRADES, **query))["data"]
        seen += [trade["trade_id"] for trade in page["trades"]]
        after = page["after"]
        if after is None:
            break

    assert seen == names[::-1]
    figures = (await journal.get(f"{TRADES}/performance"))["data"]
    assert (figures["skipped"], figures["missed"], figures["trades"]) == (1, 0, 5)


@pytest.mark.parametrize("about", [{"signal_id": "s1"}, {"idea_id": "idea-BTCUSDT-1"}])
async def test_a_trade_that_stands_needs_its_signal_no_longer(journal, about):
    journal.bus.feed(signal(LAST, signal_id="s1"), idea_event(1))
    trade = (await add(journal, {"trade_id": "t", **about}))["trade"]
    views = journal.ctx.views
    views.signals.clear()
    views.ideas = type(views.ideas)()

    again = await add(journal, {"trade_id": "t", "side": trade["trade"]["side"], **about})
    corrected = await send(journal, "PUT", f"{TRADES}/t", {"exit": 46000, **about})

    assert again["outcome"]["code"] == "same"
    assert corrected["trade"]["grounds"] == trade["grounds"]
    assert "is held" in await add(journal, {"trade_id": "t", "idea_id": "other"}, 404)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"entry": None}, 400, "entry: got null, expected the price"),
        ({"entry": -5}, 400, "entry: got -5, expected more than 0"),
        ({"entry": "1e400"}, 400, "entry: got '1e400', expected a decimal number"),
        ({"closed_ms": 5, "opened_ms": 6}, 400, "closed_ms: got 5, expected 6 or later"),
        ({"ticker": "DOGE-USD"}, 404, "symbol DOGEUSDT is unknown"),
        ({"signal_id": "nobody"}, 404, "signal_id: 'nobody' is not among the newest"),
        ({"idea_id": "nobody"}, 404, "no idea 'nobody' is held"),
        ({"idea_id": "a", "signal_id": "b"}, 400, "expected one of them, got both"),
        ({"action": "ordered"}, 400, "action: Input should be 'executed', 'skipped' or 'missed'"),
        ({"trade_id": "a b"}, 400, "trade_id"),
        ({"leverage": 3}, 400, "leverage"),
        ({"fees": 3}, 400, "fees: expected with action executed and a quantity"),
        ({"notes": "x" * 2_001}, 400, "notes"),
    ],
)
async def test_bad_trades_are_refused_by_value_and_expectation(journal, body, status, said):
    assert said in await add(journal, body, status)
    assert (await journal.get(TRADES))["data"]["trades"] == []


async def test_a_neutral_signal_or_one_of_another_market_gives_no_side(journal):
    journal.bus.feed(
        signal(LAST, signal_id="n", direction="neutral"),
        signal(LAST, signal_id="e", symbol="ETHUSDT"),
        idea_event(1, symbol="ETHUSDT"),
    )

    assert "the signal says neutral" in await add(journal, {"signal_id": "n"}, 400)
    assert "a signal of ETHUSDT" in await add(journal, {"signal_id": "e"}, 400)
    assert "an idea of ETHUSDT" in await add(journal, {"idea_id": "idea-ETHUSDT-1"}, 400)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"side": None}, 400, "side: got null"),
        ({"entry": None}, 400, "entry: got null"),
        ({"expected_revision": 7}, 409, "is at revision 1, expected 7"),
        ({"ticker": "ETH-USD"}, 400, "ticker"),
    ],
)
async def test_bad_corrections_are_refused(journal, body, status, said):
    name = (await add(journal))["trade"]["trade_id"]

    assert said in await send(journal, "PUT", f"{TRADES}/{name}", body, status)


async def test_an_unknown_trade_is_404(journal):
    for method, body in (("GET", None), ("PUT", {"notes": ""})):
        response = await journal.client.request(method, f"{TRADES}/nobody", json=body)
        assert (response.status_code, "no trade 'nobody'" in response.text) == (404, True)
    assert (await journal.client.get(TRADES, params={"after": "nobody"})).status_code == 404


def test_recording_needs_to_operate():
    assert needed_scope("POST", TRADES) == needed_scope("PUT", f"{TRADES}/x") == "operate"
    assert needed_scope("GET", f"{TRADES}/performance") == "read"
