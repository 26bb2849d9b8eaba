"""What axe finds wrong with a page, dark and light."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from deploy.local.dashboard import SOURCE

AXE = SOURCE / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ("dark", "light")


def load_axe(page: Page) -> None:
    """Put axe into a page, which its own policy would rightly refuse: open it with bypass_csp."""
    page.add_script_tag(content=Path(AXE).read_text())


def faults(page: Page) -> list[str]:
    """Return every fault of a page that has axe: its theme, its rule, the element."""
    return [f"{theme} {fault}" for theme in THEMES for fault in _faults_in(page, theme)]


def _faults_in(page: Page, theme: str) -> list[str]:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of its words
    result = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert len(result["passes"]) > 15
    return [
        f"{fault['id']} {node['html'][:160]}"
        for fault in result["violations"]
        for node in fault["nodes"]
    ]
