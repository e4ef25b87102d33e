"""Bringing lost servers back, for as long as it takes: after a start nothing ends the stack but its user."""

from __future__ import annotations

from collections.abc import Callable

from app.errors import MonitorError

__all__ = ["Reviving"]

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class Reviving:
    """Tries until `revive` succeeds, with a pause that doubles from one second to half a minute.

    `clock` returns seconds; `report` gets a line when servers are lost, for each new reason why they do not
    come back, and when they are.
    """

    def __init__(
        self,
        lost: Callable[[], bool],
        revive: Callable[[], None],
        *,
        report: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._lost = lost
        self._revive = revive
        self._report = report
        self._clock = clock
        self._due = 0.0
        self._pause = 0.0
        self._reason = ""

    def tend(self) -> None:
        """Look once, and try once if it is time."""
        now = self._clock()
        if now < self._due or not self._lost():
            return
        if not self._pause:
            self._report("the embedded servers ended; starting them again")
        try:
            self._revive()
        except (MonitorError, OSError) as error:
            self._wait(error.detail if isinstance(error, MonitorError) else str(error))
            return
        if self._pause:
            self._report("the embedded servers run again")
        self._due, self._pause, self._reason = 0.0, 0.0, ""

    def _wait(self, reason: str) -> None:
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self._due = self._clock() + self._pause
        if reason != self._reason:
            self._reason = reason
            self._report(f"the embedded servers do not start, and are tried again until they do: {reason}")
