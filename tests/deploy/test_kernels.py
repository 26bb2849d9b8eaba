"""Kernels: the command knows every module that compiles, and what it compiled is found again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
import sys
from deploy.kernels import main
main()
print(*sorted(sys.modules), sep="\\n")
"""


def prepared():
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DEBUG_CACHE": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_every_module_with_a_kernel_is_prepared_and_cached():
    told = prepared()
    again = prepared() if "data saved" in told else told

    with_kernels = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for folder in ("streams", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if "from numba import" in path.read_text()
    }
    assert with_kernels <= set(again.splitlines())
    assert "data loaded" in again
    assert "data saved" not in again
