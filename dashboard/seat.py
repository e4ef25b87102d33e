"""Who looks at a page: known to everything that runs for one request or one WebSocket."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeVar

from app.access.identity import Identity

__all__ = ["SEAT", "is_signed_in", "seated_project"]

Project = TypeVar("Project", str, None)
SEAT: ContextVar[Identity | None] = ContextVar("seat", default=None)


def seated_project(asked: Project) -> Project | str:
    """Return the project that is shown: that of the session.

    Where nobody needs a key on this machine it is the one that is `asked` for.
    """
    seat = SEAT.get()
    if seat is None or (seat.anonymous and seat.operator):
        return asked
    return seat.project_id


def is_signed_in() -> bool:
    """Tell whether somebody signed in, which also means that the API asks for keys."""
    seat = SEAT.get()
    return seat is not None and not seat.anonymous
