"""From a scored list to its answer, now or later."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal
from uuid import UUID, uuid4

import msgspec
from fastapi import Response

from app.api.dependencies import Services
from app.api.inference import LineError, for_sender, pending
from app.api.preferences import Preference
from app.api.responses import json_response
from app.errors import InvalidRecord
from app.ingest import Submission
from app.jobs.kinds import JobKind
from app.schemas.queued import Summary
from app.schemas.records import Rejection
from app.storage.engine import Connection, writing
from app.storage.ledger.dead_letter_reads import dead_ids
from app.storage.traces.writing import stored_summaries
from app.storage.upkeep.jobs import Job, add_job
from monitoring.models import Record

__all__ = ["EvaluationAnswer", "answer_evaluation", "check_size", "progress"]

_MOST_RECORDS = 1000


class EvaluationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Results in the order of the list; a result whose scores are not there yet has nulls.

    `state` is done when every record taken has an outcome; `failed` lists those that were given up.
    """

    evaluated_count: int
    results: tuple[Summary, ...]
    errors: tuple[LineError, ...]
    state: Literal["running", "done"]
    job_id: UUID | None = None
    failed: tuple[UUID, ...] = ()


class _Work(msgspec.Struct, frozen=True):
    """What the row of an evaluation keeps about it."""

    results: tuple[Summary, ...]
    errors: tuple[LineError, ...]


def check_size(lines: Sequence[Record | Rejection]) -> Sequence[Record | Rejection]:
    """Return the lines; raises InvalidRecord when they are too many for one evaluation."""
    if len(lines) > _MOST_RECORDS:
        raise InvalidRecord(
            f"One evaluation takes {_MOST_RECORDS} records; send more through POST /monitor/inferences."
        )
    return lines


async def answer_evaluation(
    services: Services,
    project_id: str,
    submission: Submission,
    preference: Preference,
) -> Response:
    """Return 200 with every result, or 202 with a job; raises InvalidRecord when no line was taken."""
    work = _work(submission)
    if work.errors and not work.results:
        raise InvalidRecord(
            f"None of the {len(work.errors)} records was taken.",
            errors=[msgspec.structs.asdict(error) for error in work.errors],
        )
    headers = {"Preference-Applied": preference.applied} if preference.applied else {}
    scored = sum(result.trace_id in submission.summaries for result in work.results)
    if scored == len(work.results):
        answer = EvaluationAnswer(
            evaluated_count=scored, results=work.results, errors=work.errors, state="done"
        )
        return json_response(answer, headers=headers)
    job_id = await _remember(services, project_id, work)
    answer = EvaluationAnswer(
        evaluated_count=scored, results=work.results, errors=work.errors, state="running", job_id=job_id
    )
    headers["Location"] = f"/evaluate/{job_id}"
    return json_response(answer, HTTPStatus.ACCEPTED, headers)


def _work(submission: Submission) -> _Work:
    results: list[Summary] = []
    errors: list[LineError] = []
    for outcome in submission.outcomes:
        if isinstance(outcome, Rejection):
            errors.append(LineError(*outcome))
        else:
            summary = submission.summaries.get(outcome.trace_id)
            known = summary or pending(outcome.trace_id, submission.records[outcome.trace_id])
            results.append(for_sender(known))
    return _Work(tuple(results), tuple(errors))


async def _remember(services: Services, project_id: str, work: _Work) -> UUID:
    job = Job(
        job_id=uuid4(),
        kind=JobKind.EVALUATE,
        state="running",
        total=len(work.results),
        parameters=msgspec.to_builtins(work),
        created_at=services.clock(),
    )
    async with writing(services.engine) as connection:
        await add_job(connection, project_id, job)
    return job.job_id


async def progress(connection: Connection, project_id: str, job: Job) -> EvaluationAnswer:
    """Return what is known by now about the records of an evaluation."""
    work = msgspec.convert(job.parameters, _Work)
    ids = [result.trace_id for result in work.results]
    stored = {found.trace_id: found for found in await stored_summaries(connection, project_id, ids)}
    dead = await dead_ids(connection, project_id, [one for one in ids if one not in stored])
    return EvaluationAnswer(
        evaluated_count=len([one for one in ids if one in stored]),
        results=tuple(stored.get(result.trace_id, result) for result in work.results),
        errors=work.errors,
        state="done"
        if job.state == "done" or all(one in stored or one in dead for one in ids)
        else "running",
        job_id=job.job_id,
        failed=tuple(one for one in ids if one in dead),
    )
