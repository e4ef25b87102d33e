"""Signatures of the texts of stored calls, in blocks that follow each other by id.

A block holds all calls of a project from `first_id` to before `until_id`. Blocks are made of calls
that were accepted over an hour ago. Where a later change touches a block, it is dropped, and made
again later. So a search never misses a call: what no block holds is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.ids import first_id
from app.storage.tables import text_blocks
from monitoring.clock import now_utc
from monitoring.text.signatures import signature_of

__all__ = ["FIELDS", "SETTLED", "add_blocks", "drop_blocks", "forget_blocks"]

FIELDS: Final = ("prompt", "response")
"""The fields whose texts are in the signatures, in the order of their numbers."""
SETTLED: Final = timedelta(hours=1)
"""The age from which calls are put into blocks."""
# A call that is stored later than this after its acceptance takes the lock of the blocks. Ten
# minutes lie between the two for transactions that last, and for clocks that differ.
_LATE: Final = timedelta(minutes=50)
_LARGEST, _MOST_CALLS, _MOST_BYTES = 64, 1_024, 4 * 1024 * 1024
_BLOCK_BYTES: Final = 256 * 1024
_LONGEST_WAIT: Final = timedelta(days=1)
_FIRST: Final = UUID(int=0)

_LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('text_blocks ' || :project_id, 0))")
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('text_blocks ' || :project_id, 0))")
_GAP = text("""
SELECT until_id, next_id FROM (
    SELECT until_id, lead(first_id) OVER (ORDER BY first_id, until_id) AS next_id FROM (
        SELECT first_id, until_id FROM text_blocks WHERE project_id = :project_id
        UNION ALL SELECT CAST(:start AS uuid), CAST(:start AS uuid)
    ) AS known
) AS placed WHERE next_id IS NULL OR next_id > until_id ORDER BY until_id LIMIT 1
""")
# The bytes are known without reading the texts. The first call is taken however long it is.
_CALLS = text("""
SELECT trace_id, prompt, response, size, number FROM traces JOIN (
    SELECT trace_id, size, sum(size) OVER (ORDER BY trace_id) AS so_far, count(*) OVER () AS number FROM (
        SELECT trace_id, octet_length(prompt) + octet_length(response) AS size FROM traces
        WHERE project_id = :project_id AND trace_id >= :first AND trace_id < :until
        ORDER BY trace_id LIMIT :most
    ) AS next
) AS sized USING (trace_id)
WHERE project_id = :project_id AND trace_id >= :first AND trace_id < :until AND (so_far <= :bytes OR so_far = size)
ORDER BY trace_id
""")
_EXTEND = text(
    "UPDATE text_blocks SET until_id = :until WHERE project_id = :project_id AND until_id = :first"
)
_DROP = text("""
DELETE FROM text_blocks USING unnest(CAST(:ids AS uuid[])) AS changed (id)
WHERE project_id = :project_id AND first_id <= changed.id AND until_id > changed.id
""")
_FORGET = text("DELETE FROM text_blocks WHERE project_id = :project_id AND until_id <= :before RETURNING 1")
# The first block begins where ids do, so that nothing before it waits for a block.
_BEGIN = text("""
UPDATE text_blocks SET first_id = :start WHERE project_id = :project_id AND first_id = (
    SELECT first_id FROM text_blocks WHERE project_id = :project_id ORDER BY first_id LIMIT 1
)
""")


async def add_blocks(connection: AsyncConnection, project_id: str, now: datetime) -> bool:
    """Put the next calls of a project into blocks; returns whether there may be more of them.

    Calls of less than a day that fill no block wait for others.
    """
    if not await connection.scalar(_LOCK, {"project_id": project_id}):
        return False
    gap = (await connection.execute(_GAP, {"project_id": project_id, "start": _FIRST})).one()
    first, ends = _plain(gap.until_id), gap.next_id is not None
    until = _plain(gap.next_id) if ends else first_id(now - SETTLED)
    bounds = {"project_id": project_id, "first": first, "until": until, "most": _MOST_CALLS}
    calls = (await connection.execute(_CALLS, bounds | {"bytes": _MOST_BYTES})).all()
    whole = not calls or len(calls) == calls[0].number < _MOST_CALLS
    if not calls:
        if ends and first == _FIRST:
            await connection.execute(_BEGIN, {"project_id": project_id, "start": _FIRST})
        elif ends:
            await connection.execute(_EXTEND, {"project_id": project_id, "first": first, "until": until})
        return ends
    if whole and not ends and len(calls) < _LARGEST:
        oldest = first_id(now - _LONGEST_WAIT)
        if _plain(calls[0].trace_id) >= oldest:
            return False
    last = until if whole else UUID(int=_plain(calls[-1].trace_id).int + 1)
    blocks = await asyncio.to_thread(lambda: [*_blocks(project_id, calls, first, last)])
    await connection.execute(insert(text_blocks), blocks)
    return not whole or ends


async def drop_blocks(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> None:
    """Drop the blocks of calls that are stored, changed or deleted in this transaction.

    Calls that were accepted lately are in no block. No block of the others is made before the
    transaction ends.
    """
    late = first_id(now_utc() - _LATE)
    ids = [one for one in trace_ids if one < late]
    if ids:
        await connection.execute(_LOCK_SHARED, {"project_id": project_id})
        await connection.execute(_DROP, {"project_id": project_id, "ids": ids})


async def forget_blocks(connection: AsyncConnection, project_id: str, before: UUID) -> None:
    """Delete the blocks of calls that were all accepted before the moment in an id."""
    found = await connection.execute(_FORGET, {"project_id": project_id, "before": before})
    if found.first() is not None:
        await connection.execute(_BEGIN, {"project_id": project_id, "start": _FIRST})


def _blocks(project_id: str, calls: Sequence[Row[Any]], first: UUID, last: UUID) -> Iterator[dict[str, Any]]:
    parts = [*_cut(calls)]
    starts = [first, *(_plain(part[0].trace_id) for part in parts[1:]), last]
    for part, begin, end in zip(parts, starts[:-1], starts[1:], strict=True):
        yield {
            "project_id": project_id,
            "first_id": begin,
            "until_id": end,
            "calls": len(part),
            "signature": signature_of([[getattr(one, name) for one in part] for name in FIELDS]),
        }


def _cut(calls: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    part: list[Row[Any]] = []
    held = 0
    for call in calls:
        if part and (len(part) == _LARGEST or held + call.size > _BLOCK_BYTES):
            yield part
            part, held = [], 0
        part.append(call)
        held += call.size
    yield part


def _plain(value: Any) -> UUID:
    # The driver has a class of its own for ids.
    return UUID(bytes=value.bytes)
