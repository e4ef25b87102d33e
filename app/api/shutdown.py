"""Noticing that this process was told to end, before its server stops accepting connections."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["shutdown_noticed"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def shutdown_noticed(notice: Callable[[], None]) -> Iterator[None]:
    """Call `notice` on SIGTERM or SIGINT during the block, then the handler that was set before.

    Outside the main thread, where Python allows no handlers, nothing is noticed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {signum: signal.getsignal(signum) for signum in _SIGNALS}

    def handle(signum: int, frame: FrameType | None) -> None:
        notice()
        earlier = previous[signal.Signals(signum)]
        if callable(earlier):
            earlier(signum, frame)

    ours = {signum for signum in _SIGNALS if callable(previous[signum])}
    for signum in ours:
        signal.signal(signum, handle)
    try:
        yield
    finally:
        for signum in ours:
            signal.signal(signum, previous[signum])
