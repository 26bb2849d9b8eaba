"""How often cycles of objects are looked for: seldom, because reference counts free the records."""

from __future__ import annotations

import gc

GARBAGE_AFTER = 50_000  # objects, some tens of batches


def collect_seldom() -> None:
    """Keep what is there for good, such as what has been imported, and look for cycles seldom."""
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)
