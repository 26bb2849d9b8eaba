"""A training is judged by the policy that counted when it was asked for."""

from __future__ import annotations

from tests.build import close_time, model_policy, training_request
from workers.training.active_policy import policy_of_request


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
