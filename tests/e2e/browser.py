"""A headless Chromium, driven by its own DevTools protocol."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.e2e.stack import wait_for

__all__ = ["Page", "open_page"]

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # tests also run as root, where Chromium's own sandbox refuses to start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--window-size=1400,1200",
    "--remote-debugging-port=0",
)
START_SECONDS = 30.0


class Page:
    """One open page."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(timeout=START_SECONDS))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        return self._ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for_text(self, text: str, seconds: float) -> str:
        """Return everything the page shows, once `text` is part of it."""

        def shown() -> str | None:
            found = str(self.evaluate("document.body ? document.body.innerText : ''"))
            return found if text in found else None

        return wait_for(shown, seconds, f"the page to show {text!r}")


@contextmanager
def open_page(url: str) -> Iterator[Page]:
    """Open `url`; skips the test where no Chromium is installed."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    with tempfile.TemporaryDirectory(prefix="llmt-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(
                _address(Path(profile), url), max_size=None, open_timeout=START_SECONDS
            ) as connection:
                yield Page(connection)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(profile: Path, url: str) -> str:
    """Return the WebSocket address of the tab that shows `url`, as the browser itself publishes it."""
    announced = profile / "DevToolsActivePort"

    def port() -> str | None:
        return announced.read_text().split("\n")[0] if announced.exists() else None

    base = f"http://127.0.0.1:{wait_for(port, START_SECONDS, 'Chromium to start')}"

    def tab() -> str | None:
        tabs = httpx.get(f"{base}/json/list", timeout=START_SECONDS).json()
        return next((each["webSocketDebuggerUrl"] for each in tabs if each["url"].startswith(url)), None)

    return wait_for(tab, START_SECONDS, f"Chromium to open {url}")
