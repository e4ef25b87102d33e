"""The identity of a caller: the project, what the caller may do, and the name in the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from app.errors import Forbidden, NotFound, Unavailable
from app.schemas.keys import SCOPES, Key, Scope
from app.schemas.projects import DEFAULT_PROJECT, PROJECT_ID

__all__ = ["Identity", "anonymous", "identity_of", "no_project", "rate_of", "reach", "unknown_keys"]

_RETRY_SECONDS = 2
_SUFFICIENT: Final[Mapping[Scope, frozenset[Scope]]] = {
    "feedback": frozenset({"feedback", "ingest", "admin"}),
    "ingest": frozenset({"ingest", "admin"}),
    "read": frozenset({"read", "admin"}),
    "admin": frozenset({"admin"}),
}


class Identity(NamedTuple):
    """One caller, bound to one project; `admin` includes the other scopes, `ingest` `feedback`."""

    project_id: str
    scopes: frozenset[Scope]
    actor: str
    key: Key | None = None
    session: str | None = None  # the key's prefix, or `-`, where a person signed in with it
    rate: tuple[str, int] | None = None  # the bucket that counts its requests, and requests per minute
    provisional: bool = False  # true while it is unknown whether keys are needed

    @property
    def operator(self) -> bool:
        """Whether this caller administers every project, as an admin of `default` does."""
        return self.project_id == DEFAULT_PROJECT and "admin" in self.scopes

    @property
    def anonymous(self) -> bool:
        """Whether the caller sent no key."""
        return self.key is None and self.session is None

    def may(self, scope: Scope) -> bool:
        """Tell whether this caller has a scope."""
        return not _SUFFICIENT[scope].isdisjoint(self.scopes)

    def require(self, scope: Scope) -> None:
        """Raise Forbidden, naming the scope, when this caller does not have it."""
        if not self.may(scope) and self.provisional:
            raise unknown_keys()
        if not self.may(scope):
            held = " and ".join(name for name in SCOPES if name in self.scopes) or "none"
            raise Forbidden(f"This needs the scope {scope}; the scopes of {self.actor}: {held}.")


def anonymous(scopes: Iterable[Scope], *, provisional: bool = False) -> Identity:
    """Return the identity of a caller without a key, where none is needed."""
    return Identity(DEFAULT_PROJECT, frozenset(scopes), "anonymous", provisional=provisional)


def identity_of(key: Key) -> Identity:
    """Return the identity that a key stands for."""
    actor = f"key {key.prefix} ({key.name})"
    return Identity(key.project_id, frozenset(key.scopes), actor, key, rate=rate_of(key))


def rate_of(key: Key) -> tuple[str, int] | None:
    """Return the bucket that a key shares with its sessions, None for a key without a limit."""
    return (key.prefix, key.requests_per_minute) if key.requests_per_minute else None


def reach(identity: Identity, project_id: str) -> None:
    """Raise NotFound unless the caller may administer the project.

    The error is the same for a project that does not exist.
    """
    mine = identity.operator or identity.project_id == project_id
    if not mine or not PROJECT_ID.fullmatch(project_id):
        raise no_project(project_id)


def no_project(project_id: str) -> NotFound:
    """Return the error for a project that does not exist for this caller."""
    return NotFound(f"There is no project {project_id}.")


def unknown_keys() -> Unavailable:
    """Return the error for a time in which the keys are unknown."""
    return Unavailable(
        "The database does not answer, so keys are not known yet; try again shortly.",
        retry_after=_RETRY_SECONDS,
    )
