"""Figures that are kept for as long as nothing that they are made of has changed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT = 128


class Memo:
    """The figures that were asked for last, each with the version of what it is made of."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[Hashable, asyncio.Future[Any]]] = OrderedDict()

    async def get(
        self,
        asked: Hashable,
        version: Hashable,
        snapshot: Callable[[], T],
        make: Callable[[T], Any],
    ) -> Any:
        """Return what was made of this version; make it where it was not.

        Args:
            asked: What is made.
            version: Changes whenever what it is made of does.
            snapshot: Copies what it is made of, on the event loop.
            make: Runs in a thread, once for all who ask meanwhile.
        """
        kept = self._kept.get(asked)
        if kept is None or kept[0] != version:
            kept = self._kept[asked] = (
                version,
                asyncio.ensure_future(asyncio.to_thread(make, snapshot())),
            )
            if len(self._kept) > LIMIT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(asked)
        return await asyncio.shield(kept[1])  # who goes away does not end it for the others
