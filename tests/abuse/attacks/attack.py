"""The parts of every attack: its target, its rounds, and the counts of its answers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.abuse.attacks.connection import Answer, Connection


class Target(NamedTuple):
    """What attackers know: ports of this machine, the tenant's project id, and their own keys.

    `ingest_key` belongs to one project and `admin_key` to another one. `limited_key` may ask twice
    a minute.
    """

    port: int
    dashboard_port: int
    tenant: str
    project: str
    ingest_key: str
    admin_key: str
    limited_key: str


@dataclass
class Round:
    """One round of an attack.

    It starts no more requests after `seconds`, and counts the answers. `wrongs` are statements
    about answers that must not occur, whether or not the tenant notices them.
    """

    seconds: float
    ends: float = field(init=False)
    answers: Counter[str] = field(default_factory=Counter)
    wrongs: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.seconds

    def goes_on(self) -> bool:
        return time.monotonic() < self.ends

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the round."""
        time.sleep(max(0.0, min(seconds, self.ends - time.monotonic())))

    def count(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1

    def wrong(self, what: str) -> None:
        with self._lock:
            self.wrongs[what] += 1

    def send(self, connection: Connection, request: bytes) -> Answer:
        """Send one request and count its answer."""
        answer = connection.ask(request)
        self.count(answer.status)
        return answer

    def repeat(self, port: int, requests: Iterable[bytes], *, every: float) -> None:
        """Send the requests in turn on one connection until the round is over.

        At most one request is sent in `every` seconds.
        """
        with Connection(port) as connection:
            for request in requests:
                begun = time.monotonic()
                if not self.goes_on():
                    return
                self.send(connection, request)
                self.pause(begun + every - time.monotonic())


Strike = Callable[[Round], None]


class Attack(NamedTuple):
    """An attack: `prepare` makes all bodies before the round begins and returns what sends them.

    `case` is its number in the list of attacks. `headroom_mib` is the memory that Redis may still
    take for it, or None for all that Redis has.
    """

    name: str
    case: str
    prepare: Callable[[Target], Strike]
    seconds: float = 6.0
    headroom_mib: float | None = None

    @property
    def is_control(self) -> bool:
        """Tell whether this is no attack, but shows what the machine alone changes."""
        return self.case == "none"


def side_by_side(*work: Callable[[], None]) -> None:
    """Run these functions in threads and return when all have ended."""
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
