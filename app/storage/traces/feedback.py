"""Storing and reading opinions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.feedback import Feedback, Opinion, RatingCounts
from app.storage.tables import feedback, traces
from monitoring.statistics.trends import Window

__all__ = [
    "FIND_STORED",
    "LONGEST_COMMENT",
    "MOST_OPINIONS",
    "add_feedback",
    "find_stored",
    "is_stored",
    "put_feedback",
    "read_feedback",
    "read_negative",
    "read_ratings",
]

MOST_OPINIONS: Final = 1_000
"""The number of newest negative opinions of a period that are looked at."""
LONGEST_COMMENT: Final = 2_000
"""The number of characters of a comment that are looked at."""
_RATINGS = text("""
SELECT count(*) AS total, count(*) FILTER (WHERE rating >= 4) AS positive,
       count(*) FILTER (WHERE rating <= 2) AS negative
FROM feedback WHERE project_id = :project_id AND created_at >= :start AND created_at < :end
""")
_NEGATIVE = text("""
SELECT f.trace_id, f.rating, left(f.comment, :longest) AS comment, f.categories, t.model_name, t.template_id, t.flags, t.overall_quality,
       (SELECT jsonb_object_agg(name, score -> 'value') FROM jsonb_each(CAST(t.scores AS jsonb)) AS s(name, score)
        WHERE jsonb_typeof(score -> 'value') = 'number') AS scores
FROM (
    SELECT * FROM feedback
    WHERE project_id = :project_id AND created_at >= :start AND created_at < :end AND rating <= 2
    ORDER BY created_at DESC, feedback_id DESC LIMIT :most
) AS f LEFT JOIN traces AS t ON t.project_id = f.project_id AND t.trace_id = f.trace_id
ORDER BY f.created_at DESC, f.feedback_id DESC
""")


# Whole ids are compared too, since two of them may have one digest. OFFSET keeps the order out of
# the plan of the search, which else might walk all calls from the newest one.
FIND_STORED = text("""
SELECT trace_id FROM (
    SELECT trace_id FROM traces WHERE project_id = :project_id AND client_id = CAST(:client_id AS text)
    AND hashtextextended(client_id, 0) = hashtextextended(CAST(:client_id AS text), 0) OFFSET 0
) AS found ORDER BY trace_id DESC LIMIT 1
""")


async def add_feedback(connection: AsyncConnection, project_id: str, opinion: Feedback) -> None:
    """Store one opinion."""
    await connection.execute(insert(feedback).values(_row(project_id, opinion)))


async def put_feedback(connection: AsyncConnection, project_id: str, opinions: Sequence[Feedback]) -> None:
    """Store opinions. A later one replaces an earlier one with the same id."""
    if not opinions:
        return
    statement = insert(feedback)
    changed = {name: statement.excluded[name] for name in ("rating", "comment", "categories", "created_at")}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=("project_id", "feedback_id"), set_=changed),
        [_row(project_id, opinion) for opinion in opinions],
    )


def _row(project_id: str, opinion: Feedback) -> dict[str, object]:
    values = msgspec.structs.asdict(opinion) | {"categories": list(opinion.categories)}
    return {"project_id": project_id, **values}


async def is_stored(connection: AsyncConnection, project_id: str, trace_id: UUID) -> bool:
    """Tell whether the trace of an opinion is stored."""
    row = await connection.execute(
        select(traces.c.trace_id).where(traces.c.project_id == project_id, traces.c.trace_id == trace_id)
    )
    return row.first() is not None


async def find_stored(connection: AsyncConnection, project_id: str, client_id: str) -> UUID | None:
    """Return the newest stored trace whose client gave it this id, None if there is none."""
    found = (
        await connection.execute(FIND_STORED, {"project_id": project_id, "client_id": client_id})
    ).scalar()
    return None if found is None else UUID(bytes=found.bytes)


async def read_feedback(connection: AsyncConnection, project_id: str, trace_id: UUID) -> list[Feedback]:
    """Return every opinion about a trace, the newest first."""
    rows = await connection.execute(
        select(*(feedback.c[name] for name in Feedback.__struct_fields__))
        .where(feedback.c.project_id == project_id, feedback.c.trace_id == trace_id)
        .order_by(feedback.c.created_at.desc())
    )
    return [Feedback(**{**row._asdict(), "categories": tuple(row.categories)}) for row in rows]


async def read_ratings(connection: AsyncConnection, project_id: str, window: Window) -> RatingCounts:
    """Return how many opinions of each kind were given in the window."""
    row = (await connection.execute(_RATINGS, _bounds(project_id, window))).one()
    return RatingCounts(row.total, row.positive, row.negative)


async def read_negative(connection: AsyncConnection, project_id: str, window: Window) -> list[Opinion]:
    """Return the newest negative opinions of the window, with what is known about their traces.

    They are at most MOST_OPINIONS, and of their comments the first LONGEST_COMMENT characters.
    """
    bounds = _bounds(project_id, window) | {"most": MOST_OPINIONS, "longest": LONGEST_COMMENT}
    rows = await connection.execute(_NEGATIVE, bounds)
    return [
        Opinion(
            trace_id=UUID(bytes=row.trace_id.bytes),
            rating=row.rating,
            comment=row.comment,
            categories=tuple(row.categories),
            model_name=row.model_name,
            template_id=row.template_id,
            flags=tuple(row.flags or ()),
            overall_quality=row.overall_quality,
            scores=msgspec.convert(_decoded(row.scores), dict[str, float]),
        )
        for row in rows
    ]


def _decoded(value: object) -> object:
    return msgspec.json.decode(value) if isinstance(value, str) else value or {}


def _bounds(project_id: str, window: Window) -> dict[str, object]:
    return {"project_id": project_id, "start": window.start, "end": window.end}
