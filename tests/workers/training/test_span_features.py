"""The wait for a span's newest features: it names what is missing, and it ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import Record
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.training import TrainingRequest
from streams.features.catalog import FEATURE_SET_ID
from streams.runtime.codec import Received, Stored
from tests.build import START_MS, close_time, features
from workers.training.span_features import QUIET_S, span_features

LAST = 20


def request(**closes: int) -> TrainingRequest:
    return TrainingRequest(
        request_id="r1",
        strategy="ensemble",
        event_time_ms=START_MS,
        symbols=("BTCUSDT", "ETHUSDT"),
        timeframe_ms=MINUTE_MS,
        from_ms=close_time(0),
        to_ms=close_time(LAST),
        reason="bootstrap",
        closes=closes,
    )


class FeatureTopic:
    """A topic that is read a batch at a time; once it is read, a second passes at each call."""

    def __init__(self, *batches: Sequence[Record]) -> None:
        self.batches, self.second, self.notes = list(batches), 0.0, list[str]()

    def take(self) -> list[Received]:
        if self.batches:
            return [_received(record) for record in self.batches.pop(0)]
        self.second += 1.0
        return []

    def tell(self, *step: object) -> None:
        self.notes.append(str(step[-1]))

    def read(self, asked: TrainingRequest) -> list[tuple[str, int]]:
        vectors = span_features(self.take, asked, self.tell, lambda: self.second)
        return [(vector.symbol, vector.event_time_ms) for vector in vectors]


def _received(record: Record) -> Received:
    stored = Stored("features.vectors.v1", 0, 0, 0, None, record.encode(), ())
    return Received(stored, record, "t")


def vector(minute: int, symbol: str = "BTCUSDT") -> Record:
    return features(minute, symbol).model_copy(update={"feature_set_id": FEATURE_SET_ID})


def test_a_missing_bar_at_the_cut_is_not_waited_for():
    topic = FeatureTopic([vector(LAST), vector(LAST - 1, "ETHUSDT")])

    read = topic.read(request(ETHUSDT=close_time(LAST - 1)))

    assert read == [("BTCUSDT", close_time(LAST)), ("ETHUSDT", close_time(LAST - 1))]
    assert topic.second == 0.0
    assert topic.notes == []


def test_features_that_stay_away_are_named_and_the_rest_goes_on():
    topic = FeatureTopic([vector(LAST), vector(3, "ETHUSDT")])

    read = topic.read(request())

    assert read == [("BTCUSDT", close_time(LAST)), ("ETHUSDT", close_time(3))]
    assert topic.second == pytest.approx(QUIET_S, abs=1.0)
    named = "waiting for the features of ETHUSDT at 2025-06-15T15:28Z"
    assert topic.notes[0].startswith(named)
    assert topic.notes[-1] == f"{named}: waited {QUIET_S:.0f} s, going on without"


def test_the_wait_is_counted_from_the_newest_vector():
    batches: list[list[Record]] = []
    for minute in range(LAST + 1):
        batches += [[vector(minute)], *([[]] * 3)]
    topic = FeatureTopic([vector(LAST, "ETHUSDT")], *batches)

    assert len(topic.read(request())) == LAST + 2
    assert topic.second == 0.0


def test_nothing_is_missed_while_the_past_of_the_topic_is_read():
    topic = FeatureTopic(*[[]] * 3, [vector(LAST), vector(LAST, "ETHUSDT")])
    seconds = iter(range(0, 10_000, 100))  # each look takes most of the time that may be quiet

    read = span_features(
        topic.take,
        request(),
        topic.tell,
        lambda: float(next(seconds)),
        lambda: len(topic.batches) > 0,
    )

    assert len(list(read)) == 2


def test_what_comes_after_the_span_or_of_others_is_not_read():
    topic = FeatureTopic([vector(LAST + 1), vector(5, "SOLUSDT"), vector(LAST, "ETHUSDT")])

    assert topic.read(request()) == [("ETHUSDT", close_time(LAST))]


def test_a_symbol_that_is_behind_is_read_up_to_its_own_close():
    after_close = vector(LAST, "ETHUSDT")
    topic = FeatureTopic([vector(LAST - 1, "ETHUSDT"), after_close, vector(LAST)])

    read = topic.read(request(ETHUSDT=close_time(LAST - 1)))

    assert read == [("ETHUSDT", close_time(LAST - 1)), ("BTCUSDT", close_time(LAST))]


@given(st.permutations(range(6)))
def test_features_of_another_timeframe_are_neither_read_nor_end_the_wait(order):
    hours = [
        vector(minute, symbol).model_copy(update={"timeframe_ms": HOUR_MS})
        for minute, symbol in ((LAST, "BTCUSDT"), (LAST, "ETHUSDT"), (LAST + 9, "BTCUSDT"))
    ]
    minutes = [vector(LAST - 1), vector(LAST), vector(LAST, "ETHUSDT")]
    topic = FeatureTopic(*([[*hours, *minutes][place]] for place in order))

    read = topic.read(request())

    wanted = {("BTCUSDT", close_time(LAST)), ("ETHUSDT", close_time(LAST))}
    assert wanted <= set(read) <= {*wanted, ("BTCUSDT", close_time(LAST - 1))}
    assert len(read) == len(set(read))
    assert topic.second == 0.0
