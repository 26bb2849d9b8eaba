"""A small day of the pipeline: raw bars of a seeded market, and the records of every topic."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable

from schemas.challenges import ChallengeEvent, ShadowPrediction
from schemas.market import HistoryReady
from schemas.predictions import ClassProbabilities, MarketContext, Prediction, RegimeView
from schemas.record import Record, Topic
from schemas.regimes import RegimeProbabilities
from schemas.timeframes import MINUTE_MS
from schemas.topics import (
    CHALLENGE_COMMANDS,
    CHALLENGE_EVENTS,
    CONFIG_COMMANDS,
    DRIFT_REFERENCES,
    FEATURE_VECTORS,
    HISTORY,
    JOURNAL_COMMANDS,
    LETTER_COMMANDS,
    MODEL_COMMANDS,
    MODELS_REGISTERED,
    PREDICTIONS,
    RAW_BARS,
    REGIME_PARAMETERS,
    REGIME_PROBABILITIES,
    SHADOW_PREDICTIONS,
    topic_of,
)
from streams.runtime.batch import external_topics
from streams.runtime.codec import event_time
from streams.runtime.memory_driver import replay
from streams.topology import CHAINS
from tests.build import (
    challenge_command,
    challenge_trade,
    close_time,
    comparison,
    config_command,
    dead_letter,
    drift_reference,
    expected_returns,
    feature_reference,
    journal_command,
    letter_command,
    model_command,
    prediction,
    raw_bar,
    regime_parameters,
    registered,
    training_request,
)

MINUTES = 420  # past the longest warm-up
SYMBOLS = ("BTCUSDT", "ETHUSDT")
HOLE = range(330, 333)  # minutes without a bar of the second symbol

Log = dict[Topic, list[Record]]


HIGHER_MS = (3 * MINUTE_MS, 15 * MINUTE_MS)  # of the log, so that every processor meets them


def raw_bars(seed: int = 7, minutes: int = MINUTES) -> list[Record]:
    """Return a random walk of every symbol, minute by minute, with one hole and one flat bar."""
    chance = random.Random(seed)
    price = dict.fromkeys(SYMBOLS, 100.0)
    bars: list[Record] = []
    for minute in range(minutes):
        for symbol in SYMBOLS:
            opened = price[symbol]
            closed = price[symbol] = round(opened * (1 + chance.gauss(0.0, 2e-3)), 4)
            if symbol == SYMBOLS[1] and minute in HOLE:
                continue
            bars.append(
                raw_bar(
                    minute,
                    symbol=symbol,
                    open=opened,
                    close=closed,
                    high=round(max(opened, closed) * (1 + abs(chance.gauss(0.0, 1e-3))), 4),
                    low=round(min(opened, closed) * (1 - abs(chance.gauss(0.0, 1e-3))), 4),
                    volume=0.0 if minute == 200 else round(chance.uniform(1.0, 20.0), 3),
                    taker_buy_volume=0.0 if minute == 200 else 0.5,
                    mark_price=closed,
                    funding_rate=1e-4,
                    funding_time_ms=close_time(0),
                )
            )
    return bars


def _parameters() -> list[Record]:
    return [
        regime_parameters(
            symbol=symbol,
            model_version=version,
            effective_from_ms=close_time(minute),
            spread=(2e-3,),
        )
        for version, minute in (("m1", 300), ("m2", 360))
        for symbol in SYMBOLS
    ]


def _references() -> list[Record]:
    features = feature_reference(("rsi_14", "natr_14"), half_rows=20)
    return [
        drift_reference(
            symbol=symbol,
            model_version=version,
            event_time_ms=close_time(minute),
            block_rows=8,
            features=features,
        )
        for version, minute in (("m1", 290), ("m2", 350))
        for symbol in SYMBOLS
    ]


def _predictions(regimes: Iterable[Record], seed: int = 11) -> list[Record]:
    """Return a prediction for every regime posterior of the second half; calls vary."""
    chance = random.Random(seed)
    predictions: list[Record] = []
    for regime in regimes:
        assert isinstance(regime, RegimeProbabilities)
        if regime.event_time_ms < close_time(MINUTES // 2):
            continue
        weights = [chance.random() ** 4 + 1e-3 for _ in range(3)]
        sell, neutral, buy = (weight / sum(weights) for weight in weights)
        predictions.append(
            _prediction(regime, ClassProbabilities(sell=sell, neutral=neutral, buy=buy))
        )
    return predictions


def _shadows(predictions: Iterable[Record], challenge_id: str) -> list[Record]:
    """Return what the challenger of a challenge said beside each prediction: less of its call."""
    shadows: list[Record] = []
    for champion in predictions:
        assert isinstance(champion, Prediction)
        said = champion.probabilities
        sell, neutral, buy = (
            (each + 1.0 / 3.0) / 2.0 for each in (said.sell, said.neutral, said.buy)
        )
        chances = ClassProbabilities(sell=sell, neutral=neutral, buy=buy)
        changes = {"probabilities": chances, "model_version": "c"}
        shadows.append(
            ShadowPrediction(
                challenge_id=challenge_id,
                strategy=champion.strategy,
                symbol=champion.symbol,
                timeframe_ms=champion.timeframe_ms,
                event_time_ms=champion.event_time_ms,
                available_time_ms=champion.available_time_ms,
                block=(champion.event_time_ms - close_time(MINUTES // 2)) // (60 * MINUTE_MS),
                champion=champion,
                challenger=champion.model_copy(update=changes),
            )
        )
    return shadows


def _prediction(regime: RegimeProbabilities, chances: ClassProbabilities) -> Prediction:
    lean = chances.buy - chances.sell
    step = (regime.event_time_ms - close_time(0)) // MINUTE_MS
    price = 100.0 + step % 7 / 10
    return prediction(
        prediction_id=f"{regime.symbol}-{regime.event_time_ms}",
        symbol=regime.symbol,
        event_time_ms=regime.event_time_ms,
        available_time_ms=regime.available_time_ms,
        probabilities=(chances.sell, chances.neutral, chances.buy),
        regime=RegimeView(
            bull=regime.bull,
            bear=regime.bear,
            sideways=regime.sideways,
            entropy=regime.entropy,
            trend_state=regime.trend_state,
        ),
        context=MarketContext(
            open=price,
            close=price + 0.1,
            natr=0.002,
            volume_to_median=1.2,
            higher_direction=1.0,
            high=price + 0.2,
            low=price - 0.1,
        ),
        expected_return=expected_returns(low=lean - 0.5, mean=lean),
    )


def _bootstrap() -> list[Record]:
    history = HistoryReady(
        source="scenario",
        symbols=SYMBOLS,
        timeframe_ms=MINUTE_MS,
        from_ms=close_time(0),
        to_ms=close_time(100),
        event_time_ms=close_time(100),
    )
    later = history.model_copy(update={"to_ms": close_time(120), "event_time_ms": close_time(120)})
    models = [
        registered(
            model_version=version,
            event_time_ms=close_time(minute),
            qualified=qualified,
            comparison=comparison("a", verdict=verdict),
        )
        for version, minute, qualified, verdict in (
            ("a", 130, False, "keep"),
            ("b", 140, True, "promote"),
            ("c", 150, False, "promote"),
            ("d", 155, True, "keep"),
        )
    ]
    return [history, later, *models]


def _config_commands() -> list[Record]:
    changed = [
        config_command(action, minute) for action, minute in (("create", 200), ("activate", 250))
    ]
    other = {"decision": {"grade_bands": [0.5, 0.45, 0.4], "taker_fee": 0.0002}}
    return [
        *changed,
        config_command("create", 300, content=other),
        config_command("activate", 310, content=other, number=3, expected_revision=4, dry_run=True),
        config_command("activate", 320, content=other, number=3, expected_revision=1),
        config_command("activate", 330, content=other, number=3, expected_revision=4),
        config_command("deprecate", 340, content=other, number=3),
    ]


def _model_commands() -> list[Record]:
    return [
        model_command("stage", 160, version="c"),
        model_command("promote", 165, version="3", no_archive=True, dry_run=True),
        model_command("promote", 170, version="3", no_archive=True),
        model_command("promote", 175, version="2", expected_revision=1),
        model_command("archive", 180, version="3"),
        model_command("rollback", 190),
        model_command("retrain", 200, cause="drift"),
        model_command("retrain", 205),
        model_command("cancel", 210),
        model_command("register", 220, model=registered(model_version="e")),
        model_command("rollback", 230, version="4", expected_revision=7),
    ]


def _challenge_commands() -> list[Record]:
    """Return commands on a challenge of trades, and on one of predictions that goes on."""
    models = {
        role: registered(model_version=version, symbols=SYMBOLS)
        for role, version in (("champion", "b"), ("challenger", "c"))
    }
    commands: list[Record] = [
        challenge_command("create", 162, basis="trades", dry_run=True, **models),
        challenge_command("create", 163, basis="trades", **models),
        challenge_command("create", 164, **models),
    ]
    named = {"challenge_id": "challenge-3584e04ffdea"}
    for number in range(4):
        trade = challenge_trade(
            number,
            variant="champion" if number % 2 else "challenger",
            opened_ms=close_time(165 + number),
            closed_ms=close_time(166 + number),
        )
        commands.append(challenge_command("trade", 170 + number, trade=trade, **named))
    return [
        *commands,
        challenge_command("review", 180),
        challenge_command("cancel", 190, **named),
        challenge_command("cancel", 191, **named),
        challenge_command("create", 200, **models),
    ]


def _journal_commands() -> list[Record]:
    return [
        journal_command("add", 100),
        journal_command("add", 110, trade_id="t2", symbol="ETHUSDT", exit="90", quantity="2"),
        journal_command("correct", 120, exit="101.5"),
        journal_command("correct", 130, exit="102", expected_revision=1),
        journal_command("correct", 140, trade_id="t2", symbol="ETHUSDT", dry_run=True),
        journal_command("correct", 150, trade_id="t2", symbol="ETHUSDT"),
    ]


def _letter_commands() -> list[Record]:
    letter = dead_letter(training_request())
    return [
        letter_command(letter, 0, dry_run=True),
        letter_command(letter, 1, letter_id="training.requests.v1.dlq/0@0"),
        letter_command(letter, 2, letter_id="training.requests.v1.dlq/0@0", action="drop"),
        letter_command(letter, 3, action="drop", letter=None, reason="understood"),
        letter_command(dead_letter(raw_bar()), 4),
    ]


@functools.cache
def log() -> Log:
    """Return every record of every topic, in order."""
    records: Log = {
        RAW_BARS: [bar.model_copy(update={"higher_ms": HIGHER_MS}) for bar in raw_bars()],
        REGIME_PARAMETERS: _parameters(),
        DRIFT_REFERENCES: _references(),
        HISTORY: _bootstrap()[:2],
        MODELS_REGISTERED: _bootstrap()[2:],
        MODEL_COMMANDS: _model_commands(),
        CONFIG_COMMANDS: _config_commands(),
        CHALLENGE_COMMANDS: _challenge_commands(),
        JOURNAL_COMMANDS: _journal_commands(),
        LETTER_COMMANDS: _letter_commands(),
    }
    # Promotion first: signals read the configs that it makes effective.
    for chain in sorted(CHAINS, key=lambda chain: chain.name != "promotion"):
        if PREDICTIONS in external_topics(chain.processors):
            records[PREDICTIONS] = _predictions(records[REGIME_PROBABILITIES])
            [*_, event] = records[CHALLENGE_EVENTS]
            assert isinstance(event, ChallengeEvent)
            challenge_id = event.challenge.challenge_id
            records[SHADOW_PREDICTIONS] = _shadows(records[PREDICTIONS], challenge_id)
        for output in replay(chain.processors, merged(records, external_topics(chain.processors))):
            topic = topic_of(output)
            if topic is not REGIME_PARAMETERS:  # fitted ones stand in for promotion's
                records.setdefault(topic, []).append(output)
    assert all(records[topic] for topic in (FEATURE_VECTORS, PREDICTIONS))
    return records


def merged(records: Log, topics: Iterable[Topic]) -> list[Record]:
    """Return the records of some topics by event time, ties in the order of the topics."""
    return sorted((record for topic in topics for record in records.get(topic, [])), key=event_time)
