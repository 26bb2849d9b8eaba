"""Performance over HTTP: ideas, journal and calls apart, by group, and what a human made of it."""

from __future__ import annotations

import pytest

from gateway.access.scopes import needed_scope
from schemas.journal import JournalEntry, JournalTrade
from schemas.timeframes import DAY_MS, HOUR_MS
from schemas.trades import EntryGrounds
from tests.build import close_time, score_totals, scored, trade_result
from tests.fakes.gateway import LAST
from tests.gateway.views.test_scores import apart

pytestmark = pytest.mark.anyio

PERFORMANCE = "/api/performance"
MIDNIGHT = close_time(LAST) // DAY_MS * DAY_MS


def grounds(signal_id="s1", **fields):
    defaults = {
        "signal_id": signal_id,
        "strategy": "ensemble",
        "timeframe_ms": 60_000,
        "event_time_ms": close_time(0),
        "direction": "buy",
        "grade": "B",
        "confidence": 0.7,
        "regime": "bear",
        "model_version": "m1",
        "config_id": None,
    }
    return EntryGrounds(**(defaults | fields))


def result(kind, name, net, **fields):
    about = grounds(name)
    defaults = {"net_return": net, "gross_return": net + 0.001, "grounds": about}
    return trade_result(kind=kind, trade_id=f"{kind}-{name}", **(defaults | fields))


def entry(name, about, action="executed"):
    """Return how a trade of the journal stands."""
    trade = {"action": action, "side": "buy", "entry": "100", "opened_ms": close_time(0)}
    return JournalEntry(
        strategy="ensemble",
        trade_id=name,
        symbol="BTCUSDT",
        revision=1,
        event_time_ms=close_time(0),
        trade=JournalTrade(**trade),
        grounds=about,
        command_id=name,
        by="anna",
    )


async def summary(gateway, **query):
    return (await gateway.get(f"{PERFORMANCE}/summary", **query))["data"]


async def groups(gateway, **query):
    rows = (await gateway.get(PERFORMANCE, **query))["data"]["groups"]
    return {
        row["group"]: {kind: row[kind] and row[kind]["trades"] for kind in KINDS} for row in rows
    }


KINDS = ("ideas", "journal", "calls")


async def test_with_nothing_finished_all_is_shown_as_nothing(gateway):
    report = await summary(gateway)

    assert [report[kind]["trades"] for kind in KINDS] == [0, 0, 0]
    assert report["ideas"]["expectancy"] is None
    assert report["equity"] == {"ideas": [], "journal": []}
    assert report["today"]["from_ms"] == MIDNIGHT
    assert await groups(gateway) == {}


async def test_ideas_journal_and_calls_stay_apart(gateway):
    gateway.bus.feed(
        result("paper", "s1", 0.02),
        result("journal", "s1", -0.01),
        scored(0, net_return=0.003),
        scored(1, direction="neutral", net_return=0.0),
        scored(2, net_return=None, gross_return=None, outcome=None, hit=None),
    )

    report = await summary(gateway)

    assert [report[kind]["trades"] for kind in KINDS] == [1, 1, 1]
    assert [report[kind]["expectancy"] for kind in KINDS] == [0.02, -0.01, 0.003]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("grade", ["A+", "B", "none"]),
        ("symbol", ["BTCUSDT", "ETHUSDT"]),
        ("timeframe", ["1m", "15m", "none"]),
        ("regime", ["bear", "bull", "none"]),
        ("hour", ["00", "15"]),
        ("model", ["m1", "m2", "none"]),
        ("month", ["2025-06", "2025-07"]),
    ],
)
async def test_groups_are_of_the_signal_that_a_trade_is_about_and_in_order(gateway, by, expected):
    july = 1_751_328_000_000
    gateway.bus.feed(
        result("paper", "s1", 0.02, grounds=grounds(timeframe_ms=900_000)),
        result("journal", "s2", 0.01, grounds=None, symbol="ETHUSDT", opened_ms=july,
               closed_ms=july + HOUR_MS),
        scored(0, model_version="m2"),
    )  # fmt: skip

    found = await groups(gateway, by=by)

    assert list(found) == expected
    counted = [sum(row[kind] or 0 for row in found.values()) for kind in KINDS]
    assert counted == [1, 1, 1]


async def test_a_withdrawn_or_corrected_result_counts_as_it_now_stands(gateway):
    gateway.bus.feed(result("journal", "s1", 0.02), result("journal", "s2", 0.01))
    assert (await summary(gateway))["journal"]["net_return"] == pytest.approx(0.03)

    gateway.bus.feed(
        result("journal", "s1", 0.05, revision=3),
        result("journal", "s1", 0.01, revision=2),
        result("journal", "s2", 0.01, revision=2, withdrawn=True),
    )

    journal = (await summary(gateway))["journal"]
    assert (journal["trades"], journal["net_return"]) == (1, 0.05)


