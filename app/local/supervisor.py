"""Child processes kept running, and stopped in order."""

from __future__ import annotations

import http.client
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from types import FrameType
from urllib.parse import urlsplit

from app.errors import StartupError
from app.local.processes import end_group, spawn

__all__ = ["ChildSpec", "Signals", "Supervisor"]

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
IMMEDIATE_SECONDS = 5.0
IMMEDIATE_ENDS = 5
READY_SECONDS = 300.0
NOTICE_SECONDS = 10.0
WATCH_SECONDS = 1.0
PROBE_SECONDS = 0.05
REPEAT_SECONDS = 0.5


@dataclass(frozen=True)
class ChildSpec:
    """A process to keep running.

    `ready_url` answers below 400 once it works (None: no probe). Children of a lower `stop_rank` are
    stopped first, all of one rank together, and get `grace_seconds` before they are killed.
    `death_signal` is what a child gets when this process is killed.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    ready_url: str | None = None
    stop_rank: int = 0
    grace_seconds: float = 3.0
    death_signal: signal.Signals = signal.SIGTERM


class Signals:
    """Requests to stop: counted by handlers, waited for without busy looping."""

    def __init__(self) -> None:
        self.stop_requests = 0
        self._last_request = -REPEAT_SECONDS
        self._reader = -1

    @contextmanager
    def installed(self) -> Iterator[Signals]:
        """Handle SIGINT, SIGTERM and SIGHUP as requests to stop, for the time of the block."""
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signals = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # started by nohup it stays ignored
            signals.append(signal.SIGHUP)
        previous = {signum: signal.signal(signum, self._note) for signum in signals}
        wakeup = signal.set_wakeup_fd(writer)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(wakeup)
            for signum, handler in previous.items():
                signal.signal(signum, handler)
            os.close(writer)
            os.close(self._reader)

    def _note(self, signum: int, _: FrameType | None) -> None:
        now = time.monotonic()
        # A terminal, make and timeout may each deliver the same request.
        if signum != signal.SIGCHLD and now - self._last_request >= REPEAT_SECONDS:
            self.stop_requests += 1
            self._last_request = now

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or until a signal or the end of a child."""
        select.select([self._reader], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._reader, 512)


@dataclass
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes]
    started: float
    due: float | None = None
    immediate_ends: int = 0
    answered: bool = False
    has_lasted: bool = False

    @property
    def runs(self) -> bool:
        return self.process.poll() is None


class Supervisor:
    """Runs children until it is asked to stop.

    `tend` is called about once a second, for what else has to be watched; `report` gets lines for the log.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        signals: Signals,
        *,
        report: Callable[[str], None],
        tend: Callable[[], None] = lambda: None,
    ) -> None:
        self._specs = sorted(specs, key=lambda spec: spec.stop_rank)
        self._signals = signals
        self._report = report
        self._tend = tend
        self._children: list[_Child] = []

    def run(self, on_ready: Callable[[], None]) -> None:
        """Keep every child running until a stop is requested, then stop them; blocks.

        `on_ready` is called once, when every probe answered. Raises StartupError, with everything stopped, when
        a child keeps ending right after its start or never answers; one that has run for five seconds before
        is started again for as long as it takes.
        """
        try:
            for spec in self._specs:
                self._children.append(_Child(spec, self._spawn(spec), time.monotonic()))
            self._wait_until_ready()
            if not self._signals.stop_requests:
                on_ready()
            while not self._signals.stop_requests:
                self._revive()
                self._tend()
                self._signals.wait(self._seconds_until_due())
        finally:
            self._stop()

    def _wait_until_ready(self) -> None:
        begun = time.monotonic()
        noticed = False
        while not self._signals.stop_requests:
            self._revive()
            waiting = [child for child in self._children if child.spec.ready_url and not child.answered]
            for child in waiting:
                child.answered = answers(child.spec.ready_url or "")
            if all(child.answered for child in waiting):
                return
            names = " and ".join(child.spec.name for child in waiting if not child.answered)
            waited = time.monotonic() - begun
            if waited > NOTICE_SECONDS and not noticed:
                noticed = True
                self._report(f"waiting for {names}: a first start compiles for a minute or more")
            if waited > READY_SECONDS:
                raise StartupError(
                    f"{names} did not answer within {READY_SECONDS:.0f} s: see the messages above"
                )
            self._signals.wait(PROBE_SECONDS)

    def _spawn(self, spec: ChildSpec) -> subprocess.Popen[bytes]:
        return spawn(spec.command, env=spec.env, death_signal=spec.death_signal)

    def _revive(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.runs:
                continue
            if child.due is None:
                self._schedule(child, now)
            elif now >= child.due:
                child.process, child.started, child.due = self._spawn(child.spec), now, None

    def _schedule(self, child: _Child, now: float) -> None:
        end_group(child.process)
        immediate = now - child.started < IMMEDIATE_SECONDS
        child.immediate_ends = child.immediate_ends + 1 if immediate else 0
        child.has_lasted = child.has_lasted or not immediate
        how = _describe(child.process.returncode)
        if child.immediate_ends >= IMMEDIATE_ENDS and not child.has_lasted:
            raise StartupError(
                f"{child.spec.name} {how} {IMMEDIATE_ENDS} times right after its start: see its messages above"
            )
        delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(child.immediate_ends, 10), LONGEST_DELAY_SECONDS)
        child.due = now + delay
        self._report(f"{child.spec.name} {how}; starting it again in {delay:.1f} s")

    def _seconds_until_due(self) -> float:
        due = [child.due - time.monotonic() for child in self._children if child.due is not None]
        return max(0.0, min([WATCH_SECONDS, *due]))

    def _stop(self) -> None:
        asked_before = max(1, self._signals.stop_requests)
        for _, group in groupby(self._children, key=lambda child: child.spec.stop_rank):
            rank = list(group)
            for child in rank:
                if child.runs:
                    child.process.terminate()
            deadline = time.monotonic() + max(child.spec.grace_seconds for child in rank)
            while any(child.runs for child in rank) and time.monotonic() < deadline:
                if self._signals.stop_requests > asked_before:
                    break
                self._signals.wait(PROBE_SECONDS)
            for child in rank:
                if child.runs:
                    self._report(f"{child.spec.name} did not stop in time and was killed")
                end_group(child.process)


def _describe(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with exit status {returncode}"


def answers(url: str) -> bool:
    """Tell whether a GET of `url` answers with a status below 400 within a second."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=1)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status < http.client.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
