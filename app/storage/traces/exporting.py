"""Calls of an export in the order of their ids, and the rows about them as JSON.

Postgres writes the JSON, so that the process that passes rows on need not look into them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.filters import Filter
from app.schemas.columns import COLUMNS, PROMISED_NAMES, UNSHOWN, Column, ColumnType
from app.schemas.exported import ExportKind
from app.schemas.ids import first_id
from app.storage.tables import feedback, labels, traces
from app.storage.traces.filtering import where
from monitoring.benchmarking.feeds import GOOD_TASKS, labelled_tasks

__all__ = ["Exported", "Found", "find_calls", "read_rows"]

_OBJECTS: Final = frozenset({ColumnType.OBJECT, ColumnType.SCORES})
# Only what is large when packed is unpacked to learn its size, as that costs as much as reading it.
_PACKED_BYTES: Final = 2_048
_UNPACKED: Final = 2
_EMPTY: Final = {"messages": "[]", "metadata": "{}"}
_OF_CALLS: Final = "trace_id = ANY(CAST(:ids AS uuid[])) AND trace_id BETWEEN :first AND :last"


class Exported(NamedTuple):
    """What is exported of one project: rows about the calls that a filter lets pass.

    Only calls that were accepted before `cut` count, and only what was said about them before it.
    With `flat`, objects inside rows are written as texts of JSON.
    """

    project_id: str
    kind: ExportKind
    chosen: Filter
    cut: datetime
    flat: bool


class Found(NamedTuple):
    """Chosen calls in the order of their ids, each with the bytes that its row will have.

    `reached` is the last id that was looked at, None at the end.
    """

    calls: Sequence[tuple[UUID, int]]
    reached: UUID | None


async def find_calls(
    connection: AsyncConnection, exported: Exported, after: UUID, step: int, *, sized: bool = True
) -> Found:
    """Return the chosen ones of the next `step` calls after an id, without `sized` with size 0."""
    walked = {"feedback": feedback, "labels": labels, "labelled": labels}.get(exported.kind, traces)
    until = first_id(exported.cut)
    within = (
        walked.c.project_id == exported.project_id,
        walked.c.trace_id > after,
        walked.c.trace_id < until,
    )
    last = await connection.scalar(
        select(walked.c.trace_id).where(*within).order_by(walked.c.trace_id).offset(step - 1).limit(1)
    )
    passing = select(traces.c.trace_id, (_SIZE if sized else literal(0)).label("size")).where(
        traces.c.project_id == exported.project_id,
        traces.c.trace_id > after,
        traces.c.trace_id < until if last is None else traces.c.trace_id <= last,
        where(exported.chosen),
    )
    if walked is not traces:
        said = select(literal(1)).where(
            *within, walked.c.trace_id == traces.c.trace_id, walked.c.created_at < exported.cut
        )
        passing = passing.where(said.correlate(traces).exists())
    rows = await connection.execute(passing.order_by(traces.c.trace_id))
    return Found([(_plain(row.trace_id), row.size) for row in rows], None if last is None else _plain(last))


async def read_rows(connection: AsyncConnection, exported: Exported, ids: Sequence[UUID]) -> list[bytes]:
    """Return the rows about these calls, which are in the order of their ids, each as JSON."""
    bounds = {
        "project_id": exported.project_id,
        "ids": list(ids),
        "first": ids[0],
        "last": ids[-1],
        "cut": exported.cut,
    }
    statement = _ROWS[exported.kind, exported.flat]
    return list((await connection.execute(statement, bounds)).scalars())


def _size() -> ColumnElement[Any]:
    """Return about how many bytes a row of JSON about a trace has."""
    parts: list[ColumnElement[Any]] = []
    for one in COLUMNS:
        column = traces.c[one.name]
        if one.type is ColumnType.TEXT:
            parts.append(func.octet_length(column))
        elif one.type in _OBJECTS or one.type is ColumnType.TEXTS:
            stored = func.pg_column_size(column)
            packed = and_(func.pg_column_compression(column).is_not(None), stored > _PACKED_BYTES)
            parts.append(case((packed, func.octet_length(cast(column, Text()))), else_=stored * _UNPACKED))
    whole: ColumnElement[Any] = literal(0)
    for part in parts:
        whole += func.coalesce(part, 0)
    return whole


def _plain(trace_id: UUID) -> UUID:
    # The driver has a class of its own for ids.
    return UUID(bytes=trace_id.bytes)


def _trace_value(one: Column, *, flat: bool) -> str:
    match one.type:
        case ColumnType.BYTES:
            return f"encode({one.name}, 'hex')"
        case ColumnType.MONEY:
            return f"trim_scale({one.name})"
        case ColumnType.OBJECT:
            empty = _EMPTY.get(one.name)
            return _object(f"coalesce({one.name}, '{empty}')" if empty else one.name, flat=flat)
        case ColumnType.SCORES:
            return _object(one.name, flat=flat)
    return one.name


def _object(value: str, *, flat: bool) -> str:
    return f"({value})::text" if flat else value


def _traces(*, flat: bool) -> str:
    values = ", ".join(
        f'{_trace_value(one, flat=flat)} AS "{PROMISED_NAMES.get(one.name, one.name)}"'
        for one in COLUMNS
        if one.name not in UNSHOWN
    )
    return (
        f"SELECT {values}, trim_scale(reported_cost_usd - computed_cost_usd) AS cost_difference_usd "  # noqa: S608 names of columns
        f"FROM traces WHERE project_id = :project_id AND {_OF_CALLS} ORDER BY trace_id"
    )


def _scores(*, flat: bool) -> str:
    parts = _object("coalesce(s.value -> 'parts', '{}')", flat=flat)
    evidence = _object("coalesce(s.value -> 'evidence', '[]')", flat=flat)
    given_parts, given_evidence = _object("g.parts::json", flat=flat), _object("g.evidence::json", flat=flat)
    calls = f"SELECT * FROM traces WHERE project_id = :project_id AND {_OF_CALLS}"  # noqa: S608 constants, no input
    return f"""
