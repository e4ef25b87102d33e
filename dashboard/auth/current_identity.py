"""Who looks at a page: the identity and session, for all code of one request or WebSocket."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeVar

from app.access.identity import Identity

__all__ = ["CURRENT_IDENTITY", "CURRENT_SESSION", "is_signed_in", "shown_project"]

Project = TypeVar("Project", str, None)
CURRENT_IDENTITY: ContextVar[Identity | None] = ContextVar("identity", default=None)
CURRENT_SESSION: ContextVar[str | None] = ContextVar("session", default=None)


def shown_project(asked: Project) -> Project | str:
    """Return the project that is shown: the one of the session.

    Where no key is needed on this machine, it is the one that is `asked` for.
    """
    identity = CURRENT_IDENTITY.get()
    if identity is None or (identity.anonymous and identity.operator):
        return asked
    return identity.project_id


def is_signed_in() -> bool:
    """Tell whether somebody signed in, which also means that the API asks for keys."""
    identity = CURRENT_IDENTITY.get()
    return identity is not None and not identity.anonymous
