"""The records that were given up: looking at them, trying them again, throwing them away."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from app.access.administration import record
from app.api.administration import line_of
from app.api.dependencies import Project, Reading, Serving, Writing
from app.api.paging import read_cursor, write_cursor
from app.api.responses import json_response
from app.errors import Conflict, NotFound
from app.ingest.replay import Replayed, replay
from app.schemas.queued import decode_envelope
from app.storage.ledger.dead_letter_reads import (
    Choice,
    mark_replayed,
    purge,
    read_dead_letter,
    read_dead_letters,
)

__all__ = ["router"]

router = APIRouter(prefix="/pipeline/dead", tags=["pipeline"])

_MOST_LISTED = 500
_MOST_REPLAYED = 100


async def _narrow(
    reason: Annotated[str | None, Query(description="Only those given up for this reason.")] = None,
    before: Annotated[AwareDatetime | None, Query(description="Only those given up earlier.")] = None,
) -> Choice:
    return Choice(reason=reason, before=before)


Narrowed = Annotated[Choice, Depends(_narrow)]


@router.get("")
async def get_dead_letters(
    connection: Reading,
    project: Project,
    choice: Narrowed,
    limit: Annotated[int, Query(ge=1, le=_MOST_LISTED)] = 50,
    cursor: str | None = None,
) -> Response:
    """List the records that could not be scored or stored, the last received first, with the reason."""
    found = await read_dead_letters(connection, project, choice, after=read_cursor(cursor), limit=limit + 1)
    shown = found[:limit]
    following = write_cursor(shown[-1].trace_id) if len(found) > limit else None
    return json_response({"dead_letters": shown, "next": following})


@router.get("/{trace_id}")
async def get_dead_letter(connection: Reading, project: Project, trace_id: UUID) -> Response:
    """Show one of them with its record; where that cannot be read, `payload` is its bytes in base64."""
    found = await read_dead_letter(connection, project, trace_id)
    if found is None:
        raise _unknown()
    letter, payload = found
    shown: dict[str, Any] = msgspec.structs.asdict(letter)
    try:
        shown["record"] = decode_envelope(payload).record
    except msgspec.MsgspecError:
        shown["payload"] = base64.b64encode(payload).decode()
    return json_response(shown)


@router.post("/replay", status_code=HTTPStatus.ACCEPTED)
async def post_replay_of_many(
    request: Request,
    connection: Writing,
    serving: Serving,
    project: Project,
    choice: Narrowed,
) -> Response:
    """Queue those that were never replayed once more, the first received first, at most 100 per request.

    `replayed` and `unreadable` count them; repeat until both are 0.
    """
    letters = await mark_replayed(connection, project, choice, again=False, limit=_MOST_REPLAYED)
    if letters:
        line = line_of(request, serving, project)
        await record(connection, line, "dead.replayed", "*", records=len(letters), **_narrowed(choice))
    done = await _replay(serving, project, letters)
    counts = {"replayed": len(done.queued), "unreadable": len(done.unreadable)}
    return json_response(counts, HTTPStatus.ACCEPTED)


@router.post("/{trace_id}/replay", status_code=HTTPStatus.ACCEPTED)
async def post_replay(
    request: Request, connection: Writing, serving: Serving, project: Project, trace_id: UUID
) -> Response:
    """Queue a record that was given up once more, under the same trace id."""
    letters = await mark_replayed(connection, project, Choice(trace_id), again=True, limit=1)
    if not letters:
        raise _unknown()
    await record(connection, line_of(request, serving, project), "dead.replayed", str(trace_id))
    if (await _replay(serving, project, letters)).unreadable:
        raise Conflict("This record cannot be read, so trying it again would change nothing.")
    location = f"/traces/{trace_id}"
    return json_response(
        {"trace_id": trace_id, "status": "queued"}, HTTPStatus.ACCEPTED, {"Location": location}
    )


@router.delete("")
async def delete_dead_letters(
    request: Request,
    connection: Writing,
    serving: Serving,
    project: Project,
    choice: Narrowed,
) -> Response:
    """Throw away those that were given up, with their records; without a parameter all of them."""
    purged = await purge(connection, project, choice)
    line = line_of(request, serving, project)
    await record(connection, line, "dead.purged", "*", records=purged, **_narrowed(choice))
    return json_response({"purged": purged})


@router.delete("/{trace_id}")
async def delete_dead_letter(
    request: Request, connection: Writing, serving: Serving, project: Project, trace_id: UUID
) -> Response:
    """Throw one away."""
    if not (purged := await purge(connection, project, Choice(trace_id))):
        raise _unknown()
    await record(connection, line_of(request, serving, project), "dead.purged", str(trace_id))
    return json_response({"purged": purged})


async def _replay(serving: Serving, project: str, letters: Mapping[UUID, bytes]) -> Replayed:
    serving.ingest.admission.admit(project, records=len(letters), size=sum(map(len, letters.values())))
    return await replay(serving.redis, project, letters, now_ms=int(serving.clock().timestamp() * 1000))


def _narrowed(choice: Choice) -> dict[str, str]:
    """Return what narrowed a choice of many, as the audit log keeps it."""
    before = choice.before.isoformat() if choice.before else None
    return {name: value for name, value in (("reason", choice.reason), ("before", before)) if value}


def _unknown() -> NotFound:
    return NotFound("No record was given up under this id.")
