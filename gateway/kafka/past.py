"""Reads what lies before the window of a topic, the newest stretch first.

A window of offsets holds few bars of a long timeframe: 60 minutes lie between two hours. So the
rest is read in the background, as far back as a view has room. What no view lacks is passed over
without decoding it. What no view holds, such as the bytes of a dead letter, is read at its offset.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

STRETCH = 50_000  # offsets of each partition that are read at once, so that reading can end early
FARTHEST = 1_000_000  # offsets of each partition before its window: 70 days of four markets' hours
POLL_RECORDS = 500
POLL_MS = 200
LONGEST_PAUSE_S = 0.1

Lengths = Callable[[], Collection[int]]  # timeframes, in ms
Positions = Mapping[Any, int]  # by partition


async def read_back(
    consumer: Any, ends: Positions, lacking: Lengths, take: Callable[[Any], None]
) -> None:
    """Read backwards in stretches until nothing is lacking; each stretch in the order of the topic.

    Args:
        consumer: A started one of its own, without partitions.
        ends: Where the window of each partition begins.
        lacking: Returns which timeframes are still to be read.
        take: Called with each of their records.
    """
    first = await consumer.beginning_offsets(list(ends))
    first = {each: max(first[each], end - FARTHEST) for each, end in ends.items()}
    while lengths := lacking():
        starts = {each: max(first[each], end - STRETCH) for each, end in ends.items()}
        stretch = {each: end for each, end in ends.items() if starts[each] < end}
        if not stretch:
            return
        consumer.assign(list(stretch))
        for each in stretch:
            consumer.seek(each, starts[each])
        await _read_stretch(consumer, stretch, [b'"timeframe_ms":%d,' % ms for ms in lengths], take)
        ends = {**ends, **starts}


async def _read_stretch(
    consumer: Any, ends: Positions, marks: Collection[bytes], take: Callable[[Any], None]
) -> None:
    """Read up to some offsets, at half speed: requests and live records go first."""
    left = set(ends)
    while left:
        began_s = time.monotonic()
        batches = await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        for partition, records in batches.items():
            for record in records:
                if record.offset < ends[partition] and any(mark in record.value for mark in marks):
                    take(record)
        done = {each for each in left if await consumer.position(each) >= ends[each]}
        consumer.pause(*done)
        left -= done
        await asyncio.sleep(min(time.monotonic() - began_s, LONGEST_PAUSE_S))


async def read_at(consumer: Any, source: Any, offset: int) -> Any:
    """Return the message of a partition at an offset; None where it is no longer kept."""
    consumer.assign([source])
    first, end = await consumer.beginning_offsets([source]), await consumer.end_offsets([source])
    if not first[source] <= offset < end[source]:
        return None
    consumer.seek(source, offset)
    message = await consumer.getone(source)
    return message if message.offset == offset else None
