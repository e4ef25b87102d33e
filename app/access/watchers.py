"""Watchers for WebSockets: so many for a project, and at most half of them for one client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.access.slots import Slots, network_of
from app.errors import Overloaded

__all__ = ["Watchers"]


class Watchers:
    """Counts what every project holds open in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_projects: dict[str, Slots] = {}

    @contextmanager
    def held(self, project_id: str, address: str | None) -> Iterator[None]:
        """Hold a place of a project for a client's address; raises Overloaded when there is none for it."""
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
