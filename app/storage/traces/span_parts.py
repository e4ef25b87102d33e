"""Parts of spans that came by another way than their span, kept until they are joined to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.ids import first_id

__all__ = [
    "Part",
    "Row",
    "claim_orphans",
    "claim_parts",
    "close_parts",
    "delete_parts",
    "forget_parts",
    "insert_parts",
    "release_parts",
]

_LEASE = timedelta(seconds=30)
_BEFORE = timedelta(days=1)  # how long before its parts a span may have been accepted
_EVALUATED = timedelta(days=7)  # and what was evaluated before that
# Exporters send what has ended every few seconds, and a root that is sampled away or belongs to others never comes.
_COMPLETE_AFTER = timedelta(minutes=1)
_KEPT = timedelta(days=3)

_INSERT = (
    "INSERT INTO span_parts (project_id, part_id, kind, otel_trace_id, otel_span_id, response_key, payload, user_id) "
    "SELECT $1, p.part_id, p.kind, p.otel_trace_id, p.otel_span_id, p.response_key, p.payload, p.user_id "
    "FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::text[]) "
    "AS p(part_id, kind, otel_trace_id, otel_span_id, response_key, payload, user_id) "
    "ON CONFLICT (project_id, part_id) DO NOTHING RETURNING part_id"
)
_FREE = "p.payload IS NOT NULL AND (p.claimed_at IS NULL OR p.claimed_at < $1)"
_CLAIM = (
    "UPDATE span_parts SET claimed_at = $2, attempts = span_parts.attempts + 1 FROM ({found}) AS c "
    "WHERE span_parts.project_id = c.project_id AND span_parts.part_id = c.part_id "
    "RETURNING span_parts.project_id, span_parts.part_id, span_parts.kind, span_parts.payload, "
    "span_parts.attempts, span_parts.user_id, c.trace_id"
)
_JOINED = (
    "SELECT p.project_id, p.part_id, {found} AS trace_id FROM span_parts p JOIN traces t "  # noqa: S608 constants, no input
    "ON t.project_id = p.project_id AND {condition} AND t.trace_id >= $3 {beside} "
    f"WHERE {_FREE} ORDER BY p.created_at LIMIT $4 FOR UPDATE OF p SKIP LOCKED"
)
# Steps around a call may name its response too, and are not what was evaluated.
_CLAIM_ABOUT_RESPONSE = _CLAIM.format(
    found=_JOINED.format(
        found="t.trace_id",
        condition="t.response_key = p.response_key AND t.kind IN ('llm', 'embedding')",
        beside="",
    )
)
# A span may tell once more of a call: what was found in it is about that call, and so are its texts where that has none.
_RESTATED = (
    "LEFT JOIN traces c ON c.project_id = t.project_id AND c.trace_id = t.restates AND c.trace_id >= $3 "
    "AND t.restates_because NOT IN ('sum_of_usage', 'wraps_calls') "
    "AND (p.kind = 'evaluation' OR 'no_content' = ANY(c.marks))"
)
# An event that names a response is about the span it was sent in only if that is a call which names none.
_ABOUT_SPAN = (
    "t.otel_trace_id = p.otel_trace_id AND t.otel_span_id = p.otel_span_id AND p.kind IN ({kinds}) AND "
    "(p.response_key IS NULL OR (t.response_key IS NULL AND t.kind IN ('llm', 'embedding')))"
)
_CLAIM_TEXTS_OF_SPAN, _CLAIM_ABOUT_SPAN = (
    _CLAIM.format(
        found=_JOINED.format(
            found="coalesce(c.trace_id, t.trace_id)",
            beside=_RESTATED,
            condition=_ABOUT_SPAN.format(kinds=kinds),
        )
    )
    for kinds in ("'content', 'context'", "'evaluation'")
)
# What is about a trace as a whole is about its outermost call, else about the last one, and where it has no call about
# its outermost step. The trace is there when its root is, or a minute after the finding came; what has no call, then alone.
_CLAIM_ABOUT_TRACE = _CLAIM.format(
    found=(
        "SELECT p.project_id, p.part_id, t.trace_id FROM span_parts p CROSS JOIN LATERAL ("  # noqa: S608 constants, no input
        "SELECT trace_id, kind = 'llm' AS answers FROM traces "
        "WHERE project_id = p.project_id AND otel_trace_id = p.otel_trace_id AND trace_id >= $3 "
        "ORDER BY kind = 'llm' DESC, otel_parent_span_id IS NULL DESC, occurred_at DESC, trace_id DESC LIMIT 1) t "
        f"WHERE {_FREE} AND p.kind = 'evaluation' AND p.otel_trace_id <> '' AND p.otel_span_id = '' "
        "AND p.response_key IS NULL AND (p.created_at < $5 OR (t.answers AND EXISTS ("
        "SELECT FROM traces r WHERE r.project_id = p.project_id AND r.otel_trace_id = p.otel_trace_id "
        "AND r.trace_id >= $3 AND r.otel_parent_span_id IS NULL))) "
        "ORDER BY p.created_at LIMIT $4 FOR UPDATE OF p SKIP LOCKED"
    )
)
_CLAIM_ORPHANS = _CLAIM.format(
    found=(
        "SELECT p.project_id, p.part_id, NULL::uuid AS trace_id FROM span_parts p "  # noqa: S608 constants, no input
        f"WHERE {_FREE} AND (p.created_at < $3 OR (p.created_at < $5 AND p.kind = 'content' AND p.otel_span_id = '')) "
        "ORDER BY p.created_at LIMIT $4 FOR UPDATE OF p SKIP LOCKED"
    )
)
_RELEASE = (
    "UPDATE span_parts SET claimed_at = NULL, attempts = attempts - 1 "
    "WHERE project_id = $1 AND part_id = ANY($2::uuid[])"
)
_CLOSE = "UPDATE span_parts SET payload = NULL WHERE project_id = $1 AND part_id = ANY($2::uuid[])"
_FORGET = "DELETE FROM span_parts WHERE payload IS NULL AND created_at < $1"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed part: its queued envelope, how often it was claimed, and the stored span it belongs to."""

    project_id: str
    part_id: UUID
    kind: str
    payload: bytes
    attempts: int
    user_id: str | None
    trace_id: UUID | None


