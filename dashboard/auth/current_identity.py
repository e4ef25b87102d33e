"""Who looks at a page: known to everything that runs for one request or one WebSocket."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeVar

from app.access.identity import Identity

__all__ = ["CURRENT_IDENTITY", "is_signed_in", "shown_project"]

Project = TypeVar("Project", str, None)
CURRENT_IDENTITY: ContextVar[Identity | None] = ContextVar("identity", default=None)


def shown_project(asked: Project) -> Project | str:
    """Return the project that is shown: that of the session.

    Where nobody needs a key on this machine it is the one that is `asked` for.
    """
    identity = CURRENT_IDENTITY.get()
    if identity is None or (identity.anonymous and identity.operator):
        return asked
    return identity.project_id


def is_signed_in() -> bool:
    """Tell whether somebody signed in, which also means that the API asks for keys."""
    identity = CURRENT_IDENTITY.get()
    return identity is not None and not identity.anonymous
