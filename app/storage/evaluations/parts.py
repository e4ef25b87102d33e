"""The parts of evaluations: written while a body comes, queued a few at a time, then settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.storage.dataset_tables import evaluation_parts
from app.storage.tables import traces

__all__ = [
    "OpenPart",
    "Part",
    "PartPlace",
    "add_part",
    "delete_parts_of",
    "drop_payloads",
    "forget_parts_without_job",
    "hold_parts",
    "list_ids",
    "lock_open_parts",
    "lock_payloads",
    "mark_queued",
    "mark_settled",
    "read_payload",
    "replace_payload",
    "settled_count",
    "stored_ids",
    "waiting_bytes",
]

_parts = evaluation_parts.c

_SETTLED: Final = text("""
SELECT coalesce(sum(stored + duplicate + dead), 0)::bigint FROM settlements
WHERE project_id = :project_id AND left(job_id, 32) = :token AND settled_at > now() - interval '3 days'
""")
# A body that comes for hours adds parts all the time, so its newest part is young.
_FORGET: Final = text("""
DELETE FROM evaluation_parts AS p
WHERE created_at < now() - interval '1 hour'
AND NOT EXISTS (SELECT FROM jobs AS j WHERE j.project_id = p.project_id AND j.job_id = p.job_id)
AND NOT EXISTS (
    SELECT FROM evaluation_parts AS o
    WHERE o.project_id = p.project_id AND o.job_id = p.job_id AND o.created_at >= now() - interval '1 hour'
)
""")
_DROP_ENDED: Final = text("""
UPDATE evaluation_parts AS p SET payload = NULL, size = 0 FROM jobs AS j
WHERE j.project_id = p.project_id AND j.job_id = p.job_id AND j.state NOT IN ('queued', 'running')
AND p.payload IS NOT NULL
""")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some items of an evaluation in their order; `part` and `first_item` count from 1.

    `lines` and `trace_ids` are aligned with the items. `payload` is an encoded Batch, None where
    the queue has the items already.
    """

    part: int
    first_item: int
    lines: Sequence[int]
    trace_ids: Sequence[UUID]
    payload: bytes | None = None


class PartPlace(msgspec.Struct, frozen=True):
    """The place of a part among those of a project."""

    job_id: UUID
    part: int


class OpenPart(msgspec.Struct, frozen=True):
    """A part whose items do not all have an outcome yet; `token` is that of its queue job."""

    part: int
    trace_ids: Sequence[UUID]
    state: str
    token: str | None


async def add_part(connection: AsyncConnection, project_id: str, job_id: UUID, part: Part) -> None:
    """Store a part: one with a payload waits, one without is in the queue."""
    size = len(part.payload or b"")
    values = {
        "project_id": project_id,
        "job_id": job_id,
        "items": len(part.trace_ids),
        "size": size,
        "state": "queued" if part.payload is None else "waiting",
    }
    await connection.execute(insert(evaluation_parts).values(**msgspec.structs.asdict(part), **values))


async def hold_parts(connection: AsyncConnection, project_id: str, job_id: UUID) -> tuple[int, int]:
    """Return how many parts and items a body has so far, and let nobody delete them meanwhile."""
    held = (
        select(_parts["items"])
        .where(_parts.project_id == project_id, _parts.job_id == job_id)
        .with_for_update()
        .subquery()
    )
    row = (await connection.execute(select(func.count(), func.coalesce(func.sum(held.c["items"]), 0)))).one()
    return row[0], row[1]


async def delete_parts_of(connection: AsyncConnection, project_id: str, job_id: UUID) -> None:
    """Delete what a body left behind."""
    await connection.execute(
        delete(evaluation_parts).where(_parts.project_id == project_id, _parts.job_id == job_id)
    )


async def waiting_bytes(connection: AsyncConnection, project_id: str) -> int:
    """Return how many bytes of a project wait for the queue."""
    return int(
        await connection.scalar(
            select(func.coalesce(func.sum(_parts.size), 0)).where(
                _parts.project_id == project_id, _parts.state != "settled"
            )
        )
        or 0
    )


async def lock_open_parts(
    connection: AsyncConnection, project_id: str, job_id: UUID, most: int
) -> list[OpenPart]:
    """Return the first parts that are not settled, in the order of their items."""
    rows = await connection.execute(
        select(*(_parts[name] for name in OpenPart.__struct_fields__))
        .where(_parts.project_id == project_id, _parts.job_id == job_id, _parts.state != "settled")
        .order_by(_parts.part)
        .limit(most)
        .with_for_update()
    )
    return [OpenPart(row.part, [_plain(one) for one in row.trace_ids], row.state, row.token) for row in rows]


