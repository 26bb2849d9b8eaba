"""The build of the dashboard: made once, also when two runs start side by side."""

from __future__ import annotations

import threading
from pathlib import Path

from deploy.local import dashboard


def test_two_runs_that_start_side_by_side_build_once(tmp_path, monkeypatch):
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setattr(dashboard, "SOURCE", tmp_path)
    monkeypatch.setattr(dashboard, "INPUTS", ("package.json",))
    calls: list[str] = []
    waiting = threading.Event()

    def npm(*arguments: str) -> None:
        calls.append(arguments[0])
        if arguments[0] == "run":  # the other run has come and waits
            assert waiting.wait(10.0)
        for folder in ("node_modules", "dist"):
            Path(tmp_path / folder).mkdir(exist_ok=True)

    def progress(text: str) -> None:
        if "waiting for another run" in text:
            waiting.set()

    monkeypatch.setattr(dashboard, "_npm", npm)
    runs = [threading.Thread(target=dashboard.build_dashboard, args=(progress,)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20.0)

    assert calls == ["ci", "run"]
