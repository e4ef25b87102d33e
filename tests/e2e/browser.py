"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.e2e.stack import wait_for

__all__ = ["ADDRESS", "Navigated", "Tab", "find_browser", "open_tab"]

ADDRESS = "location.pathname + location.search"

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
)
_KEYS = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40}
_START_SECONDS = 30.0
_ANSWER_SECONDS = 30.0


_NEXT_FRAME = (
    "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
)


class Navigated(Exception):
    """The page that was asked disappeared before it answered."""


class Tab:
    """One page of the browser, its network requests, and its complaints."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result; events that come before it are noted."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=_ANSWER_SECONDS))
            if message.get("id") == self._last:
                if "navigated" in message.get("error", {}).get("message", ""):
                    raise Navigated
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(parameters["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.complaints.append(json.dumps(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(json.dumps(parameters["entry"]))

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def show(self, *, width: int, height: int, scheme: str) -> None:
        """Set the size of the window and the colour scheme of the operating system."""
        narrow = 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < narrow,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """Return what an element shows.

        The text is empty while the element is absent or hidden, or while the page changes.
        """
        try:
            found: str = self.ask(
                f"(() => {{ const found = document.querySelector({json.dumps(selector)}); "
                "return found?.checkVisibility() ? found.innerText : '' })()"
            )
        except Navigated:
            return ""
        return found

    def click(self, selector: str) -> None:
        """Press an element as soon as it is there."""
        press = f"(() => {{ const found = document.querySelector({json.dumps(selector)}); found?.click(); return !!found }})()"
        wait_for(lambda: self.ask(press), _ANSWER_SECONDS, f"{selector} on the page")

    def fill(self, selector: str, text: str) -> None:
        """Type a text into an empty field and press Enter.

        A field tells its text to the page in the frame after it. A person's next click comes later
        than that, and so must that of a test.
        """
        self.click(selector)
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)
        self.press("Enter")
        with suppress(Navigated):
            self.ask(_NEXT_FRAME)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Move the mouse from one place of the window to another with its button down."""
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        steps = [("mouseMoved", start), ("mousePressed", start), ("mouseMoved", middle), ("mouseMoved", end)]
        for kind, (x, y) in [*steps, ("mouseReleased", end)]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def press(self, key: str) -> None:
        """Press and release a key: a letter, Enter, Tab, or another by its name."""
        code = _KEYS.get(key) or ord(key.upper()[0])
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def see(self, selector: str, words: str) -> str:
        """Return what an element shows once it shows these words."""

        def look() -> str | None:
            shown = self.text(selector)
            return shown if words in shown else None

        return wait_for(look, _ANSWER_SECONDS, f"{selector} to show {words!r}")

    def expect(self, expression: str, *, becomes: object = True) -> None:
        """Wait until a JavaScript expression has a value, because answers come one by one."""
        seen: list[object] = [None]

        def look() -> bool:
            try:
                seen[0] = self.ask(expression)
            except Navigated:
                return False
            return bool(seen[0] == becomes)

        try:
            wait_for(look, _ANSWER_SECONDS, f"{expression} to be {becomes!r}")
        except AssertionError as late:
            late.add_note(f"it is {seen[0]!r}")
            raise

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


def find_browser() -> str | None:
    """Return the path of the first Chromium that is installed, or None."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def open_tab() -> Iterator[Tab]:
    """A tab of a fresh browser with a profile of its own; skips where no browser is installed."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium is installed")
    profile = Path(tempfile.mkdtemp(prefix="llmt-browser-"))
    browser = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        listening = profile / "DevToolsActivePort"
        port = wait_for(
            lambda: listening.exists() and listening.read_text().partition("\n")[0],
            _START_SECONDS,
            "the browser to start",
        )
        targets = wait_for(
            lambda: httpx.get(f"http://127.0.0.1:{port}/json/list").json(), _START_SECONDS, "a tab"
        )
        (page,) = [target for target in targets if target["type"] == "page"]
        with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Tab(socket)
    finally:
        browser.kill()
        browser.wait()
        shutil.rmtree(profile, ignore_errors=True)