async def read_payload(connection: AsyncConnection, project_id: str, job_id: UUID, part: int) -> bytes:
    """Return the encoded Batch of a part that has one."""
    payload = await connection.scalar(
        select(_parts.payload).where(
            _parts.project_id == project_id, _parts.job_id == job_id, _parts.part == part
        )
    )
    return bytes(payload or b"")


async def lock_payloads(
    connection: AsyncConnection, project_id: str, after: PartPlace | None, most: int
) -> list[tuple[PartPlace, bytes]]:
    """Return what parts of a project keep for the queue, in the order of their places."""
    statement = (
        select(_parts.job_id, _parts.part, _parts.payload)
        .where(_parts.project_id == project_id, _parts.state != "settled", _parts.payload.is_not(None))
        .order_by(_parts.job_id, _parts.part)
        .limit(most)
        .with_for_update()
    )
    if after is not None:
        statement = statement.where(tuple_(_parts.job_id, _parts.part) > tuple_(after.job_id, after.part))
    rows = await connection.execute(statement)
    return [(PartPlace(_plain(row.job_id), row.part), bytes(row.payload)) for row in rows]


async def replace_payload(
    connection: AsyncConnection, project_id: str, place: PartPlace, payload: bytes
) -> None:
    """Keep another Batch for a part, of which something was erased."""
    await connection.execute(
        update(evaluation_parts)
        .where(_parts.project_id == project_id, _parts.job_id == place.job_id, _parts.part == place.part)
        .values(payload=payload, size=len(payload))
    )


async def mark_queued(
    connection: AsyncConnection, project_id: str, job_id: UUID, part: int, token: str
) -> None:
    """Note which queue job carries a part."""
    await connection.execute(
        update(evaluation_parts)
        .where(_parts.project_id == project_id, _parts.job_id == job_id, _parts.part == part)
        .values(state="queued", token=token)
    )


async def mark_settled(
    connection: AsyncConnection, project_id: str, job_id: UUID, parts: Sequence[int]
) -> None:
    """Note that every item of these parts has an outcome, and delete what the queue needed."""
    await connection.execute(
        update(evaluation_parts)
        .where(_parts.project_id == project_id, _parts.job_id == job_id, _parts.part.in_(parts))
        .values(state="settled", payload=None, size=0)
    )


async def stored_ids(connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the ids whose calls are stored."""
    found = await connection.scalars(
        select(traces.c.trace_id).where(
            traces.c.project_id == project_id,
            traces.c.trace_id.in_(trace_ids),
            traces.c.trace_id.between(min(trace_ids), max(trace_ids)),
        )
    )
    return {_plain(one) for one in found}


async def settled_count(connection: AsyncConnection, project_id: str, token: str) -> int:
    """Return how many records a queue job and its halves were settled with in three days."""
    found = await connection.scalar(_SETTLED, {"project_id": project_id, "token": token})
    return int(found or 0)


async def list_ids(connection: AsyncConnection, project_id: str, job_id: UUID, most: int) -> list[UUID]:
    """Return the trace ids of the first parts of an evaluation, which have `most` items or more."""
    rows = await connection.execute(
        select(_parts.trace_ids)
        .where(_parts.project_id == project_id, _parts.job_id == job_id, _parts.first_item <= most)
        .order_by(_parts.part)
    )
    return [_plain(one) for ids in rows.scalars() for one in ids]


async def drop_payloads(connection: AsyncConnection, project_id: str, job_id: UUID) -> None:
    """Delete what waits for the queue, after its job was ended."""
    await connection.execute(
        update(evaluation_parts)
        .where(_parts.project_id == project_id, _parts.job_id == job_id, _parts.payload.is_not(None))
        .values(payload=None, size=0)
    )


async def forget_parts_without_job(connection: AsyncConnection) -> None:
    """Delete what broken bodies and forgotten jobs left, and texts of jobs that have ended."""
    await connection.execute(_FORGET)
    await connection.execute(_DROP_ENDED)


def _plain(trace_id: UUID) -> UUID:
    # The driver has a class of its own for ids.
    return UUID(bytes=trace_id.bytes)
