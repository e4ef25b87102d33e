"""Projects, keys and acts of administration in the form that the API accepts and shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from fastapi import Request
from msgspec import Meta

from app.access.administration import KeyRequest, Line
from app.api.access import identity_behind
from app.api.bodies import read_body
from app.api.dependencies import Services
from app.errors import InvalidRecord, MalformedBody
from app.schemas.ids import minted_at
from app.schemas.json_input import NotJsonError, WrongShapeError, check_values, read_any, reader
from app.schemas.keys import LONGEST_NAME, NAME_PATTERN, Act, Key, Scope
from app.schemas.limits import MOST_RECORD_VALUES, too_many
from app.schemas.projects import DEFAULT_PROJECT, Project, ProjectSettings

__all__ = [
    "ActOut",
    "AuditPage",
    "KeyIn",
    "KeyList",
    "KeyOut",
    "NewKey",
    "NewSession",
    "ProjectIn",
    "ProjectList",
    "SignIn",
    "Who",
    "describe_act",
    "describe_key",
    "line_of",
    "read_patch",
    "read_struct",
]

Struct = TypeVar("Struct", bound=msgspec.Struct)
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]


class KeyIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made. Without `expires_at` it does not expire; without a rate it has no limit."""

    name: Name
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    requests_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None

    def to_request(self) -> KeyRequest:
        """Return the request as `issue_key` takes it."""
        return KeyRequest(**msgspec.structs.asdict(self))


class KeyOut(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    prefix: str
    project_id: str
    name: str
    scopes: tuple[Scope, ...]
    state: Literal["active", "expired", "revoked"]
    requests_per_minute: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKey(KeyOut, frozen=True, kw_only=True):
    """A key that was just made. `key` is shown only in this answer."""

    key: str


class KeyList(msgspec.Struct, frozen=True):
    """Every key of a project, the oldest first."""

    keys: tuple[KeyOut, ...]


class ProjectIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project to be made."""

    project_id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    name: Name
    settings: ProjectSettings = ProjectSettings()


class ProjectList(msgspec.Struct, frozen=True):
    """Projects by id."""

    projects: tuple[Project, ...]


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sign-in with either a key, or the password of a project's admins."""

    key: Annotated[str, Meta(max_length=256)] | None = None
    project_id: Annotated[str, Meta(max_length=63)] = DEFAULT_PROJECT
    password: Annotated[str, Meta(max_length=1024)] | None = None


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """What a key or a session may do."""

    project_id: str
    scopes: tuple[Scope, ...]
    actor: str


class NewSession(Who, frozen=True, kw_only=True):
    """A session that was just begun. Clients send its token in the same way as a key."""

    session: str
    expires_at: datetime


class ActOut(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log."""

    act_id: UUID
    at: datetime
    project_id: str
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True):
    """Lines of the audit log, the newest first.

    `next` is the value of `before` for the next page.
    """

    acts: tuple[ActOut, ...]
    next: UUID | None


async def read_struct(request: Request, kind: type[Struct], *, limit: int) -> Struct:
    """Read a JSON body as a struct.

    Raises InvalidRecord, MalformedBody and what `read_body` raises.
    """
    body = await read_body(request, limit=limit, formats=("json",))
    if not check_values(body.content, MOST_RECORD_VALUES):
        raise too_many("values", MOST_RECORD_VALUES)
    try:
        return reader(kind)(body.content)
    except WrongShapeError as error:
        where = f" at {error.field}" if error.field else ""
        faults = [{"field": error.field, "message": str(error)}] if error.field else []
        raise InvalidRecord(f"The body was refused: {error}{where}.", errors=faults) from error
    except NotJsonError as error:
        raise MalformedBody("The body is not valid JSON.") from error


async def read_patch(request: Request, *, limit: int) -> Any:
    """Read a JSON merge patch (RFC 7396); raises MalformedBody and what `read_body` raises."""
    body = await read_body(request, limit=limit, formats=("json", "patch"))
    if not check_values(body.content, MOST_RECORD_VALUES):
        raise too_many("values", MOST_RECORD_VALUES)
    try:
        return read_any(body.content)
    except (NotJsonError, WrongShapeError) as error:
        raise MalformedBody("The body is not valid JSON.") from error


def line_of(request: Request, services: Services, project_id: str) -> Line:
    """Return the fields that the audit log keeps for an act of this request in a project."""
    return Line(project_id, identity_behind(request).actor, services.clock())


def describe_key(key: Key, now: datetime) -> KeyOut:
    """Return a key as it is shown."""
    shown = {name: value for name, value in msgspec.structs.asdict(key).items() if name != "digest"}
    return KeyOut(**shown, state=key.state(now))


def describe_act(act: Act) -> ActOut:
    """Return an act as it is shown."""
    return ActOut(**msgspec.structs.asdict(act), at=minted_at(act.act_id))
