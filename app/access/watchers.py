"""A limit for WebSockets: a number for each project, and at most half of it for one client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.access.slots import Slots, network_of
from app.errors import Overloaded

__all__ = ["Watchers"]


class Watchers:
    """Counts the live connections that each project holds open in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_projects: dict[str, Slots] = {}

    @contextmanager
    def held(self, project_id: str, address: str | None) -> Iterator[None]:
        """Hold a place of a project for a client's address.

        Raises Overloaded when none is left for it.
        """
        slots = self._of_projects.setdefault(project_id, Slots(self._most))
        client = network_of(address)
        if not slots.enter(client):
            raise Overloaded(
                f"A project may have {self._most} live connections, and one address half of them: close some.",
                retry_after=1,
            )
        try:
            yield
        finally:
            slots.leave(client)
            if not slots:
                self._of_projects.pop(project_id, None)
