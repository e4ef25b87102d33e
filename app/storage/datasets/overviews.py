"""What pages show of datasets and runs beyond their rows: sums, names, and the texts of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.datasets import Dataset
from app.storage.datasets.datasets import read_datasets
from app.storage.tables import dataset_versions, run_answers, runs, traces

__all__ = ["DatasetOverview", "RunOutput", "read_outputs", "read_overviews"]

_LONGEST = 20_000


class DatasetOverview(NamedTuple):
    """A dataset, when it changed last, how many runs it has, and the name of its baseline."""

    dataset: Dataset
    changed_at: datetime
    runs: int
    approved: str | None


class RunOutput(NamedTuple):
    """One output of a run. `response` is None where the call is no longer stored."""

    run_id: UUID
    item_id: str
    repetition: int
    trace_id: UUID | None
    response: str | None


async def read_overviews(connection: AsyncConnection, project_id: str) -> list[DatasetOverview]:
    """Return the datasets of a project by their names."""
    found = await read_datasets(connection, project_id)
    changed = await connection.execute(
        select(dataset_versions.c.dataset_id, func.max(dataset_versions.c.created_at))
        .where(dataset_versions.c.project_id == project_id)
        .group_by(dataset_versions.c.dataset_id)
    )
    counted = await connection.execute(
        select(runs.c.dataset_id, func.count())
        .where(runs.c.project_id == project_id)
        .group_by(runs.c.dataset_id)
    )
    approved = [one.approved_run for one in found if one.approved_run is not None]
    named = await connection.execute(
        select(runs.c.run_id, runs.c.name).where(runs.c.project_id == project_id, runs.c.run_id.in_(approved))
    )
    changes: dict[UUID, datetime] = {row[0]: row[1] for row in changed}
    counts: dict[UUID, int] = {row[0]: row[1] for row in counted}
    names: dict[UUID | None, str] = {row[0]: row[1] for row in named}
    return [
        DatasetOverview(
            one,
            changes.get(one.dataset_id, one.created_at),
            counts.get(one.dataset_id, 0),
            names.get(one.approved_run),
        )
        for one in found
    ]


async def read_outputs(
    connection: AsyncConnection, project_id: str, run_ids: Sequence[UUID], item_ids: Sequence[str]
) -> list[RunOutput]:
    """Return the outputs of runs for items; of each text the first 20,000 characters."""
    calls = (traces.c.project_id == run_answers.c.project_id) & (traces.c.trace_id == run_answers.c.trace_id)
    rows = await connection.execute(
        select(
            run_answers.c.run_id,
            run_answers.c.item_id,
            run_answers.c.repetition,
            run_answers.c.trace_id,
            func.left(traces.c.response, _LONGEST),
        )
        .outerjoin(traces, calls)
        .where(
            run_answers.c.project_id == project_id,
            run_answers.c.run_id.in_(run_ids),
            run_answers.c.item_id.in_(item_ids),
        )
        .order_by(run_answers.c.item_id, run_answers.c.repetition)
    )
    return [RunOutput(*row) for row in rows]
