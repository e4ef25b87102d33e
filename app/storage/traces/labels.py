"""Labels of people as they are stored, and how many there are per flag."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Double, Select, any_, cast, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.labels import Label, ReviewCounts, Span
from app.schemas.traces import Trace
from app.storage.tables import feedback, labels, traces
from app.storage.traces.sampling import Sample
from app.storage.traces.verdicts import NEWEST_FIRST, decided
from monitoring.statistics.trends import Window

__all__ = [
    "add_label",
    "count_reviews",
    "delete_label",
    "delete_labels_like",
    "read_labelled_values",
    "read_labels",
    "read_verdicts",
]

_COPIED = {"source"}
_MOST_READ = 20_000
_SHOWN = [labels.c[name] for name in Label.__struct_fields__ if name not in _COPIED]


async def read_labels(connection: AsyncConnection, project_id: str, trace_id: UUID) -> list[Label]:
    """Return the labels of a call, the newest first."""
    rows = await connection.execute(select(*_SHOWN).where(*_of(project_id, trace_id)).order_by(*NEWEST_FIRST))
    return [Label(**{**row._asdict(), "evidence": _span(row.evidence)}) for row in rows]


async def read_verdicts(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> dict[UUID, dict[str, str]]:
    """Return by call and flag what the majority says of the whole finding; a tie says nothing."""
    column = labels.c
    of_calls = column.project_id == project_id, column.trace_id.in_(trace_ids), column.flag.is_not(None)
    found: dict[UUID, dict[str, str]] = defaultdict(dict)
    for row in await connection.execute(decided(*of_calls)):
        found[UUID(bytes=row.trace_id.bytes)][row.flag] = row.label
    return dict(found)


async def add_label(connection: AsyncConnection, trace: Trace, label: Label) -> None:
    """Store a label of a stored call."""
    values = {name: getattr(label, name) for name in Label.__struct_fields__ if name not in _COPIED}
    values["evidence"] = label.evidence and msgspec.to_builtins(label.evidence)
    of_trace = {
        "project_id": trace.project_id,
        "occurred_at": trace.occurred_at,
        "trace_source": trace.source,
    }
    await connection.execute(insert(labels).values(**of_trace, **values))


async def delete_labels_like(connection: AsyncConnection, project_id: str, label: Label) -> None:
    """Delete what the same person said before about the same finding and place."""
    same = (
        labels.c.actor == label.actor,
        labels.c.finding.is_not_distinct_from(label.finding),
        labels.c.evidence.is_not_distinct_from(label.evidence and msgspec.to_builtins(label.evidence)),
    )
    await connection.execute(delete(labels).where(*_of(project_id, label.trace_id), *same))


async def delete_label(
    connection: AsyncConnection, project_id: str, trace_id: UUID, label_id: UUID
) -> Label | None:
    """Delete one label of a call; returns it, None if there is none."""
    found = await connection.execute(
        delete(labels).where(*_of(project_id, trace_id), labels.c.label_id == label_id).returning(*_SHOWN)
    )
    row = found.first()
    return None if row is None else Label(**{**row._asdict(), "evidence": _span(row.evidence)})


async def count_reviews(
    connection: AsyncConnection,
    project_id: str,
    window: Window,
    source: str,
    sample: Sample | None = None,
) -> dict[str, ReviewCounts]:
    """Return for each flag how many calls of a window people looked at.

    The majority decides about a whole finding, and a finding with a tie is not reviewed yet. Labels
    of one piece of evidence do not count.
    `sample` holds the calls that count, if not all do.
    """
    among = None if sample is None else sample.calls(traces.c.trace_id)
    reviewed = await _count_labels(connection, project_id, window, source, among)
    dismissed = await _count_dismissed(connection, project_id, window, source, among) if reviewed else {}
    reported = await _count_reports(connection, project_id, window, source, among)
    return {
        flag: msgspec.structs.replace(
            reviewed.get(flag, ReviewCounts()),
            dismissed=dismissed.get(flag, 0),
            reported=reported.get(flag, 0),
        )
        for flag in reviewed.keys() | reported.keys()
    }


async def read_labelled_values(
    connection: AsyncConnection,
    project_id: str,
    evaluator: str,
    flag: str,
    since: datetime,
    *,
    flagged: bool = True,
) -> dict[str, NDArray[np.float64]]:
    """Return the values that an evaluator gave calls since a moment, by what people decided.

    Unless only `flagged` calls are wanted, labels of its score in other calls count too.
    """
    column = labels.c
    meant = column.flag == flag
    if not flagged:
        meant = meant | column.flag.is_(None) & (column.finding == evaluator)
    newest = (
        decided(column.project_id == project_id, column.occurred_at >= since, meant, by_flag=False)
        .order_by("trace_id")
        .limit(_MOST_READ)
        .subquery()
    )
    value = cast(func.json_extract_path_text(traces.c.scores, evaluator, "value"), Double)
    rows = await connection.execute(
        select(newest.c.label, value.label("value"))
        .join(traces, traces.c.trace_id == newest.c.trace_id)
        .where(traces.c.project_id == project_id, value.is_not(None))
    )
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        found[row.label].append(row.value)
    return {label: np.array(values, dtype=np.float64) for label, values in found.items()}


async def _count_labels(
    connection: AsyncConnection, project_id: str, window: Window, source: str, among: Select[Any] | None
) -> dict[str, ReviewCounts]:
    column = labels.c
    newest = decided(
        column.project_id == project_id,
        column.occurred_at >= window.start,
        column.occurred_at < window.end,
        column.trace_source == source,
        column.flag.is_not(None),
        *_within(column.trace_id, among),
    ).subquery()
    rows = await connection.execute(
        select(newest.c.flag, newest.c.label, func.count()).group_by(newest.c.flag, newest.c.label)
    )
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for flag, label, number in rows:
        counts[flag][label] = number
    return {
        flag: ReviewCounts(reviewed=sum(of.values()), false_alarms=of.get("false_alarm", 0))
        for flag, of in counts.items()
    }


async def _count_dismissed(
    connection: AsyncConnection, project_id: str, window: Window, source: str, among: Select[Any] | None
) -> dict[str, int]:
    """Return for each flag the number of calls whose flag does not count any more."""
    same = (traces.c.project_id == labels.c.project_id) & (traces.c.trace_id == labels.c.trace_id)
    found = (
        select(labels.c.flag, func.count(labels.c.trace_id.distinct()).label("number"))
        .join(traces, same)
        .where(
            labels.c.project_id == project_id,
            labels.c.occurred_at >= window.start,
            labels.c.occurred_at < window.end,
            labels.c.trace_source == source,
            labels.c.label == "false_alarm",
            labels.c.flag == any_(traces.c.dismissed_flags),
            *_within(labels.c.trace_id, among),
        )
        .group_by(labels.c.flag)
    )
    return {row.flag: row.number for row in await connection.execute(found)}


async def _count_reports(
    connection: AsyncConnection, project_id: str, window: Window, source: str, among: Select[Any] | None
) -> dict[str, int]:
    """Return for each flag the number of calls of which feedback says that it is a false alarm."""
    same = (traces.c.project_id == feedback.c.project_id) & (traces.c.trace_id == feedback.c.trace_id)
    found = (
        select(traces.c.trace_id, func.unnest(traces.c.flags).label("flag"))
        .join(feedback, same)
        .where(
            feedback.c.project_id == project_id,
            text("'false_alarm' = ANY (feedback.categories)"),  # as in the index
            traces.c.occurred_at >= window.start,
            traces.c.occurred_at < window.end,
            traces.c.source == source,
            *_within(traces.c.trace_id, among),
        )
        .distinct()
        .subquery()
    )
    rows = await connection.execute(select(found.c.flag, func.count().label("number")).group_by(found.c.flag))
    return {row.flag: row.number for row in rows}


def _within(trace_id: ColumnElement[Any], among: Select[Any] | None) -> Sequence[ColumnElement[bool]]:
    return () if among is None else (trace_id.in_(among),)


def _of(project_id: str, trace_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return labels.c.project_id == project_id, labels.c.trace_id == trace_id


def _span(value: Any) -> Span | None:
    return None if value is None else msgspec.convert(value, Span)