Row = tuple[UUID, str, bytes, bytes, bytes | None, bytes, str | None]


async def insert_parts(connection: AsyncConnection, project_id: str, rows: Sequence[Row]) -> set[UUID]:
    """Keep parts; returns the ids that were not known before.

    A row is id, kind, trace id, span id, key of the response it names, envelope, user id.
    """
    if not rows:
        return set()
    inserted = await connection.exec_driver_sql(
        _INSERT, (project_id, *map(list, zip(*sorted(rows, key=itemgetter(0)), strict=True)))
    )
    return set(inserted.scalars())


async def claim_parts(connection: AsyncConnection, now: datetime, limit: int) -> list[Part]:
    """Claim parts whose span, response or trace is stored, for half a minute; another replica then passes them over.

    At most `limit` of each.
    """
    found: list[Part] = []
    for statement, before, *more in (
        (_CLAIM_ABOUT_RESPONSE, _EVALUATED),
        (_CLAIM_TEXTS_OF_SPAN, _BEFORE),
        (_CLAIM_ABOUT_SPAN, _EVALUATED),
        (_CLAIM_ABOUT_TRACE, _EVALUATED, now - _COMPLETE_AFTER),
    ):
        arguments = (now - _LEASE, now, first_id(now - before), limit, *more)
        rows = await connection.exec_driver_sql(statement, arguments)
        found += [Part(**row) for row in rows.mappings()]
    return found


async def claim_orphans(
    connection: AsyncConnection, now: datetime, before: datetime, alone_before: datetime, limit: int
) -> list[Part]:
    """Claim parts that came before an aware moment and whose span has not come since; texts in no span sooner."""
    rows = await connection.exec_driver_sql(_CLAIM_ORPHANS, (now - _LEASE, now, before, limit, alone_before))
    return [Part(**row) for row in rows.mappings()]


async def release_parts(connection: AsyncConnection, project_id: str, part_ids: Sequence[UUID]) -> None:
    """Give parts back as if they had not been claimed."""
    await connection.exec_driver_sql(_RELEASE, (project_id, list(part_ids)))


async def close_parts(connection: AsyncConnection, project_id: str, part_ids: Sequence[UUID]) -> None:
    """Note that parts are joined: their texts go, their ids stay, so that a retry is known."""
    await connection.exec_driver_sql(_CLOSE, (project_id, list(part_ids)))


async def forget_parts(connection: AsyncConnection, now: datetime) -> None:
    """Delete the ids of parts that were joined days ago, beyond any exporter's retry."""
    await connection.exec_driver_sql(_FORGET, (now - _KEPT,))


async def delete_parts(connection: AsyncConnection, project_id: str, user_id: str) -> None:
    """Drop the texts of a user's parts that are not joined yet."""
    await connection.exec_driver_sql(
        "UPDATE span_parts SET payload = NULL WHERE project_id = $1 AND user_id = $2", (project_id, user_id)
    )
