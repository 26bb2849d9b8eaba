"""What axe finds wrong with a page, dark and light."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from deploy.local.dashboard import SOURCE

AXE = SOURCE / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ("dark", "light")
OF_THEMES = "color-contrast"  # the one rule that what a theme changes can break


def load_axe(page: Page) -> None:
    """Put axe into a page, which its own policy would rightly refuse: open it with bypass_csp."""
    page.add_script_tag(content=Path(AXE).read_text())


def faults(page: Page) -> list[str]:
    """Return every fault of a page that has axe: its theme, its rule, the element."""
    first, *others = THEMES
    found = _faults_in(page, first)
    return found + [fault for theme in others for fault in _faults_in(page, theme, OF_THEMES)]


def _faults_in(page: Page, theme: str, *rules: str) -> list[str]:
    """Return what is wrong in a theme, by those rules; by every rule if none is named."""
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of its words
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    result = page.evaluate("options => axe.run(options)", options)
    assert len(result["passes"]) > (0 if rules else 15)
    return [
        f"{theme} {fault['id']} {node['html'][:160]}"
        for fault in result["violations"]
        for node in fault["nodes"]
    ]
