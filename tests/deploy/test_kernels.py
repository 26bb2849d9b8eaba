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


def test_every_module_with_a_kernel_is_prepared_and_cached():
    environment = os.environ | {"NUMBA_DEBUG_CACHE": "1"}
    subprocess.run([sys.executable, "-m", "deploy.kernels"], cwd=ROOT, check=True)

    again = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )

    with_kernels = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for folder in ("streams", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if "from numba import" in path.read_text()
    }
    assert with_kernels <= set(again.stdout.splitlines())
    assert "data loaded" in again.stdout
    assert "data saved" not in again.stdout
