"""POST /api/system/dead-letters/replay and drop: commands with outcomes, once for each letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gateway.kafka.topics import READS
from gateway.views.arrival import Arrival
from schemas.dead_letter import DeadLetter, letter_name
from schemas.letters import LetterCommand
from schemas.record import Record
from schemas.topics import topic_of
from streams.letters.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver
from tests.build import dead_letter, raw_bar, training_request
from tests.fakes.gateway import WALL_MS, RunningGateway

pytestmark = pytest.mark.anyio

PATH = "/api/system/dead-letters"


@pytest.fixture
def letters(gateway: RunningGateway) -> RunningGateway:
    """Return a gateway whose commands on letters are decided."""
    driver = MemoryDriver([PROCESSOR])

    def decide(record: Record) -> Sequence[Record]:
        if not isinstance(record, LetterCommand):
            return ()
        return [made for made in driver.feed(record) if topic_of(made).name in READS]

    gateway.bus.answers = decide
    return gateway


def stored(gateway: RunningGateway, letter: DeadLetter, offset: int) -> str:
    """Put a letter on its topic; return its name."""
    place = f"{letter.topic}.dlq", 0, offset
    gateway.bus.stored[place] = letter
    gateway.ctx.views.fold(Arrival(letter, letter.encode(), *place, WALL_MS))
    return letter_name(*place)


async def post(
    gateway: RunningGateway, action: str, ids: list[str], key: str | None = None, **body: Any
) -> tuple[int, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await gateway.client.post(
        f"{PATH}/{action}", json={"ids": ids, **body}, headers=headers
    )
    return answer.status_code, answer.json()


async def open_letters(gateway: RunningGateway) -> int:
    body = await gateway.get(PATH)
    return int(body["data"]["total"])


async def test_a_replay_sends_the_bytes_with_the_trace_they_had(letters: RunningGateway):
    name = stored(letters, dead_letter(training_request()), 4)

    status, body = await post(letters, "replay", [name], reason="fixed", by="ann")

    assert status == 200
    [outcome] = body["data"].pop("outcomes")
    assert body["data"] == {"accepted": 1, "unchanged": 0, "refused": 0, "pending": 0}
    assert (outcome["status"], outcome["subject"]) == ("accepted", name)
    assert outcome["facts"] == ["training.requests.v1: ensemble"]
    [(command, trace_id)] = letters.bus.published
    assert isinstance(command, LetterCommand)
    assert (command.letter, command.by, trace_id) == (dead_letter(training_request()), "ann", "t1")
    assert await open_letters(letters) == 0


async def test_a_dry_run_leaves_the_letter_open(letters: RunningGateway):
    name = stored(letters, dead_letter(training_request()), 4)

    status, body = await post(letters, "replay", [name], dry_run=True)

    assert (status, body["data"]["accepted"]) == (200, 1)
    assert body["data"]["outcomes"][0]["dry_run"] is True
    assert await open_letters(letters) == 1


async def test_the_same_key_gives_the_same_answer_and_one_effect(letters: RunningGateway):
    names = [stored(letters, dead_letter(training_request(n)), n) for n in (1, 2)]

    first = await post(letters, "replay", names, key="k")
    again = await post(letters, "replay", names, key="k")
    other = await post(letters, "replay", names, key="k", reason="other")

    assert first[1]["data"] == again[1]["data"]
    assert len(letters.bus.published) == 2
    assert (other[0], "used for another request" in other[1]["error"]) == (409, True)


@pytest.mark.parametrize("decided", [True, False])
async def test_the_same_key_for_other_letters_is_a_conflict(
    letters: RunningGateway, monkeypatch: pytest.MonkeyPatch, *, decided: bool
):
    names = [stored(letters, dead_letter(training_request(n)), n) for n in (1, 2, 3)]
    if not decided:
        monkeypatch.setattr("gateway.answers.commands.WAIT_S", 0.0)
        letters.bus.answers = lambda _: ()
    await post(letters, "replay", names[:1], key="k")

    for others in (names[1:], names[:2]):
        status, body = await post(letters, "replay", others, key="k")
        assert (status, "used for another request" in body["error"]) == (409, True)
    assert len(letters.bus.published) == 1


async def test_a_settled_letter_is_a_conflict_and_an_unknown_one_is_not_found(
    letters: RunningGateway,
):
    name = stored(letters, dead_letter(training_request()), 4)
    await post(letters, "drop", [name], reason="understood")
    letters.bus.published.clear()

    settled = await post(letters, "replay", [name])
    unknown = await post(letters, "replay", ["training.requests.v1.dlq/0@99"])

    assert (settled[0], "was dropped before" in settled[1]["error"]) == (409, True)
    assert (unknown[0], "no dead letter" in unknown[1]["error"]) == (404, True)
    assert letters.bus.published == []


async def test_refused_letters_are_told_beside_accepted_ones_and_alone_are_an_error(
    letters: RunningGateway,
):
    good = stored(letters, dead_letter(training_request()), 1)
    chain = stored(letters, dead_letter(raw_bar()), 2)

    both = await post(letters, "replay", [chain, good])
    alone = await post(letters, "replay", [chain])

    assert (both[0], both[1]["data"]["accepted"], both[1]["data"]["refused"]) == (200, 1, 1)
    assert [each["code"] for each in both[1]["data"]["outcomes"]] == ["invalid", "done"]
    assert (alone[0], "ingest's gap repair" in alone[1]["error"]) == (400, True)


async def test_a_letter_that_left_its_topic_is_not_found(letters: RunningGateway):
    name = stored(letters, dead_letter(training_request()), 4)
    letters.bus.stored.clear()

    status, body = await post(letters, "replay", [name])

    assert (status, "no longer on its topic" in body["error"]) == (404, True)


async def test_without_a_decision_the_answer_is_pending_with_its_address(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.answers.commands.WAIT_S", 0.0)
    name = stored(gateway, dead_letter(training_request()), 4)

    status, body = await post(gateway, "drop", [name], reason="r")

    assert (status, body["data"]["pending"]) == (202, 1)
    [outcome] = body["data"]["outcomes"]
    assert outcome["url"] == f"/api/v1/commands/{outcome['command_id']}"


async def test_without_a_broker_nothing_is_done(letters: RunningGateway):
    name = stored(letters, dead_letter(training_request()), 4)
    letters.bus.connected = False

    status, _ = await post(letters, "replay", [name])

    assert (status, letters.bus.published) == (503, [])


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("replay", {"ids": []}, "ids"),
        ("replay", {"ids": ["a"] * 2}, "expected each name once"),
        ("replay", {"ids": [str(n) for n in range(101)]}, "ids"),
        ("replay", {"ids": [1]}, "ids"),
        ("replay", {}, "ids"),
        ("drop", {"ids": ["a"]}, "reason"),
        ("drop", {"ids": ["a"], "reason": " "}, "reason"),
        ("drop", {"ids": ["a"], "reason": "r", "letter": "x"}, "letter"),
    ],
)
async def test_a_wrong_body_is_refused_by_name(letters: RunningGateway, action, body, expected):
    answer = await letters.client.post(f"{PATH}/{action}", json=body)

    assert answer.status_code == 400
    assert expected in answer.json()["error"]
