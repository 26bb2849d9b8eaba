"""The memo: made once for each change, for all who ask, whoever of them goes away."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from gateway.memo import LIMIT, Memo

pytestmark = pytest.mark.anyio


class Maker:
    """Makes figures of what it is given, and counts."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.may_end = threading.Event()
        self.may_end.set()

    def __call__(self, given: int) -> int:
        self.may_end.wait(10)
        self.made.append(given)
        return 10 * given


async def test_the_same_version_is_made_once_and_another_anew():
    memo, maker = Memo(), Maker()

    answers = [await memo.get("a", version, partial(int, version), maker) for version in (1, 1, 2)]

    assert (answers, maker.made) == ([10, 10, 20], [1, 2])


async def test_all_who_ask_meanwhile_get_one_answer_though_the_first_goes_away():
    memo, maker = Memo(), Maker()
    maker.may_end.clear()
    asking = [asyncio.create_task(memo.get("a", 1, lambda: 4, maker)) for _ in range(3)]
    await asyncio.sleep(0)

    asking[0].cancel()
    maker.may_end.set()

    assert await asyncio.gather(*asking[1:]) == [40, 40]
    assert maker.made == [4]


async def test_what_was_asked_for_long_ago_is_forgotten():
    memo, maker = Memo(), Maker()
    for name in range(LIMIT + 1):
        await memo.get(name, 1, lambda: 1, maker)

    await memo.get(0, 1, lambda: 1, maker)
    await memo.get(LIMIT, 1, lambda: 1, maker)

    assert len(maker.made) == LIMIT + 2
