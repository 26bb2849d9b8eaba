"""The dashboard shows the steps of the first training in the order in which they come."""

from __future__ import annotations

import re

from deploy.local.dashboard import SOURCE
from workers.training.progress import STAGES

PAGE = (SOURCE / "src" / "live" / "StartupProgress.tsx").read_text()


def test_no_step_is_shown_as_done_before_it_was_taken():
    [listed] = re.findall(r"const STAGES = \[\n(.*?)\n\] as const", PAGE, re.DOTALL)

    assert re.findall(r"^  \['(\w+)'", listed, re.MULTILINE) == [name for name, _ in STAGES]