async def test_filters_narrow(gateway):
    gateway.bus.feed(
        result("paper", "s1", 0.02, closed_ms=MIDNIGHT - 1, opened_ms=MIDNIGHT - 2),
        result("paper", "s2", 0.01, closed_ms=MIDNIGHT, opened_ms=MIDNIGHT - 2),
        result("paper", "s3", 0.01, symbol="ETHUSDT", grounds=grounds(timeframe_ms=900_000)),
    )

    async def ideas(**query):
        return (await summary(gateway, **query))["ideas"]["trades"]

    assert await ideas() == 3
    assert await ideas(ticker="btc-usd") == 2
    assert await ideas(timeframe="15m") == 1
    assert await ideas(to_ms=MIDNIGHT) == 1
    assert await ideas(from_ms=MIDNIGHT) == 2
    assert (await summary(gateway))["today"]["ideas"]["trades"] == 2


async def test_what_a_human_did_stands_beside_what_his_ideas_came_to(gateway):
    gateway.bus.feed(
        result("paper", "s1", 0.02),
        result("paper", "s2", 0.03),
        result("paper", "s3", -0.01),
        result("paper", "s4", -0.02),
        entry("journal-s1", grounds("s1")),
        result("journal", "s1", 0.015),
        entry("b", grounds("s2"), "skipped"),
        entry("c", grounds("s3"), "skipped"),
        entry("d", grounds("s4"), "missed"),
        entry("e", grounds("still open"), "skipped"),
        entry("f", None, "skipped"),
    )

    report = await summary(gateway)

    assert report["followed"]["trades"] == 1
    assert report["followed"]["difference"] == pytest.approx(-0.005)
    skipped = report["skipped"]
    assert (skipped["ideas"], skipped["winners"], skipped["losers"]) == (2, 1, 1)
    assert skipped["net_return"] == pytest.approx(0.01)
    assert report["missed"] == {"ideas": 1, "winners": 0, "losers": 1, "net_return": -0.02}


async def test_an_idea_is_let_pass_once_and_followed_in_its_direction_while_it_was_to_be_had(
    gateway,
):
    late = entry("journal-late", grounds("s1", event_time_ms=close_time(1)))
    against = entry("journal-against", grounds("s1", direction="sell"))
    gateway.bus.feed(
        result("paper", "s1", 0.02),
        *[entry(f"passed-{number}", grounds("s1"), "skipped") for number in range(3)],
        entry("missed", grounds("s1"), "missed"),
        late,
        against,
        *[result("journal", name, 0.05, grounds=grounds()) for name in ("late", "against")],
    )

    report = await summary(gateway)

    counts = (report["followed"]["trades"], report["skipped"]["ideas"], report["missed"]["ideas"])
    assert counts == (0, 0, 1)  # the newest word counts


async def test_grades_that_keep_less_than_they_promise_are_named(gateway):
    gateway.bus.feed(score_totals(*apart(60, 30)))

    named = {"symbol": "BTCUSDT", "timeframe": "1m", "grade": "A"}
    assert (await summary(gateway))["refuted"] == [named]
    assert (await summary(gateway, timeframe="15m"))["refuted"] == []
    assert (await summary(gateway, ticker="ETH-USD"))["refuted"] == []


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"by": "moon"}, 400, "by: Input should be 'grade'"),
        ({"ticker": "DOGE-USD"}, 404, "symbol DOGEUSDT is unknown"),
        ({"timeframe": "7m"}, 400, "does not run here"),
        ({"from_ms": 5, "to_ms": 5}, 400, "to_ms: got 5, expected more than from_ms 5"),
        ({"from_ms": -1}, 400, "from_ms"),
        ({"window": 5}, 400, "window: unknown query field"),
    ],
)
async def test_a_wrong_query_is_refused_with_what_was_expected(gateway, query, status, said):
    response = await gateway.client.get(PERFORMANCE, params=query)

    assert response.status_code == status, response.text
    assert said in response.json()["error"]


async def test_before_the_views_are_read_it_is_unavailable(empty):
    empty.bus.ready = False

    assert (await empty.client.get(f"{PERFORMANCE}/summary")).status_code == 503


def test_whoever_may_read_sees_it():
    assert needed_scope("GET", f"{PERFORMANCE}/summary") == "read"


async def test_a_grade_says_where_its_promise_is_refuted(gateway):
    broken = [
        scored(15 * number, grade="A", grade_promise=0.75, hit=number < 30, outcome="buy")
        for number in range(60)
    ]
    gateway.bus.feed(*broken, score_totals(*broken))

    [row] = (await gateway.get(PERFORMANCE, by="grade"))["data"]["groups"]
    [elsewhere] = (await gateway.get(PERFORMANCE, by="symbol"))["data"]["groups"]

    assert (row["group"], row["refuted_in"]) == ("A", ["BTCUSDT 1m"])
    assert elsewhere["refuted_in"] == []
