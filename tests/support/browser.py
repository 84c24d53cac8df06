"""The portal on a real server, and headless Chromium that watches what a page does."""

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

SCREENSHOTS: Final = Path(__file__).parents[1] / "browser" / "screenshots"
AXE: Final = Path(__file__).parents[1] / "browser" / "vendor" / "axe-core" / "axe.min.js"
START_TIMEOUT_S: Final = 20.0


@contextmanager
def serve(app: Litestar) -> Iterator[int]:
    """``app`` on granian in a thread of this process, on a free port, until the end of the block."""
    port = _free_port()
    started = threading.Event()
    loop = asyncio.new_event_loop()
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(started.set)
        loop.run_until_complete(server.serve())
        loop.close()

    thread = threading.Thread(target=run, name="portal", daemon=True)
    thread.start()
    assert started.wait(START_TIMEOUT_S)
    _wait_for(port)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(START_TIMEOUT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    pause = threading.Event()
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.05)
    raise AssertionError("the portal did not start")


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium; a missing one is a failure, not a reason to skip."""
    path = shutil.which("chromium")
    assert path, "the browser tests need chromium: apt-get install chromium"
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@dataclass
class Watch:
    """What went wrong on the pages of one browser context: console errors, failed or foreign requests."""

    host: str
    wrong: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", lambda said: self._said(said.type, said.text, page.url))
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("request", lambda request: self._asked(request.url, page.url))

    def _said(self, kind: str, text: str, where: str) -> None:
        if kind in {"error", "warning"}:
            self.wrong.append(f"{where}: console {kind}: {text}")

    def _asked(self, address: str, where: str) -> None:
        if not address.startswith((f"http://{self.host}", "data:", "about:")):
            self.wrong.append(f"{where}: request off the host: {address}")


def open_context(browser: Browser, host: str, **options: Any) -> tuple[BrowserContext, Page, Watch]:
    """A fresh browser profile on ``host`` (name and port), watched."""
    context = browser.new_context(base_url=f"http://{host}", **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    watch = Watch(host)
    watch.follow(page)
    return context, page, watch


def log_in(page: Page, email: str, password: str = "correct horse battery") -> None:
    """From the log-in page that is open, by keyboard alone; the e-mail field has the focus, as soon as it is painted."""
    page.locator("input[type=email]:focus").wait_for()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    with page.expect_navigation(url=lambda address: "/login" not in address):
        page.keyboard.press("Enter")
