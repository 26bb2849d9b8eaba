"""Signal back-test against what the chains wrote on a real broker, record for record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.topics.admin import apply_topics, delete_topics
from schemas.market import RawBar
from schemas.models import ModelChanged
from schemas.signals import ScoredSignal, Signal
from schemas.timeframes import MINUTE_MS
from schemas.topics import MODELS_CHANGES, RAW_BARS, SCORED_SIGNALS, SIGNALS
from streams.features.catalog import FEATURE_SET_ID
from streams.runtime.codec import Received
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import START_MS, close_time, regime_parameters
from tests.conftest import project_topics
from tests.fakes.running_chains import CHAIN_OF, chains_running, read_records, wait_for
from tests.fakes.small_models import small_model
from workers.bars.recording import merged, read_recording
from workers.models.artifact import REGISTERED
from workers.research.replay.signal_backtest import backtest_signals, read_registration
from workers.serving.processor import inference_processor
from workers.serving.slots import Slots, load_ensemble

pytestmark = pytest.mark.kafka

SYMBOLS = ("BTCUSDT", "ETHUSDT")
BARS = 420
WARM_UP = 160  # bars, a few more than the model's features and window look back
HOLE = (190, 193)  # bars that the second symbol lacks: after its warm-up, and long before the end
WITHIN_S = 90.0


@dataclass(frozen=True)
class Live:
    """A market that was played into the chains, and what played it."""

    kafka: KafkaSettings
    files: list[Path]
    model: Path


def bar_file(folder: Path, symbol: str, seed: int) -> Path:
    """Write a seeded walk as a file that a replay can play."""
    rng = np.random.default_rng(seed)
    closes = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 2e-3, BARS))), 4)
    opens = np.concatenate(([100.0], closes[:-1]))
    high = np.maximum(opens, closes) + 0.05
    low = np.minimum(opens, closes) - 0.05
    volume = np.round(rng.uniform(1.0, 20.0, BARS), 3)
    lines = [
        f"{START_MS + MINUTE_MS * i},{opens[i]},{high[i]},{low[i]},{closes[i]},{volume[i]}"
        for i in range(BARS)
        if not (symbol == SYMBOLS[1] and HOLE[0] <= i < HOLE[1])
    ]
    path = folder / f"{symbol}_perp_1m.csv"
    path.write_text("\n".join(["date,open,high,low,close,volume", *lines]) + "\n")
    return path


def model_folder(folder: Path) -> Path:
    """Train a small model of the real features and leave it as training does."""
    made = small_model(folder, feature_set=FEATURE_SET_ID)
    regimes = tuple(
        regime_parameters(symbol=symbol, model_version=made.model_version) for symbol in SYMBOLS
    )
    made = made.model_copy(
        update={"symbols": SYMBOLS, "regimes": regimes, "feature_set_id": FEATURE_SET_ID}
    )
    place = folder / made.strategy / made.model_version
    (place / REGISTERED).write_bytes(made.encode())
    return place


def newest_signals(kafka: KafkaSettings) -> dict[str, int]:
    """Return by symbol the bar of its last signal."""
    found = [m.record for m in read_records(kafka, SIGNALS)]
    return {s.symbol: s.event_time_ms for s in found if isinstance(s, Signal)}


@pytest.fixture(scope="module")
def live(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Every symbol's bars through promotion, market, inference and signals, until all is scored."""
    folder, slots = tmp_path_factory.mktemp("live"), Slots()
    files = [bar_file(folder, symbol, seed) for seed, symbol in enumerate(SYMBOLS)]
    model = model_folder(folder / "models")
    scored = {name: CHAIN_OF[name] for name in ("market", "signals")}
    inference = inference_processor(slots, lambda: 0, lambda *_: None)
    with project_topics(broker) as kafka:
        publisher = Publisher(kafka, "test")
        publisher.publish(read_registration(model))
        publisher.flush()
        with chains_running(kafka, {"promotion": CHAIN_OF["promotion"]}):
            wait_for(lambda: bool(read_records(kafka, MODELS_CHANGES)))
            change = read_records(kafka, MODELS_CHANGES)[0].record
            assert isinstance(change, ModelChanged)
            slots.put(change, load_ensemble(change.model))
            for bar in merged(read_recording([str(file) for file in files]), {}):
                publisher.publish(bar)
            publisher.flush()
            with chains_running(kafka, scored | {"inference": (inference,)}):
                last = dict.fromkeys(SYMBOLS, close_time(BARS - 1))
                wait_for(lambda: newest_signals(kafka) == last, WITHIN_S)
        yield Live(kafka, files, model)


