"""A training tries, and is judged by, what the policy says that counted when it was asked for."""

from __future__ import annotations

import pytest

from schemas.variants import TrainingPolicy
from streams.configs.content import ConfigRefused, parse_config
from tests.build import close_time, model_policy, training_request
from workers.training.active_policy import plan_under, policy_of_request
from workers.training.fit import TrainingPlan


def test_the_last_policy_before_the_request_counts_and_later_ones_do_not():
    policies = [model_policy(n, minute) for n, minute in ((1, 0), (2, 10), (3, 20))]
    others = [
        model_policy(4, 5, strategy="other"),
        model_policy(5, 6, timeframe_ms=900_000),
    ]
    request = training_request(event_time_ms=close_time(12))

    policy = policy_of_request([*policies, *others], request)

    assert policy == policies[1]


def test_before_the_first_policy_that_one_counts_and_without_one_none():
    request = training_request(event_time_ms=close_time(12))

    assert policy_of_request([model_policy(1, 20)], request) == model_policy(1, 20)
    assert policy_of_request([], request) is None
    assert plan_under(None, request) == TrainingPlan()


def test_a_request_may_say_itself_how_it_searches():
    policy = model_policy(1, 0, training=TrainingPolicy(search_trials=8, split_symbols=False))

    assert plan_under(policy, training_request()).variants == policy.training
    asked = plan_under(policy, training_request(search_trials=3)).variants
    assert asked == TrainingPolicy(search_trials=3, split_symbols=False)
    assert plan_under(policy, training_request(search_trials=0)).variants.search_trials == 0
    assert plan_under(None, training_request(search_trials=3)).variants.search_trials == 3


@pytest.mark.parametrize("trials", [-1, 501, 2.5])
def test_a_search_without_bounds_is_no_config(trials):
    with pytest.raises(ConfigRefused, match=rf"training.search_trials: got {trials}"):
        parse_config({"training": {"search_trials": trials}})
