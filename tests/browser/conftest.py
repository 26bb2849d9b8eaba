"""Chromium, the built page, and a stage for each test; every page is watched for errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, WebSocket, expect, sync_playwright

from deploy.local.dashboard import build_dashboard, install_tools
from deploy.topics.refdata import read_seeds
from schemas.record import Record
from tests.browser import operated, scenes
from tests.browser.stage import Stage
from tests.build import START_MS
from tests.fakes.command_processor import CommandProcessor

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MINUTES = 120
WIDE = {"width": 1440, "height": 900}
WATCH = "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.blockedURI))"


@dataclass(frozen=True)
class MarketScene:
    """Two hours that have been, and some closes that are to come."""

    past: tuple[Record, ...]
    closes: tuple[tuple[Record, ...], ...]


@dataclass
class Watched:
    """A page, what went wrong on it, what it asked for and what its streams said."""

    page: Page
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    frames: list[dict[str, object]] = field(default_factory=list)

    def begin(self) -> None:
        """Listen to everything."""
        self.page.add_init_script(WATCH)
        self.page.on(
            "console",
            lambda said: (
                self.errors.append(said.text) if said.type in {"error", "warning"} else None
            ),
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", self._follow)

    def _follow(self, stream: WebSocket) -> None:
        self.streams.append(stream.url)
        stream.on("framereceived", lambda text: self.frames.append(json.loads(text)))


NewPage = Callable[..., Watched]
NewStage = Callable[..., Stage]


@pytest.fixture(scope="session")
def market() -> MarketScene:
    coming = scenes.players(MINUTES + 30)
    past = scenes.live(MINUTES, coming)
    return MarketScene(tuple(past), tuple(tuple(scenes.closes(coming)) for _ in range(30)))


@pytest.fixture(scope="session")
def built() -> None:
    install_tools(print)  # brings axe
    build_dashboard(print)


# Of a module, not of the session: Playwright keeps an event loop running in this thread, beside
# which no other test could run its own.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )
    if not found:
        pytest.skip("no Chromium on PATH; install it (Debian: apt-get install chromium)")
    expect.set_options(timeout=20_000)
    running = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
    yield running
    running.close()


@pytest.fixture
def new_stage(built: None) -> Iterator[NewStage]:  # noqa: ARG001 - the gateway serves the build
    """Puts records on a stage: ``new_stage(records, ready=True)``."""
    made: list[Stage] = []

    def make(
        records: tuple[Record, ...] | list[Record] = (), *, ready: bool = True, **settings: Any
    ) -> Stage:
        made.append(Stage(records, ready=ready, **settings))
        made[-1].open()
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(new_stage: NewStage, market: MarketScene) -> Stage:
    """The pipeline in full swing."""
    return new_stage(market.past)


@pytest.fixture
def whole(new_stage: NewStage, market: MarketScene) -> Stage:
    """A gateway with something to show on every page."""
    processor = CommandProcessor()
    past = [*scenes.several(market.past), *read_seeds(START_MS), *operated.records(processor)]
    return new_stage(past, processor=processor)


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Opens a page: ``new_page(stage, viewport=WIDE, color_scheme="dark", at="#/signals")``."""
    contexts = []

    def make(stage: Stage, at: str = "#/signals", **options: object) -> Watched:
        settings: dict[str, object] = {"viewport": WIDE, "color_scheme": "dark"} | options
        context = browser.new_context(**settings)  # type: ignore[arg-type]  # Playwright's own words
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.begin()
        watched.page.goto(stage.url + at)
        return watched

    yield make
    for context in contexts:
        context.close()
