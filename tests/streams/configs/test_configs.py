"""Configs: one ACTIVE version of a strategy, decided by the order of the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.commands import CommandOutcome
from schemas.configs import KEPT_MS, ActiveConfig, ConfigChanged, ConfigEffective
from schemas.policies import GatesPolicy, ModelPolicy, RetrainingPolicy
from schemas.status import OperatorAction
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from streams.configs.content import SHIPPED
from streams.configs.processor import PROCESSOR, ConfigsState
from streams.runtime.memory_driver import MemoryDriver
from tests.build import CONFIG, close_time, config_command
from tests.narrow import known
from tests.streams.promotion.test_promotion import history


class ConfigsRun:
    """The processor, fed by hand."""

    def __init__(self, *records):
        self.driver = MemoryDriver([PROCESSOR])
        self.outputs = []
        self.feed(*records)

    def feed(self, *records):
        made = [output for record in records for output in self.driver.feed(record)]
        self.outputs += made
        return made

    def of(self, kind):
        return [record for record in self.outputs if isinstance(record, kind)]

    def outcome(self, command):
        [outcome] = [each for each in self.feed(command) if isinstance(each, CommandOutcome)]
        return outcome

    def state(self):
        state = self.driver.states["configs", ("ensemble",)]
        assert isinstance(state, ConfigsState)
        return state

    def statuses(self):
        return {change.config_id: change.status for change in self.of(ConfigChanged)}


def other(entropy):
    return {"decision": {"max_entropy": entropy}}


def test_history_makes_the_shipped_config_active_once():
    run = ConfigsRun(history(), history(120))

    [active] = run.of(ActiveConfig)
    assert active.config_data == SHIPPED
    assert active.version_number == 1
    [effective] = run.of(ConfigEffective)
    assert effective.event_time_ms == close_time(105)
    assert effective.config_id == active.config_id


def test_a_version_is_a_draft_until_it_is_activated_and_deprecates_the_one_before():
    run = ConfigsRun(history(), config_command("create"))
    first, draft = run.statuses()
    assert run.statuses() == {first: "ACTIVE", draft: "DRAFT"}

    run.feed(config_command("activate", 10))

    assert run.statuses() == {first: "DEPRECATED", draft: "ACTIVE"}
    [old] = [c for c in run.of(ConfigChanged) if c.status == "DEPRECATED"]
    assert old.superseded_by == draft
    assert run.of(ActiveConfig)[-1].config_id == draft


def test_a_content_that_is_stored_answers_with_its_id():
    run = ConfigsRun(config_command("create", content=CONFIG, number=1))

    outcome = run.outcome(config_command("create", 5, content=CONFIG))

    assert (outcome.status, outcome.code) == ("unchanged", "same")
    assert outcome.subject == f"ensemble/{next(iter(run.statuses()))}"
    assert len(run.statuses()) == 1


def test_of_two_activations_meant_for_one_revision_the_first_wins():
    contents = [other(0.1), other(0.2)]
    run = ConfigsRun(*(config_command("create", n, content=c) for n, c in enumerate(contents)))
    commands = [
        config_command("activate", 10 + n, content=c, number=n + 1, expected_revision=2)
        for n, c in enumerate(contents)
    ]

    outcomes = [run.outcome(command) for command in commands]

    assert [outcome.code for outcome in outcomes] == ["done", "stale"]
    assert list(run.statuses().values()) == ["ACTIVE", "DRAFT"]


def test_a_dry_run_says_what_would_change_and_changes_nothing():
    run = ConfigsRun(history(), config_command("create"))
    before = run.statuses()

    outcome = run.outcome(config_command("activate", 10, dry_run=True))

    assert outcome.status == "accepted"
    assert any("ACTIVE" in fact for fact in outcome.facts)
    assert run.statuses() == before
    assert run.outcome(config_command("activate", 11)).facts == outcome.facts


def test_a_version_can_be_activated_again_for_90_days():
    run = ConfigsRun(config_command("create", content=other(0.1), number=1))
    run.feed(config_command("activate", 1, content=other(0.1), number=1))
    run.feed(config_command("create", 2, content=other(0.2)))
    run.feed(config_command("activate", 3, content=other(0.2), number=2))
    [old] = [c for c in run.of(ConfigChanged) if c.status == "DEPRECATED"]

    def again(name, after_ms):
        now_ms = old.deprecated_ms + after_ms
        command = config_command("activate", 4, content=other(0.1), number=1, command_id=name)
        return run.outcome(command.model_copy(update={"event_time_ms": now_ms, "dry_run": True}))

    assert again("early", KEPT_MS - 1).code == "done"
    assert again("late", KEPT_MS).code == "unknown"


def test_the_newer_of_two_activations_never_counts_from_an_earlier_bar():
    run = ConfigsRun(history(), config_command("create"))
    run.feed(config_command("activate", 10, effective_from_ms=close_time(500)))
    run.feed(config_command("create", 11, content=other(0.3)))

    run.feed(config_command("activate", 12, content=other(0.3), number=3, effective_from_ms=0))

    times = [effective.event_time_ms for effective in run.of(ConfigEffective)]
    assert times == sorted(set(times))


def test_every_market_of_the_strategy_gets_the_config_and_says_whether_it_belongs():
    content = {"symbols": ["ETHUSDT"]}
    run = ConfigsRun(
        history(), history(timeframe_ms=HOUR_MS), config_command("create", content=content)
    )

    made = run.feed(config_command("activate", 10, content=content))

    effective = [record for record in made if isinstance(record, ConfigEffective)]
    assert {e.timeframe_ms for e in effective} == {MINUTE_MS, HOUR_MS}
    assert not any(e.included for e in effective)


def test_a_market_that_comes_later_gets_the_active_config():
    run = ConfigsRun(history(), config_command("create"), config_command("activate", 10))

    policy, effective = run.feed(history(120, timeframe_ms=HOUR_MS))
    assert isinstance(policy, ModelPolicy)
    assert (policy.timeframe_ms, policy.event_time_ms) == (HOUR_MS, close_time(120))

    assert effective.config_id == run.of(ActiveConfig)[-1].config_id
    assert effective.timeframe_ms == HOUR_MS


def test_a_content_that_is_not_of_the_id_is_refused():
    run = ConfigsRun(config_command("create", content=other(0.1), number=1))

    command = config_command("activate", 5, content=other(0.1), number=1, config_data=other(0.2))

    assert run.outcome(command).code == "invalid"


def test_the_active_version_cannot_be_given_up_and_a_draft_can():
    run = ConfigsRun(history(), config_command("create"))

    assert run.outcome(config_command("deprecate", 5)).code == "done"
    assert run.outcome(config_command("deprecate", 6)).code == "same"
    shipped = config_command("deprecate", 7, content=SHIPPED, number=1)
    assert run.outcome(shipped).code == "conflict"


def test_a_config_of_another_strategy_is_refused():
    outcome = ConfigsRun().outcome(config_command("create", strategy="Other"))

    assert outcome.code == "invalid"
    assert "whose config it is" in outcome.detail


def test_every_command_stands_in_the_audit_with_before_and_after():
    run = ConfigsRun(history(), config_command("create"))
    run.feed(config_command("activate", 10, reason="calmer markets"))

    entry = run.of(OperatorAction)[-1]
    assert (entry.action, entry.by, entry.reason) == ("configs.activate", "test", "calmer markets")
    assert entry.before is not None
    assert entry.before.endswith("ACTIVE")
    assert entry.after == "ACTIVE"
    assert len(run.of(OperatorAction)) == len(run.of(CommandOutcome)) == 3


actions = st.tuples(
    st.sampled_from(["create", "activate", "deprecate"]),
    st.integers(1, 4),
    st.sampled_from([0.1, 0.2, 0.3]),
    st.booleans(),
)


@given(st.lists(actions, max_size=25))
def test_whatever_is_commanded_one_version_is_active_at_most(commands):
    run = ConfigsRun(history())
    revision = run.state().revision
    for minute, (action, number, entropy, dry) in enumerate(commands):
        outcome = run.outcome(
            config_command(action, minute, content=other(entropy), number=number, dry_run=dry)
        )
        changed = outcome.status == "accepted" and not dry
        revision += changed
        assert outcome.revision == revision

        statuses = list(run.statuses().values())
        assert statuses.count("ACTIVE") == 1
        state = run.state()
        assert {v.config_id: v.status for v in state.versions} == run.statuses()
        assert known(state.active).config_id == next(
            name for name, status in run.statuses().items() if status == "ACTIVE"
        )


def test_days_are_counted_from_deprecation():
    assert KEPT_MS == 90 * DAY_MS


def test_models_are_told_what_decides_about_them_and_from_which_market_time():
    content = {
        "gates": {"edge_level": 0.05, "registration": {"min_total_trades": 80}},
        "retraining": {"cooldown_hours": 2.0, "max_age_days": 10.0},
    }
    run = ConfigsRun(history(), config_command("create", content=content))

    made = run.feed(config_command("activate", 10, content=content))

    first, second = run.of(ModelPolicy)
    active = run.of(ActiveConfig)[-1]
    assert (first.gates, first.retraining) == (GatesPolicy(), RetrainingPolicy())
    assert (second.config_id, second.event_time_ms) == (active.config_id, active.effective_from_ms)
    assert second.gates.registration.min_total_trades == 80
    assert second.gates.registration.min_sharpe_ratio == 1.0
    assert second.retraining.cooldown_hours == 2.0
    [effective] = [record for record in made if isinstance(record, ConfigEffective)]
    assert effective.drift is not None
    assert effective.drift.max_age_days == 10.0


def test_a_home_of_an_older_release_tells_its_policy_at_the_next_history():
    run = ConfigsRun(history())
    key = ("configs", ("ensemble",))
    run.driver.states[key] = run.state().model_copy(update={"policed": ()})

    made, again = run.feed(history(130)), run.feed(history(140))

    assert [type(record) for record in made] == [ModelPolicy]
    assert again == []
