from __future__ import annotations

from app.errors import StartupError
from app.local.reviving import Reviving


class Servers:
    """Servers of which a test says whether they run, and a clock that it moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lost = False
        self.refusal: Exception | None = None
        self.tries: list[float] = []
        self.said: list[str] = []
        self.reviving = Reviving(
            lambda: self.lost, self._revive, report=self.said.append, clock=lambda: self.now
        )

    def _revive(self) -> None:
        self.tries.append(self.now)
        if self.refusal:
            raise self.refusal
        self.lost = False

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.reviving.tend()
            self.now += 1


def test_servers_that_run_are_left_alone() -> None:
    servers = Servers()
    servers.live(10)
    assert (servers.tries, servers.said) == ([], [])


def test_lost_servers_are_started_at_once() -> None:
    servers = Servers()
    servers.lost = True
    servers.live(3)
    assert servers.tries == [100.0]
    assert servers.said == ["the embedded servers ended; starting them again"]


def test_servers_that_do_not_start_are_tried_with_a_growing_pause_and_told_of_once() -> None:
    servers = Servers()
    servers.lost, servers.refusal = True, StartupError("No space left on device")
    servers.live(200)
    pauses = [after - before for before, after in zip(servers.tries, servers.tries[1:], strict=False)]
    assert pauses[:6] == [1, 2, 4, 8, 16, 30]
    assert set(pauses[6:]) == {30}
    assert len(servers.said) == 2
    assert servers.said[1].endswith("until they do: No space left on device")
    servers.refusal = OSError(28, "No space left on device")
    servers.live(40)
    assert len(servers.said) == 3
    servers.refusal = None
    servers.live(40)
    assert not servers.lost
    assert servers.said[-1] == "the embedded servers run again"
    servers.lost = True
    servers.live(1)
    assert not servers.lost
