"""Challenges: one at a time, decided by evidence that may be looked at always, once each."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.challenges import Challenge, ChallengeCommand, ChallengeEvent, ReturnTotals
from schemas.commands import CommandOutcome
from schemas.policies import ChallengePolicy, GatesPolicy
from schemas.record import Record
from schemas.timeframes import HOUR_MS
from streams.challenges.processor import PROCESSOR
from streams.return_totals import add_return, join
from streams.runtime.memory_driver import MemoryDriver
from tests.build import (
    challenge_command,
    challenge_outcome,
    challenge_trade,
    close_time,
    model_policy,
    registered,
)


class ChallengesRun:
    """The processor, fed by hand."""

    def __init__(self, *first: Record) -> None:
        self.driver = MemoryDriver([PROCESSOR])
        for record in first:
            self.outputs(record)

    def outputs(self, record: Record) -> list[Record]:
        return list(self.driver.feed(record))

    def outcome(self, command: ChallengeCommand) -> CommandOutcome:
        [outcome] = [each for each in self.outputs(command) if isinstance(each, CommandOutcome)]
        return outcome

    def events(self, record: Record) -> list[ChallengeEvent]:
        return [each for each in self.outputs(record) if isinstance(each, ChallengeEvent)]

    def create(self, **fields) -> Challenge:
        [event] = self.events(challenge_command(**fields))
        return event.challenge

    def blocks(self, challenge: Challenge, gains) -> list[ChallengeEvent]:
        return [
            event
            for block, gain in enumerate(gains)
            for event in self.events(
                challenge_outcome(block, gain, challenge_id=challenge.challenge_id)
            )
        ]


def gains(mean: float, blocks: int, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(mean, 1.0) for _ in range(blocks)]


def test_a_challenge_fixes_at_its_creation_what_will_decide_it():
    run = ChallengesRun()

    [event] = run.events(challenge_command())

    challenge = event.challenge
    assert (challenge.champion, challenge.challenger, challenge.status) == ("m1", "m2", "active")
    assert (challenge.horizon_bars, challenge.block_bars, challenge.alpha) == (2, 96, 0.025)
    assert challenge.from_ms == close_time(1)
    assert event.model is not None


def test_a_clearly_better_challenger_is_recommended_and_the_challenge_ends():
    run = ChallengesRun()
    challenge = run.create()

    events = run.blocks(challenge, gains(3.0, 60))

    last = events[-1]
    assert (last.action, last.challenge.recommendation) == ("concluded", "PROMOTE_CHALLENGER")
    assert last.challenge.low is not None
    assert last.challenge.low > 0.0
    assert not last.promotes
    assert len(events) < 60
    assert run.outcome(challenge_command("create", 1)).code == "done"


def test_a_worse_challenger_is_left_and_an_equal_one_undecided():
    worse, equal = ChallengesRun(), ChallengesRun()

    ended = worse.blocks(worse.create(), gains(-3.0, 60))[-1]
    open_ = equal.blocks(equal.create(), gains(0.0, 60, seed=3))[-1]

    assert (ended.action, ended.challenge.recommendation) == ("concluded", "KEEP_CHAMPION")
    assert (open_.action, open_.challenge.recommendation) == ("evaluated", "INCONCLUSIVE")
    assert open_.challenge.blocks == 60


def test_below_the_least_number_of_trades_nothing_is_decided():
    run = ChallengesRun()
    challenge = run.create(min_trades=100)

    last = run.blocks(challenge, gains(3.0, 60))[-1]

    assert last.challenge.recommendation == "INCONCLUSIVE"
    assert last.challenge.reason == "60 trades of the champion, expected 100 of each"


def test_blocks_without_any_difference_decide_nothing():
    run = ChallengesRun()

    last = run.blocks(run.create(), [0.0] * 40)[-1]

    assert (last.challenge.recommendation, last.challenge.low) == ("INCONCLUSIVE", None)


def test_an_outcome_that_comes_again_or_of_another_challenge_changes_nothing():
    run = ChallengesRun()
    challenge = run.create()
    run.blocks(challenge, gains(0.0, 3))

    again = challenge_outcome(1, 9.0, challenge_id=challenge.challenge_id)

    assert run.outputs(again) == []
    assert run.outputs(challenge_outcome(9, 9.0)) == []


def test_a_block_waits_for_every_symbol_but_not_for_ever():
    both = ("BTCUSDT", "ETHUSDT")
    models = {
        role: registered(model_version=version, horizon_bars=2, symbols=both)
        for role, version in (("champion", "m1"), ("challenger", "m2"))
    }
    run = ChallengesRun()
    challenge = run.create(**models)

    def told(symbol: str, block: int) -> list[int]:
        outcome = challenge_outcome(block, challenge_id=challenge.challenge_id, symbol=symbol)
        return [event.challenge.blocks for event in run.events(outcome)]

    assert told("BTCUSDT", 0) == []
    assert told("ETHUSDT", 0) == [1]
    assert [told("BTCUSDT", block) for block in range(1, 6)] == [[], [], [], [], [2]]
    assert told("ETHUSDT", 1) == []  # too late for its block


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"challenger": registered(model_version="m1")}, "invalid", "got m1, which serves"),
        ({"challenger": registered(model_version="m2")}, "invalid", "looks 15 bars ahead"),
        ({"challenger": None}, "invalid", "got null"),
        (
            {"challenger": registered(model_version="m2", timeframe_ms=HOUR_MS)},
            "invalid",
            "got a model of ensemble at 1h, expected one of ensemble at 1m",
        ),
        (
            {"challenger": registered(model_version="m2", horizon_bars=2, symbols=("XUSDT",))},
            "invalid",
            "knows none of BTCUSDT",
        ),
    ],
)
def test_models_that_cannot_be_compared_are_refused_by_value(fields, code, said):
    outcome = ChallengesRun().outcome(challenge_command(**fields))

    assert outcome.code == code
    assert said in outcome.detail


def test_of_two_challenges_of_a_timeframe_one_wins_and_other_timeframes_are_free():
    run = ChallengesRun()
    run.create()
    hours = {
        role: registered(model_version=version, timeframe_ms=HOUR_MS)
        for role, version in (("champion", "h1"), ("challenger", "h2"))
    }

    assert run.outcome(challenge_command("create", 1)).code == "conflict"
    assert run.outcome(challenge_command("create", 2, timeframe_ms=HOUR_MS, **hours)).code == "done"


def test_each_challenge_of_a_strategy_gets_less_of_its_error_than_the_one_before():
    run = ChallengesRun()
    alphas = []
    for minute in range(4):
        challenge = run.create(minute=minute)
        alphas.append(challenge.alpha)
        cancelled = run.outcome(
            challenge_command("cancel", minute, challenge_id=challenge.challenge_id)
        )
        assert cancelled.code == "done"

    assert alphas == sorted(alphas, reverse=True)
    assert sum(alphas) < 0.05


def test_what_the_config_says_of_challenges_counts_from_its_time():
    policy = ChallengePolicy(min_trades=7, significance_level=0.5, automatic=True)
    gates = GatesPolicy(challenge=policy)
    run = ChallengesRun(model_policy(minute=5, gates=gates))

    challenge = run.create(minute=6, min_trades=None)

    assert (challenge.min_trades, challenge.alpha, challenge.automatic) == (7, 0.25, True)
    assert run.blocks(challenge, gains(3.0, 60))[-1].promotes


def test_a_challenge_that_is_not_decided_by_its_deadline_keeps_the_champion():
    run = ChallengesRun()
    run.create(deadline_hours=1.0)

    assert run.outputs(challenge_command("review", 59)) == []
    [event] = run.events(challenge_command("review", 60))

    assert (event.action, event.challenge.recommendation) == ("expired", "KEEP_CHAMPION")
    assert run.outputs(challenge_command("review", 61)) == []


def on_trades(**fields) -> tuple[ChallengesRun, str]:
    run = ChallengesRun()
    return run, run.create(basis="trades", **fields).challenge_id


def posted(run: ChallengesRun, name: str, minute: int = 9_000, **fields) -> CommandOutcome:
    return run.outcome(challenge_command("trade", minute, challenge_id=name, **fields))


def test_a_trade_counts_once_whatever_key_it_comes_under():
    run, name = on_trades()

    codes = [posted(run, name, 9_000 + n, trade=challenge_trade()).code for n in range(2)]
    other = posted(run, name, 9_002, trade=challenge_trade(net_return=0.5))

    assert codes == ["done", "same"]
    assert other.code == "conflict"


@pytest.mark.parametrize(
    ("trade", "code", "said"),
    [
        (challenge_trade(opened_ms=close_time(0)), "invalid", "opened_ms: got"),
        (challenge_trade(closed_ms=close_time(9_500)), "invalid", "closed_ms: got"),
        (None, "invalid", "trade: got null"),
    ],
)
def test_a_trade_from_outside_of_a_challenge_is_refused(trade, code, said):
    run, name = on_trades()

    outcome = posted(run, name, trade=trade)

    assert outcome.code == code
    assert said in outcome.detail


def test_trades_are_refused_where_predictions_are_compared_and_where_nothing_is():
    run = ChallengesRun()
    name = run.create().challenge_id

    assert "compares predictions" in posted(run, name, trade=challenge_trade()).detail
    elsewhere = posted(run, "challenge-ffffffffffff", 9_001, trade=challenge_trade())
    assert (elsewhere.code, elsewhere.detail) == (
        "conflict",
        "challenge-ffffffffffff is not active",
    )


def test_trades_decide_where_they_differ_and_one_arm_alone_never_does():
    run, name = on_trades()
    chance = random.Random(5)
    last = None
    for number in range(120):
        for variant, mean in (("champion", -0.01), ("challenger", 0.02)):
            trade = challenge_trade(number, variant, net_return=chance.gauss(mean, 0.01))
            command = challenge_command("trade", 1_000, challenge_id=name, trade=trade)
            made = run.events(command.model_copy(update={"command_id": trade.trade_id}))
            last = made[-1] if made else last
    alone, other = on_trades()
    for number in range(60):
        trade = challenge_trade(number, net_return=chance.gauss(0.02, 0.01))
        command = challenge_command("trade", 1_000, challenge_id=other, trade=trade)
        [event] = alone.events(command.model_copy(update={"command_id": trade.trade_id}))

    assert last is not None
    assert last.challenge.recommendation == "PROMOTE_CHALLENGER"
    assert event.challenge.reason == "0 trades of the challenger, expected 2 of each"


def test_a_challenge_on_trades_says_how_many_more_it_takes_and_never_less_than_its_minimum():
    chance = random.Random(5)
    returns = (
        [chance.gauss(0.001, 0.01) for _ in range(60)],
        [chance.gauss(0, 0.01) for _ in range(60)],
    )

    def told(min_trades: int) -> list[int | None]:
        run, name = on_trades(min_trades=min_trades)
        more = []
        for number, pair in enumerate(zip(*returns, strict=True)):
            for variant, earned in zip(("challenger", "champion"), pair, strict=True):
                trade = challenge_trade(number, variant, net_return=earned)
                command = challenge_command("trade", 1_000, challenge_id=name, trade=trade)
                [event] = run.events(command.model_copy(update={"command_id": trade.trade_id}))
                more.append(event.challenge.more_trades)
        return more

    few, many = told(2), told(50_000)

    assert few[:19] == [None] * 19
    assert few[-1] is not None
    assert few[-1] > 0
    assert many[-1] == 2 * (50_000 - 60)


def test_trades_of_one_moment_are_one_to_the_test():
    run, name = on_trades()
    moment: dict[str, Any] = {"opened_ms": close_time(3), "closed_ms": close_time(3)}

    first, *others = [
        posted(run, name, 9_000 + number, trade=challenge_trade(number, **moment)).detail
        for number in range(5)
    ]

    assert first.endswith("is counted")
    assert all("not by the test: it begins before" in each for each in others)


def test_of_trades_that_overlap_the_test_counts_the_first_and_the_totals_all():
    run, name = on_trades()
    posted(run, name, 9_000, trade=challenge_trade(0))
    command = challenge_command(
        "trade",
        9_001,
        challenge_id=name,
        trade=challenge_trade(1, opened_ms=close_time(3), closed_ms=close_time(5)),
    )

    [event] = run.events(command)

    assert event.challenge.champion_trades.trades == 2
    assert event.challenge.blocks == 1


def test_a_trade_that_is_posted_late_is_said_to_begin_before_the_last_one_ends():
    run, name = on_trades()
    posted(run, name, 9_000, trade=challenge_trade(5))

    late = posted(run, name, 9_001, trade=challenge_trade(1)).detail

    assert late.endswith("not by the test: it begins before the last one ends")


@settings(max_examples=100)
@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=30), st.data())
def test_totals_do_not_depend_on_how_the_trades_were_divided(returns, data):
    cut = data.draw(st.integers(0, len(returns)))

    def totals(part: list[float]) -> ReturnTotals:
        made = ReturnTotals()
        for each in part:
            made = add_return(made, each)
        return made

    joined, whole = join(totals(returns[:cut]), totals(returns[cut:])), totals(returns)

    assert (joined.trades, joined.wins) == (whole.trades, whole.wins)
    assert joined.mean == pytest.approx(sum(returns) / len(returns), abs=1e-12)
    expected = sum((each - whole.mean) ** 2 for each in returns)
    assert joined.squares == pytest.approx(expected, abs=1e-9)
