"""Calls whose labels changed, until a worker has counted them again, and what counts of each."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.traces import Trace
from app.storage.tables import labels, review_changes, traces
from app.storage.traces.counted import COUNTED, counted_trace

__all__ = [
    "lock_labelled",
    "note_change",
    "note_labelled",
    "note_replaced",
    "projects_with_changes",
    "save_dismissed",
    "take_changes",
]

_WRITTEN = ("flags", "hits", "is_safe", "dismissed_flags", "dismissed_hits")
_TEXTS = ("flags", "hits", "dismissed_flags", "dismissed_hits")
_changes = review_changes.c
_PROJECTS = select(_changes.project_id).distinct().order_by(_changes.project_id)
_LOCK = text(
    f"SELECT {COUNTED}, t.dismissed_flags, t.dismissed_hits FROM traces AS t "  # noqa: S608 names of columns
    "WHERE project_id = :project_id AND trace_id = ANY(:trace_ids) AND trace_id BETWEEN :first AND :last "
    "ORDER BY trace_id FOR UPDATE"
)


async def note_change(connection: AsyncConnection, project_id: str, trace_id: UUID) -> None:
    """Note that the labels of a call changed, in the transaction that changes them."""
    await connection.execute(insert(review_changes).values(project_id=project_id, trace_id=trace_id))


async def note_labelled(connection: AsyncConnection, project_id: str) -> None:
    """Note every call of a project with a flag that somebody called a false alarm."""
    found = select(labels.c.project_id, labels.c.trace_id).distinct()
    named = labels.c.project_id == project_id, labels.c.label == "false_alarm", labels.c.flag.is_not(None)
    await connection.execute(
        insert(review_changes).from_select(["project_id", "trace_id"], found.where(*named))
    )


async def note_replaced(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> None:
    """Note those of the calls that have labels, since their flags were worked out again."""
    if not trace_ids:
        return
    found = select(labels.c.project_id, labels.c.trace_id).distinct()
    found = found.where(labels.c.project_id == project_id, labels.c.trace_id.in_(trace_ids))
    await connection.execute(insert(review_changes).from_select(["project_id", "trace_id"], found))


async def projects_with_changes(connection: AsyncConnection) -> list[str]:
    """Return the projects with calls that wait to be counted again."""
    return list((await connection.execute(_PROJECTS)).scalars())


async def take_changes(connection: AsyncConnection, project_id: str, most: int) -> list[UUID]:
    """Take the oldest noted changes of a project that no other worker has; returns their calls."""
    oldest = (
        select(_changes.change_id)
        .where(_changes.project_id == project_id)
        .order_by(_changes.change_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    taken = delete(review_changes).where(_changes.project_id == project_id, _changes.change_id.in_(oldest))
    found = (await connection.execute(taken.returning(_changes.trace_id))).scalars()
    return sorted({UUID(bytes=one.bytes) for one in found})


async def lock_labelled(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> list[Trace]:
    """Return stored calls without their texts, and locked until the transaction ends."""
    if not trace_ids:
        return []
    parameters = {"project_id": project_id, "trace_ids": list(trace_ids)}
    rows = await connection.execute(_LOCK, parameters | {"first": min(trace_ids), "last": max(trace_ids)})
    return [
        msgspec.structs.replace(
            counted_trace(row),
            dismissed_flags=tuple(row.dismissed_flags),
            dismissed_hits=tuple(row.dismissed_hits),
        )
        for row in rows
    ]


async def save_dismissed(connection: AsyncConnection, project_id: str, calls: Sequence[Trace]) -> None:
    """Store what counts of calls whose rows the caller has locked, and what was dismissed."""
    if not calls:
        return
    written = update(traces).where(
        traces.c.project_id == project_id, traces.c.trace_id == bindparam("of_call")
    )
    await connection.execute(
        written.values({name: bindparam(f"new_{name}") for name in _WRITTEN}),
        [
            {"of_call": call.trace_id, "new_is_safe": call.is_safe}
            | {f"new_{name}": list(getattr(call, name)) for name in _TEXTS}
            for call in calls
        ],
    )
