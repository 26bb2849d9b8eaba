"""Challengers in memory: what each says of a bar, beside the prediction of the model that serves.

A challenger sees what the model that serves sees, the regime posterior of its filter too. Its
predictions are compared, never graded. A bar for which it is not loaded waits for nothing: it is
compared with none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import NamedTuple

from schemas.challenges import Challenge, ShadowPrediction
from schemas.predictions import Prediction
from workers.serving.pairing import PairedBar
from workers.serving.predict import model_inputs, predict
from workers.serving.slots import FeaturesMissing, LoadedEnsemble


class Predicted(NamedTuple):
    """A bar that the model that serves has predicted.

    Attributes:
        number: Of the input that completed it, in its batch.
        pair: Both halves of the bar.
        prediction: Of the model that serves.
    """

    number: int
    pair: PairedBar
    prediction: Prediction


class Shadow(NamedTuple):
    """A challenge on predictions, and its challenger."""

    challenge: Challenge
    model: LoadedEnsemble

    def compares(self, prediction: Prediction) -> bool:
        """Return whether a prediction is one of the champion's that the challenge is about."""
        challenge = self.challenge
        return (
            prediction.model_version == challenge.champion
            and prediction.event_time_ms >= challenge.from_ms
            and prediction.symbol in challenge.symbols
        )


class Shadows:
    """The challengers that predict, one of each timeframe; replaced as a whole, never in part."""

    def __init__(self) -> None:
        self._by_timeframe: dict[int, Shadow] = {}

    def put(self, challenge: Challenge, model: LoadedEnsemble) -> None:
        """Let a challenger predict from the first bar of its challenge on."""
        shadow = Shadow(challenge, model)
        self._by_timeframe = self._by_timeframe | {challenge.timeframe_ms: shadow}

    def end(self, challenge: Challenge) -> None:
        """Forget a challenge that has ended; one that is not known changes nothing."""
        self._by_timeframe = {
            timeframe_ms: shadow
            for timeframe_ms, shadow in self._by_timeframe.items()
            if shadow.challenge.challenge_id != challenge.challenge_id
        }

    def predictions(
        self, timeframe_ms: int, predicted: Sequence[Predicted]
    ) -> Iterator[tuple[int, ShadowPrediction]]:
        """Yield, with the number of its input, what a challenger says of each bar it can predict.

        Args:
            timeframe_ms: Of the bars.
            predicted: Bars of one model that serves.
        """
        shadow = self._by_timeframe.get(timeframe_ms)
        if shadow is None:
            return
        compared = [each for each in predicted if shadow.compares(each.prediction)]
        if not compared:
            return
        try:
            inputs = model_inputs(shadow.model, [each.pair.window for each in compared])
        except FeaturesMissing:  # it has no comparison, and no challenge is decided without one
            return
        ready = list(compress(compared, inputs.complete.tolist()))
        if not ready:
            return
        said = predict(shadow.model, [each.pair for each in ready], inputs.of(inputs.complete))
        for each, challenger in zip(ready, said, strict=True):
            yield each.number, _shadow_prediction(shadow.challenge, each.prediction, challenger)


def _shadow_prediction(
    challenge: Challenge, champion: Prediction, challenger: Prediction
) -> ShadowPrediction:
    passed_ms = champion.event_time_ms - challenge.from_ms
    return ShadowPrediction.unchecked(
        challenge_id=challenge.challenge_id,
        strategy=challenge.strategy,
        symbol=champion.symbol,
        timeframe_ms=champion.timeframe_ms,
        event_time_ms=champion.event_time_ms,
        available_time_ms=champion.available_time_ms,
        block=passed_ms // (challenge.block_bars * challenge.timeframe_ms),
        champion=champion,
        challenger=challenger,
    )
