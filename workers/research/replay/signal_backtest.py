"""Signal back-test: recorded bars and one model through the live processors, signals scored.

``regimeflow backtest signals`` does the same over the topics of a home, with the models that
served there (``deploy/topics/verify.py``). There is one recomputation, ``recompute``, for both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from schemas.models import ModelChanged, ModelRegistered
from schemas.timeframes import timeframe_name
from schemas.topics import topic_of
from streams.promotion.processor import PROCESSOR as PROMOTION
from streams.runtime.memory_driver import replay
from workers.bars.recording import merged, read_recording
from workers.models.artifact import REGISTERED, ArtifactError
from workers.research.replay.recompute import (
    MADE,
    Inference,
    Recomputation,
    Span,
    model_inference,
)
from workers.research.replay.signal_report import SignalReport, signal_report
from workers.research.replay.tally import Tally

Progress = Callable[[int, int], None]  # bars done, bars in all
PROGRESS_BARS = 500


def backtest_signals(
    files: Sequence[str | Path],
    model: str | Path,
    span: Span | None = None,
    inference: Inference | None = None,
    progress: Progress = lambda _done, _all: None,
) -> SignalReport:
    """Return what the live pipeline would have said of some files of bars, and what became of it.

    The model serves from the bar that promotion would have named after its registration, so that
    nothing it was trained on is scored. Every bar before the span is folded too: states begin at
    the first one. Signals still open at the end of the span stay unscored. Bars shorter than those
    of the model are made into its bars, as the market process does.

    Args:
        files: Parquet or CSV, as ``--replay`` plays them; also ``FILE=SYMBOL:TIMEFRAME``.
        model: Folder that training wrote.
        span: Event times that count; default: all. A timeframe must be the model's.
        inference: What predicts; default: the model files.
        progress: Told how many bars are done.

    Raises:
        BarFileRejected: A file is wrong.
        ArtifactError: The model is missing, altered, or not of these bars.
    """
    span = span or Span()
    change = serving_change(read_registration(Path(model)))
    timeframe_ms = change.model.timeframe_ms
    recording = read_recording([str(each) for each in files], (timeframe_ms,))
    known = {file.symbol for file in recording.files}
    of_bars = f"model {change.model.model_version} is of bars of {timeframe_name(timeframe_ms)}, "
    if span.timeframe_ms not in (None, timeframe_ms):
        raise ArtifactError(f"{of_bars}not of {timeframe_name(span.timeframe_ms)}")
    if timeframe_ms not in (recording.timeframe_ms, *recording.higher_ms):
        raise ArtifactError(
            f"{of_bars}the files hold bars of {timeframe_name(recording.timeframe_ms)}, which do "
            "not make them"
        )
    if missing := known - set(change.model.symbols):
        raise ArtifactError(
            f"model {change.model.model_version} was not trained on {', '.join(sorted(missing))}, "
            f"only on {', '.join(change.model.symbols)}"
        )
    inference = inference or model_inference()
    work = Recomputation([change], inference, until_ms=span.to_ms)
    span = replace(span, timeframe_ms=timeframe_ms)
    tally = Tally(span.from_ms, inference.priors, timeframe_ms)
    for done, bar in enumerate(merged(recording, {})):
        if done % PROGRESS_BARS == 0:
            progress(done, recording.bars)
        if span.symbol not in (None, bar.symbol):
            continue
        for record in work.feed(bar):
            if topic_of(record) in MADE and span.holds(record):
                tally.take(record)
    progress(recording.bars, recording.bars)
    if work.refused:
        raise ArtifactError("; ".join(work.refused))
    return signal_report(tally)


def read_registration(folder: Path) -> ModelRegistered:
    """Return what was announced of the model in a folder, as it lies there now.

    Raises:
        ArtifactError: The folder holds no registration.
    """
    try:
        model = ModelRegistered.decode((folder / REGISTERED).read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{folder / REGISTERED} cannot be read ({type(error).__name__}): expected the folder "
            "of a model, <models>/<strategy>/<version>, as training wrote it"
        ) from None
    return model.model_copy(update={"uri": folder.resolve().as_uri()})


def serving_change(model: ModelRegistered) -> ModelChanged:
    """Return the change by which promotion puts a first model in service."""
    return next(each for each in replay([PROMOTION], [model]) if isinstance(each, ModelChanged))


def newest_model(models: Path, timeframe_ms: int) -> Path:
    """Return the folder of the model of a timeframe that was registered last.

    Raises:
        ArtifactError: There is none.
    """
    folders = {
        path.parent: read_registration(path.parent) for path in models.glob(f"*/*/{REGISTERED}")
    }
    fitting = [folder for folder, model in folders.items() if model.timeframe_ms == timeframe_ms]
    if fitting:
        return max(fitting, key=lambda folder: folders[folder].event_time_ms)
    lengths = sorted({model.timeframe_ms for model in folders.values()})
    others = ", ".join(map(timeframe_name, lengths))
    raise ArtifactError(
        f"{models} holds no model of {timeframe_name(timeframe_ms)} bars"
        + (f", only of {others}: choose one with --timeframe" if others else "")
        + "; or name one, <models>/<strategy>/<version>"
    )
