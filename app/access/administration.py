"""Acts of administration on projects and keys.

Each act writes its line of the audit log in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import msgspec

from app.access.decisions import (
    Difference,
    Match,
    check_match,
    check_redaction,
    check_size,
    compare,
    list_differences,
    list_dropped,
)
from app.access.identity import no_project
from app.access.passwords import hash_password
from app.access.tokens import is_prefix, mint_token
from app.errors import Conflict, InvalidParameter, InvalidRecord, NotFound
from app.schemas.ids import mint
from app.schemas.keys import LONGEST_NAME, NAME_PATTERN, SCOPES, Act, Key, Scope
from app.schemas.projects import PROJECT_ID, Project, ProjectSettings
from app.storage.access.audit import add_act
from app.storage.access.keys import add_key, count_keys, forget_ended_keys, revoke_key
from app.storage.access.passwords import Password, save_password
from app.storage.access.projects import add_project, lock_settings, read_projects, save_settings
from app.storage.engine import Connection
from app.storage.traces.dismissals import note_labelled
from monitoring.verdict import Policy

__all__ = [
    "KeyRequest",
    "Line",
    "change_settings",
    "find_project",
    "issue_key",
    "make_project",
    "record",
    "set_password",
    "withdraw_key",
]


# Every process reads all valid keys every second, so their number is bounded.
_MOST_KEYS = 1_000


class Line(msgspec.Struct, frozen=True):
    """What every line of the audit log starts with: the project, the actor and the moment (UTC)."""

    project_id: str
    actor: str
    now: datetime


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key should be. None in `requests_per_minute` and `expires_at` means no limit."""

    name: str
    scopes: tuple[Scope, ...]
    requests_per_minute: int | None = None
    expires_at: datetime | None = None


async def record(connection: Connection, line: Line, act: str, subject: str, **detail: object) -> None:
    """Append one act to the audit log; `detail` must be JSON."""
    await add_act(
        connection,
        Act(
            project_id=line.project_id,
            act_id=mint(int(line.now.timestamp() * 1000)),
            actor=line.actor,
            act=act,
            subject=subject,
            detail=detail,
        ),
    )


async def issue_key(connection: Connection, line: Line, request: KeyRequest) -> tuple[Key, str]:
    """Make a key. Returns the key and its text, which is stored nowhere.

    Of the keys of a project that have ended, the latest thousand are kept. Raises NotFound when the
    project does not exist, InvalidParameter when the end is in the past, and Conflict when the
    project has a thousand valid keys already.
    """
    if request.expires_at is not None and request.expires_at <= line.now:
        raise InvalidParameter("expires_at is in the past: choose a later time.")
    _check_name(request.name)
    if await lock_settings(connection, line.project_id) is None:
        raise no_project(line.project_id)
    if await count_keys(connection, line.project_id, line.now) >= _MOST_KEYS:
        raise Conflict(f"A project has at most {_MOST_KEYS:,} valid keys: revoke some first.")
    await forget_ended_keys(connection, line.project_id, line.now, keep=_MOST_KEYS)
    token = mint_token()
    key = Key(
        project_id=line.project_id,
        prefix=token.prefix,
        name=request.name,
        digest=token.digest,
        scopes=tuple(scope for scope in SCOPES if scope in request.scopes),
        requests_per_minute=request.requests_per_minute,
        created_at=line.now,
        created_by=line.actor,
        expires_at=request.expires_at,
        revoked_at=None,
    )
    await add_key(connection, key)
    ends = request.expires_at.isoformat() if request.expires_at else None
    detail = {"name": key.name, "scopes": key.scopes, "expires_at": ends}
    await record(connection, line, "key.created", key.prefix, **detail)
    return key, token.text


async def withdraw_key(connection: Connection, line: Line, prefix: str) -> Key:
    """Revoke a key. Revoking it twice is no error.

    Raises NotFound when the project has no such key.
    """
    known = is_prefix(prefix)
    found = await revoke_key(connection, line.project_id, prefix, line.now) if known else None
    if found is None:
        raise NotFound(f"There is no key {prefix}.")
    key, ended = found
    if ended:
        await record(connection, line, "key.revoked", prefix, name=key.name)
    return key


async def make_project(connection: Connection, line: Line, name: str, settings: ProjectSettings) -> Project:
    """Make the project that `line` names.

    Raises Conflict when a project has this id already, InvalidParameter for an id of another form,
    and InvalidRecord for settings beyond their bounds.
    """
    if not PROJECT_ID.fullmatch(line.project_id):
        raise InvalidParameter(
            "A project id has 1 to 63 characters out of a-z, 0-9, - and _, and begins with a letter or digit."
        )
    _check_name(name)
    check_size(settings)
    if not await add_project(connection, line.project_id, name, settings):
        raise Conflict(f"The project {line.project_id} exists already.")
    await record(connection, line, "project.created", line.project_id, name=name)
    return await find_project(connection, line.project_id)


async def change_settings(
    connection: Connection,
    line: Line,
    change: Callable[[ProjectSettings], ProjectSettings],
    *,
    match: Match | None = None,
    lifted: bool = False,
) -> tuple[ProjectSettings, list[Difference]]:
    """Change the settings of a project, except its policy, which `app.policies` keeps and checks.

    Returns the settings after the change, and the earlier decisions that are gone. `match` is the
    If-Match header of a request that replaces all settings. `lifted` says that the request allows
    redaction to be turned off.

    Raises NotFound when the project does not exist, InvalidRecord when the policy differs from the
    project's and for settings beyond their bounds, Conflict when redaction would be turned off
    without `lifted`, and what `check_match` raises.
    """
    if (decided := await lock_settings(connection, line.project_id)) is None:
        raise no_project(line.project_id)
    settings, policy = change(decided), decided.policy
    if settings.policy not in (Policy(), policy):
        raise InvalidRecord(
            "The policy is changed by PUT or PATCH /policy, which check it; leave it out here."
        )
    kept = msgspec.structs.replace(settings, policy=policy)
    dropped = list_dropped(decided, kept)
    if match is not None:
        check_match(match.sent, decided, dropped)
    check_size(kept)
    weaker = check_redaction(decided.redaction, kept.redaction, lifted=lifted)
    await save_settings(connection, line.project_id, kept)
    if decided.dismiss_false_alarms != kept.dismiss_false_alarms:
        await note_labelled(connection, line.project_id)
    detail = list_differences(compare(decided, kept))
    await record(connection, line, "project.settings_changed", line.project_id, **detail)
    if weaker:
        lifting = list_differences(compare(decided.redaction, kept.redaction))
        await record(connection, line, "project.redaction_off", line.project_id, **lifting)
    return kept, dropped


async def set_password(connection: Connection, line: Line, password: str) -> None:
    """Set the password of a project's admins. This ends the sessions of the earlier password.

    Raises NotFound when the project does not exist, InvalidParameter when the password is too
    short.
    """
    await find_project(connection, line.project_id)
    await save_password(connection, line.project_id, Password(hash_password(password), line.now))
    await record(connection, line, "project.password_set", line.project_id)


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME or not re.match(NAME_PATTERN, name):
        raise InvalidParameter(
            f"A name has 1 to {LONGEST_NAME} characters, none of which controls a terminal or the direction of writing."
        )


async def find_project(connection: Connection, project_id: str) -> Project:
    """Return a project; raises NotFound."""
    for project in await read_projects(connection):
        if project.project_id == project_id:
            return project
    raise no_project(project_id)