SELECT * FROM (
    SELECT t.trace_id, t.occurred_at AS timestamp, t.model_name, s.key AS evaluator,
        s.value ->> 'version' AS version, 'llm-monitor' AS source,
        (s.value ->> 'value')::double precision AS value, s.value ->> 'label' AS label,
        CASE WHEN s.value ->> 'error' IS NULL
            THEN coalesce((s.value ->> 'confidence')::double precision, 1) END AS confidence,
        s.key = ANY(t.hits) AS is_hit, s.value ->> 'error' AS error, {parts} AS parts,
        {evidence} AS evidence, NULL::timestamptz AS created_at
    FROM ({calls}) AS t, json_each(t.scores) AS s
    UNION ALL
    SELECT t.trace_id, t.occurred_at, t.model_name, g.evaluator, g.version, g.source, g.value, g.label,
        g.confidence, NULL, NULL, {given_parts}, {given_evidence}, g.created_at
    FROM ({calls}) AS t JOIN scores AS g USING (project_id, trace_id) WHERE g.created_at < :cut
) AS every ORDER BY trace_id, evaluator, source, version"""  # noqa: S608 constants, no input


def _feedback(*, flat: bool) -> str:
    del flat
    return (
        "SELECT feedback_id, trace_id, created_at, rating, comment, categories, user_id FROM feedback "  # noqa: S608 constants, no input
        f"WHERE project_id = :project_id AND {_OF_CALLS} AND created_at < :cut "
        "ORDER BY trace_id, created_at, feedback_id"
    )


def _labels(*, flat: bool) -> str:
    return (
        "SELECT label_id, trace_id, occurred_at AS timestamp, finding, flag, label, value, "  # noqa: S608 constants, no input
        f"{_object('evidence', flat=flat)} AS evidence, comment, actor, created_at FROM labels "
        f"WHERE project_id = :project_id AND {_OF_CALLS} AND created_at < :cut ORDER BY trace_id, label_id"
    )


# Each person has one vote on a finding, the newest. `balance` says which verdict most people gave.
_VOTES: Final = f"""
SELECT *, sum(CASE label WHEN 'true_alarm' THEN 1 WHEN 'false_alarm' THEN -1 ELSE 0 END)
    OVER (PARTITION BY trace_id, coalesce(finding, '')) AS balance
FROM (
    SELECT DISTINCT ON (trace_id, coalesce(finding, ''), actor) * FROM labels
    WHERE project_id = :project_id AND {_OF_CALLS} AND created_at < :cut AND evidence IS NULL
    ORDER BY trace_id, coalesce(finding, ''), actor, created_at DESC, label_id DESC
) AS votes"""  # noqa: S608 constants, no input


def _labelled(*, flat: bool) -> str:
    tasks = " ".join(f"WHEN '{finding}' THEN '{task}'" for finding, task in labelled_tasks().items())
    good = ", ".join(f"'{task}'" for task in sorted(GOOD_TASKS))
    meta = _object(
        "json_build_object('trace_id', trace_id, 'finding', finding, 'flag', flag, 'verdict', label, "
        "'comment', comment, 'actor', actor, 'created_at', created_at, 'model', model_name)",
        flat=flat,
    )
    return f"""
SELECT task, 'human' AS source, prompt, response, context, reference,
    CASE WHEN task IN ({good}) AND finding IS NOT NULL THEN 1 - value ELSE value END AS label, {meta} AS meta
FROM (
    SELECT DISTINCT ON (trace_id, coalesce(l.finding, '')) trace_id, l.finding, l.flag, l.label, l.value,
        l.comment, l.actor, l.created_at, t.prompt, t.response, t.model_name, t.reference,
        nullif(array_to_string(t.context, E'\\n\\n'), '') AS context,
        CASE l.finding {tasks} ELSE coalesce(l.finding, 'quality') END AS task
    FROM ({_VOTES}) AS l
    JOIN (SELECT * FROM traces WHERE project_id = :project_id AND {_OF_CALLS}) AS t USING (project_id, trace_id)
    WHERE l.label = 'score' OR l.balance > 0 AND l.label = 'true_alarm' OR l.balance < 0 AND l.label = 'false_alarm'
    ORDER BY trace_id, coalesce(l.finding, ''), l.created_at DESC, l.label_id DESC
) AS newest ORDER BY trace_id, task, finding"""  # noqa: S608 constants, no input


_SIZE: Final = _size()
_ROWS: Final[Mapping[tuple[str, bool], Any]] = {
    (kind, flat): text(f"SELECT convert_to(row_to_json(r)::text, 'UTF8') FROM ({write(flat=flat)}) AS r")  # noqa: S608 constants, no input
    for kind, write in (
        ("traces", _traces),
        ("scores", _scores),
        ("feedback", _feedback),
        ("labels", _labels),
        ("labelled", _labelled),
    )
    for flat in (False, True)
}
