"""Runs over datasets. Their outputs are scored like all calls, and the scores stay with the run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from app.access.administration import Line, record
from app.errors import Conflict, InvalidParameter, NotFound
from app.experiments.datasets import the_dataset
from app.jobs.kinds import JobKind
from app.jobs.runner import Step
from app.schemas.catalogue import Judge
from app.schemas.datasets import MOST_RUNS, Dataset, Run
from app.storage.access.projects import lock_settings
from app.storage.datasets.datasets import approve_run
from app.storage.datasets.runs import (
    OpenAnswer,
    ScoredTrace,
    add_run,
    count_runs,
    count_scored,
    delete_run,
    open_answers,
    read_answers,
    read_run,
    read_scored,
    save_answers,
    save_progress,
)
from app.storage.engine import Connection
from app.storage.ledger.dead_letter_reads import dead_ids
from app.storage.upkeep.jobs import Job, add_job
from monitoring.experiments.answers import QUALITY, Answer, figures_of
from monitoring.experiments.comparison import Comparison, compare
from monitoring.models import Failure, Score

__all__ = [
    "APPROVED",
    "Runs",
    "approve",
    "begin_run",
    "compare_runs",
    "compared",
    "remove_run",
    "settle",
    "the_run",
]

APPROVED: Final = "approved"
"""What stands for the approved baseline of a dataset, in place of the id of a run."""
_BATCH = 500
_LOST_AFTER = timedelta(days=1)
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=1)


async def the_run(connection: Connection, project_id: str, run_id: UUID) -> Run:
    """Return a run of a project; raises NotFound if there is none."""
    found = await read_run(connection, project_id, run_id)
    if found is None:
        raise NotFound(f"This project has no run {run_id}.")
    return found


async def begin_run(
    connection: Connection,
    line: Line,
    dataset: Dataset,
    name: str,
    answers: Sequence[OpenAnswer],
    missing: int,
) -> Run:
    """Store a run whose outputs were queued, and the job that waits for their scores.

    Raises Conflict when the project has too many runs.
    """
    await lock_settings(connection, line.project_id)
    if await count_runs(connection, line.project_id) >= MOST_RUNS:
        raise Conflict(f"A project has at most {MOST_RUNS} runs: remove one first.")
    run = Run(
        run_id=uuid4(),
        dataset_id=dataset.dataset_id,
        version=dataset.version,
        name=name,
        state="running",
        total=len(answers),
        done=0,
        missing=missing,
        figures=None,
        actor=line.actor,
        created_at=line.now,
    )
    await add_run(connection, line.project_id, run, answers)
    job = Job(
        job_id=run.run_id,
        kind=JobKind.RUN,
        state="running",
        total=run.total,
        parameters={},
        created_at=line.now,
    )
    await add_job(connection, line.project_id, job)
    return run


class Runs:
    """Handles jobs of kind `run`: keeps the scores of outputs as they are stored.

    `judges` are the evaluators of the workers.
    """

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._judges = tuple(judges)

    async def step(self, connection: Connection, project_id: str, job: Job) -> Step:
        """Keep the scores that came since the last step."""
        age = datetime.now(UTC) - job.created_at
        run = await settle(connection, project_id, job.job_id, self._judges, lost=age > _LOST_AFTER)
        if run is None:
            return Step(job.done, job.total, finished=True, result={"state": "removed"})
        progressed = run.done > job.done
        return Step(
            run.done,
            total=run.total,
            wait=_SHORTEST if progressed else min(max(age / 10, _SHORTEST), _LONGEST),
            finished=run.state == "done",
            result={"run_id": str(run.run_id)} if run.state == "done" else None,
        )


async def settle(
    connection: Connection,
    project_id: str,
    run_id: UUID,
    judges: Sequence[Judge],
    *,
    lost: bool = False,
) -> Run | None:
    """Keep the scores of outputs that are stored by now; returns the run, None if it was removed.

    With `lost`, outputs without any outcome count as failed, because none will come.
    """
    run = await read_run(connection, project_id, run_id)
    if run is None or run.state == "done":
        return run
    shown = frozenset(judge.name for judge in judges if judge.category != "descriptive")
    quality = frozenset(judge.name for judge in judges if judge.category == "quality")
    waiting = await open_answers(connection, project_id, run_id, _BATCH)
    ids = [one.trace_id for one in waiting if one.trace_id is not None]
    stored = await read_scored(connection, project_id, ids)
    dead = await dead_ids(connection, project_id, [one for one in ids if one not in stored])
    settled = []
    for one in waiting:
        found = None if one.trace_id is None else stored.get(one.trace_id)
        if found is not None:
            settled.append(_answer(one, found, shown, quality))
        elif one.trace_id is None or one.trace_id in dead or lost:
            settled.append(_failed(one))
    await save_answers(connection, project_id, run_id, settled)
    done = await count_scored(connection, project_id, run_id)
    figures = None
    if done >= run.total:
        figures = figures_of(await read_answers(connection, project_id, run_id))
    await save_progress(connection, project_id, run_id, done, figures)
    return await read_run(connection, project_id, run_id)


def _failed(one: OpenAnswer) -> Answer:
    return Answer(
        item_id=one.item_id,
        repetition=one.repetition,
        scores=one.own,
        failed={"scoring": "the output could not be scored"},
    )


def _answer(one: OpenAnswer, found: ScoredTrace, shown: Collection[str], quality: Collection[str]) -> Answer:
    scores: dict[str, float] = {}
    unknown: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name, result in found.scores.items():
        if isinstance(result, Failure):
            failed[name] = f"{result.error}: {result.message}"
        elif isinstance(result, Score) and name in shown:
            if result.value is None:
                unknown[name] = result.label
            else:
                scores[name] = result.value
    if found.overall_quality is not None:
        scores[QUALITY] = found.overall_quality
    low = tuple(name for name in found.hits if name in quality)
    good = one.usable and not found.flags and not low
    return Answer(
        item_id=one.item_id,
        repetition=one.repetition,
        passed=None if failed else good,
        scores={**one.own, **scores},
        flags=found.flags,
        low=low,
        unknown=unknown,
        failed=failed,
    )


async def compare_runs(
    connection: Connection, project_id: str, base: str, other: UUID
) -> tuple[Run, Run, Mapping[str, Sequence[Answer]]]:
    """Return two finished runs of one dataset and their answers by `base` and `other`.

    `base` is the id of a run or `approved`. Raises NotFound, InvalidParameter and Conflict.
    """
    second = await the_run(connection, project_id, other)
    first = await the_run(connection, project_id, await _base_id(connection, project_id, base, second))
    if first.dataset_id != second.dataset_id:
        raise Conflict("These runs answer different datasets, so their items cannot be compared.")
    for run in (first, second):
        if run.state != "done":
            raise Conflict(f"The run {run.run_id} is not scored yet: {run.done} of {run.total} outputs are.")
    return (
        first,
        second,
        {
            "base": await read_answers(connection, project_id, first.run_id),
            "other": await read_answers(connection, project_id, second.run_id),
        },
    )


async def _base_id(connection: Connection, project_id: str, base: str, other: Run) -> UUID:
    if base == APPROVED:
        dataset = await the_dataset(connection, project_id, other.dataset_id)
        if dataset.approved_run is None:
            raise Conflict(f"The dataset {dataset.name} has no approved baseline: approve a run first.")
        return dataset.approved_run
    try:
        return UUID(base)
    except ValueError as error:
        raise InvalidParameter(f"base is the id of a run or {APPROVED}.") from error


def compared(
    first: Run, second: Run, answers: Mapping[str, Sequence[Answer]], harms: Sequence[str]
) -> Comparison:
    """Return how the second run differs from the first one."""
    return compare(answers["base"], answers["other"], names=(first.name, second.name), harms=harms)


async def approve(connection: Connection, line: Line, run_id: UUID) -> Run:
    """Make a finished run the baseline of its dataset; raises NotFound and Conflict."""
    await lock_settings(connection, line.project_id)
    run = await the_run(connection, line.project_id, run_id)
    if run.state != "done" or run.figures is None or run.figures.unjudged or run.missing:
        raise Conflict("Only a run can be approved in which every item has an output with its scores.")
    dataset = await the_dataset(connection, line.project_id, run.dataset_id)
    await approve_run(connection, line.project_id, run.dataset_id, run_id)
    await record(
        connection,
        line,
        "baseline.approved",
        str(run_id),
        dataset=dataset.name,
        version=run.version,
        run=run.name,
        before=None if dataset.approved_run is None else str(dataset.approved_run),
    )
    return run


async def remove_run(connection: Connection, line: Line, run_id: UUID) -> None:
    """Remove a run; raises NotFound, and Conflict for an approved baseline."""
    await lock_settings(connection, line.project_id)
    run = await the_run(connection, line.project_id, run_id)
    dataset = await the_dataset(connection, line.project_id, run.dataset_id)
    if dataset.approved_run == run_id:
        raise Conflict("This run is the approved baseline: approve another one first.")
    await delete_run(connection, line.project_id, run_id)
    await record(connection, line, "run.removed", str(run_id), dataset=dataset.name, run=run.name)
