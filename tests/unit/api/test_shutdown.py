from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from app.api.shutdown import shutdown_noticed


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The signals that a server's own handlers got.

    uvicorn installs its handlers before the application starts.
    """
    found: list[str] = []

    def handle(signum: int, _: FrameType | None) -> None:
        found.append(signal.Signals(signum).name)

    previous = {signum: signal.signal(signum, handle) for signum in (signal.SIGTERM, signal.SIGINT)}
    yield found
    for signum, handler in previous.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_is_noticed_and_passed_on(heard: list[str], signum: signal.Signals) -> None:
    noticed: list[bool] = []
    with shutdown_noticed(lambda: noticed.append(True)):
        signal.raise_signal(signum)
        assert (noticed, heard) == ([True], [signum.name])
    signal.raise_signal(signum)
    assert (noticed, heard) == ([True], [signum.name] * 2)


def test_a_signal_nobody_handles_keeps_its_meaning() -> None:
    previous = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with shutdown_noticed(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_outside_the_main_thread_nothing_is_touched() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with shutdown_noticed(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
