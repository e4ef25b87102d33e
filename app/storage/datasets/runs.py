"""The rows of runs and of their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.datasets import Run
from app.schemas.traces import scores_from_json
from app.storage.tables import run_answers, runs, traces
from monitoring.experiments.answers import Answer, RunFigures
from monitoring.models import Result

__all__ = [
    "OpenAnswer",
    "ScoredTrace",
    "add_run",
    "count_runs",
    "count_scored",
    "delete_run",
    "open_answers",
    "read_answers",
    "read_run",
    "read_runs",
    "read_scored",
    "save_answers",
    "save_progress",
]

_answers = run_answers.c


class OpenAnswer(NamedTuple):
    """An output whose scores are still to come.

    `usable` is false for an output that is empty or reports an error.
    """

    item_id: str
    repetition: int
    trace_id: UUID | None
    usable: bool
    own: dict[str, float]


class ScoredTrace(NamedTuple):
    """What the worker found out about an output."""

    scores: Mapping[str, Result]
    overall_quality: float | None
    flags: tuple[str, ...]
    hits: tuple[str, ...]


def _run(row: Any) -> Run:
    return msgspec.convert(dict(zip(Run.__struct_fields__, row, strict=True)), Run)


def _select() -> Any:
    return select(*[runs.c[name] for name in Run.__struct_fields__])


async def count_runs(connection: AsyncConnection, project_id: str) -> int:
    """Return how many runs a project has."""
    counted = select(func.count()).select_from(runs).where(runs.c.project_id == project_id)
    return (await connection.execute(counted)).scalar_one()


async def add_run(
    connection: AsyncConnection, project_id: str, run: Run, answers: Sequence[OpenAnswer]
) -> None:
    """Store a run and its outputs, which have no scores yet."""
    values = {name: getattr(run, name) for name in Run.__struct_fields__}
    await connection.execute(insert(runs).values(project_id=project_id, **values))
    whole = {"project_id": project_id, "run_id": run.run_id, "answer": None}
    await connection.execute(insert(run_answers), [whole | one._asdict() for one in answers])


async def read_run(connection: AsyncConnection, project_id: str, run_id: UUID) -> Run | None:
    """Return a run, None if there is none."""
    row = (
        await connection.execute(_select().where(runs.c.project_id == project_id, runs.c.run_id == run_id))
    ).first()
    return _run(row) if row else None


async def read_runs(
    connection: AsyncConnection, project_id: str, dataset_id: UUID | None = None, *, limit: int = 100
) -> list[Run]:
    """Return the newest runs of a project, or of one of its datasets."""
    wanted = _select().where(runs.c.project_id == project_id)
    if dataset_id is not None:
        wanted = wanted.where(runs.c.dataset_id == dataset_id)
    rows = await connection.execute(wanted.order_by(runs.c.created_at.desc(), runs.c.run_id).limit(limit))
    return [_run(row) for row in rows]


async def open_answers(
    connection: AsyncConnection, project_id: str, run_id: UUID, most: int
) -> list[OpenAnswer]:
    """Return outputs without scores, and lock them until the transaction ends."""
    rows = await connection.execute(
        select(*[_answers[name] for name in OpenAnswer._fields])
        .where(_answers.project_id == project_id, _answers.run_id == run_id, _answers.answer.is_(None))
        .order_by(_answers.item_id, _answers.repetition)
        .limit(most)
        .with_for_update()
    )
    return [OpenAnswer(*row) for row in rows]


async def read_scored(
    connection: AsyncConnection, project_id: str, trace_ids: Sequence[UUID]
) -> dict[UUID, ScoredTrace]:
    """Return what is known about those of the calls that are stored."""
    columns = (traces.c.trace_id, traces.c.scores, traces.c.overall_quality, traces.c.flags, traces.c.hits)
    rows = await connection.execute(
        select(*columns).where(traces.c.project_id == project_id, traces.c.trace_id.in_(trace_ids))
    )
    return {
        row.trace_id: ScoredTrace(
            scores_from_json(row.scores), row.overall_quality, tuple(row.flags), tuple(row.hits)
        )
        for row in rows
    }


async def save_answers(
    connection: AsyncConnection, project_id: str, run_id: UUID, answers: Sequence[Answer]
) -> None:
    """Store the scores of outputs."""
    for one in answers:
        await connection.execute(
            update(run_answers)
            .where(
                _answers.project_id == project_id,
                _answers.run_id == run_id,
                _answers.item_id == one.item_id,
                _answers.repetition == one.repetition,
            )
            .values(answer=msgspec.to_builtins(one))
        )


async def read_answers(
    connection: AsyncConnection,
    project_id: str,
    run_id: UUID,
    *,
    after: tuple[str, int] = ("", -1),
    limit: int | None = None,
) -> list[Answer]:
    """Return the answers of a run that have their scores, by item and repetition."""
    wanted = (
        select(_answers.answer)
        .where(
            _answers.project_id == project_id,
            _answers.run_id == run_id,
            _answers.answer.is_not(None),
            func.row(_answers.item_id, _answers.repetition) > func.row(*after),
        )
        .order_by(_answers.item_id, _answers.repetition)
    )
    rows = await connection.execute(wanted.limit(limit) if limit is not None else wanted)
    return [msgspec.convert(row, Answer) for row in rows.scalars()]


async def count_scored(connection: AsyncConnection, project_id: str, run_id: UUID) -> int:
    """Return how many outputs of a run have their scores, or will never have any."""
    counted = (
        select(func.count())
        .select_from(run_answers)
        .where(_answers.project_id == project_id, _answers.run_id == run_id, _answers.answer.is_not(None))
    )
    return (await connection.execute(counted)).scalar_one()


async def save_progress(
    connection: AsyncConnection, project_id: str, run_id: UUID, done: int, figures: RunFigures | None
) -> None:
    """Store how many outputs have their scores; with figures the run is done."""
    state = {} if figures is None else {"state": "done", "figures": msgspec.to_builtins(figures)}
    await connection.execute(
        update(runs)
        .where(runs.c.project_id == project_id, runs.c.run_id == run_id)
        .values(done=done, **state)
    )


async def delete_run(connection: AsyncConnection, project_id: str, run_id: UUID) -> bool:
    """Delete a run with its answers; returns whether there was one."""
    await connection.execute(
        delete(run_answers).where(_answers.project_id == project_id, _answers.run_id == run_id)
    )
    gone = await connection.execute(
        delete(runs).where(runs.c.project_id == project_id, runs.c.run_id == run_id).returning(runs.c.run_id)
    )
    return gone.first() is not None