def call(live: Live, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    return invoke(live, monkeypatch, "backtest", "signals", *arguments)


def invoke(live: Live, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("REGIMEFLOW_HOME", str(live.model.parent))
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", live.kafka.bootstrap_servers)
    return CliRunner().invoke(app, list(arguments))


def digest(messages: list[Received], symbol: str) -> str:
    values = [m.stored.value or b"" for m in messages if m.record.symbol == symbol]  # type: ignore[attr-defined]  # of both topics
    return hashlib.sha256(b"".join(value + b"\n" for value in values)).hexdigest()


def test_files_topics_and_the_live_chains_agree_record_for_record(live, monkeypatch, tmp_path):
    signals, scored = read_records(live.kafka, SIGNALS), read_records(live.kafka, SCORED_SIGNALS)

    of_files = backtest_signals(live.files, live.model)
    same = call(live, monkeypatch, "--verify", "--json", "--out", str(tmp_path / "r.json"))

    assert same.exit_code == 0, same.output
    of_topics = json.loads(same.stdout)
    assert of_topics == json.loads((tmp_path / "r.json").read_text())
    assert len(signals) > BARS - WARM_UP
    scores = [m.record for m in scored if isinstance(m.record, ScoredSignal)]
    assert len(scores) == len(scored)
    assert any(score.outcome is None for score in scores)  # the hole hid some
    for symbol in SYMBOLS:
        wanted = {"Signal": digest(signals, symbol), "ScoredSignal": digest(scored, symbol)}
        assert of_files.digests[symbol] == of_topics["digests"][symbol] == wanted
    counts = of_topics["verified"]["topics"]
    assert counts[SIGNALS.name]["equal"] == len(signals) == of_files.signals
    assert counts[SCORED_SIGNALS.name]["equal"] == len(scored)
    assert of_topics["verified"]["differing"] == 0
    for name in ("groups", "scores", "reliability", "rows", "equity", "models"):
        assert of_topics[name] == of_files.model_dump(mode="json")[name]
    assert of_files.scores[0].compared == of_files.scores[0].known > 0


def test_a_signal_is_traced_to_the_offset_of_its_raw_bar(live, monkeypatch):
    messages = read_records(live.kafka, SIGNALS)
    message = next(m for m in reversed(messages) if m.record.symbol == SYMBOLS[1])  # type: ignore[attr-defined]
    signal = message.record
    assert isinstance(signal, Signal)

    found = invoke(live, monkeypatch, "trace", signal.signal_id, "--json")
    words = invoke(live, monkeypatch, "trace", signal.signal_id)
    of_model = invoke(live, monkeypatch, "trace", signal.model_version, "--json", "--newest", "2")
    unknown = invoke(live, monkeypatch, "trace", "nothing")

    assert found.exit_code == words.exit_code == of_model.exit_code == 0, found.output
    document = json.loads(found.stdout)
    nodes = {row["kind"]: row for row in document["nodes"]}
    raw = nodes["raw_bar"]
    source = raw["topic"], raw["partition"]
    with Reader(live.kafka, (RAW_BARS,), {source: raw["offset"]}) as reader:
        stored = next(iter(reader.read_to_end()))
    assert stored.stored.offset == raw["offset"]
    assert isinstance(stored.record, RawBar)
    assert (stored.record.symbol, stored.record.event_time_ms) == (
        signal.symbol,
        signal.event_time_ms,
    )
    assert raw["facts"]["close"] == stored.record.close == signal.reference_price
    assert nodes["signal"]["offset"] == message.stored.offset
    assert nodes["signal"]["facts"]["trace_id"] == raw["facts"]["trace_id"] == stored.trace_id
    assert {"prediction", "features", "regimes", "bar", "model"} <= nodes.keys()
    assert nodes["model"]["id"] == signal.model_version
    assert f"{RAW_BARS.name} {raw['partition']}@{raw['offset']}" in words.stdout
    assert json.loads(of_model.stdout)["signals_made"] == len(messages)
    assert len([r for r in json.loads(of_model.stdout)["nodes"] if r["kind"] == "signal"]) == 2
    assert unknown.exit_code == 1
    assert "no topic holds 'nothing'" in unknown.stderr


# The last one: it changes what the others read.
def test_one_altered_bar_is_a_named_difference(live, monkeypatch):
    altered_ms = close_time(200)
    cluster = {"bootstrap.servers": live.kafka.bootstrap_servers}
    bars = [m.record for m in read_records(live.kafka, RAW_BARS) if isinstance(m.record, RawBar)]
    delete_topics(cluster, [RAW_BARS.name])
    wait_for(lambda: RAW_BARS.name in apply_topics(cluster).created)
    publisher = Publisher(live.kafka, "tamper")
    for bar in bars:
        hit = bar.symbol == SYMBOLS[0] and bar.event_time_ms == altered_ms
        close = round((bar.high + bar.low) / 2, 4)
        publisher.publish(bar.model_copy(update={"close": close}) if hit else bar)
    publisher.flush()

    found = call(live, monkeypatch, "--verify", "--json", "--shown", "500")
    words = call(live, monkeypatch, "--verify")
    before = call(live, monkeypatch, "--verify", "--to", str(altered_ms - 1))

    assert (found.exit_code, words.exit_code, before.exit_code) == (1, 1, 0), before.output
    verified = json.loads(found.stdout)["verified"]
    first = verified["differences"][0]
    assert (first["topic"], first["symbol"]) == (SIGNALS.name, SYMBOLS[0])
    assert (first["event_time_ms"], first["kind"]) == (altered_ms, "differs")
    details = {d["event_time_ms"]: d["detail"] for d in verified["differences"]}
    assert "recomputed" in details[altered_ms]
    assert {d["symbol"] for d in verified["differences"]} == {SYMBOLS[0]}
    assert min(details) == altered_ms
    assert "NOT THE SAME" in words.stdout
    assert "byte for byte" in before.stdout
