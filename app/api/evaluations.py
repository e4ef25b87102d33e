"""Answers to evaluations: at once for a short list, later as a job for any number of calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b
from http import HTTPStatus
from typing import Final, Literal
from uuid import UUID, uuid4

import msgspec
from fastapi import Response

from app.api.dependencies import Services
from app.api.inference import LineError, for_sender, pending
from app.api.preferences import Preference
from app.api.responses import json_response
from app.errors import Conflict, InvalidRecord
from app.ingest import Submission
from app.jobs.pace import pace_of
from app.schemas.ids import minted_at
from app.schemas.queued import Summary
from app.schemas.records import Rejection
from app.storage.access.projects import lock_settings
from app.storage.engine import Connection, reading, writing
from app.storage.evaluations.parts import Part, add_part, list_ids
from app.storage.ledger.dead_letter_reads import dead_ids
from app.storage.traces.writing import stored_summaries
from app.storage.upkeep.jobs import Job, add_job, read_job
from app.uploading.keeping import Item, evaluation_job
from app.uploading.reading import Reading
from monitoring.models import UNKNOWN_MODEL

__all__ = [
    "MOST_AT_ONCE",
    "EvaluationAnswer",
    "accepted",
    "answer_evaluation",
    "known_evaluation",
    "progress",
    "refuse_empty",
]

MOST_AT_ONCE: Final = 1000
"""Items of an evaluation that may be answered at once, and whose results are in its progress."""


class EvaluationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of an evaluation, with the results in the order of its items.

    A result whose scores do not exist yet has nulls. Of more than 1,000 items the results are at
    /evaluate/{job_id}/results alone. `state` is done when every accepted item is scored and stored,
    or given up; `failed` lists those that were given up, and `failed_count` counts them. `errors`
    lists the first 1,000 of the `rejected` items by their line.
    """

    evaluated_count: int
    results: tuple[Summary, ...]
    errors: tuple[LineError, ...]
    state: Literal["running", "done", "failed", "cancelled"]
    job_id: UUID | None = None
    failed: tuple[UUID, ...] = ()
    total: int = 0
    rejected: int = 0
    failed_count: int = 0
    rate_per_s: float | None = None
    eta_seconds: float | None = None


async def known_evaluation(
    services: Services, project_id: str, key: str | None
) -> tuple[UUID, EvaluationAnswer | None]:
    """Return the id for an evaluation with an Idempotency-Key, and its progress if it exists.

    A key counts for as long as the ids of records.
    """
    if key is None:
        return uuid4(), None
    digest = blake2b(f"{project_id}\0{key}".encode("utf-8", "replace"), digest_size=16)
    job_id = UUID(bytes=digest.digest(), version=4)
    async with reading(services.engine) as connection:
        job = await read_job(connection, project_id, job_id)
        if job is None:
            return job_id, None
        if services.clock() - job.created_at > timedelta(hours=services.settings.idempotency_hours):
            return uuid4(), None
        return job_id, await progress(connection, project_id, job)


def refuse_empty(read: Reading) -> InvalidRecord:
    """Return the refusal of a body of which no item was accepted, with the reasons."""
    return InvalidRecord(
        f"None of the {read.rejected} records was accepted.",
        errors=[one._asdict() for one in sorted(read.errors, key=lambda one: one.line)],
    )


def accepted(job: Job) -> Response:
    """Return 202 for an evaluation of any length, with where its progress is."""
    answer = EvaluationAnswer(
        evaluated_count=0,
        results=(),
        errors=_errors(job),
        state="running",
        job_id=job.job_id,
        total=job.total or 0,
        rejected=job.parameters["rejected"],
    )
    return json_response(answer, HTTPStatus.ACCEPTED, {"Location": f"/evaluate/{job.job_id}"})


async def answer_evaluation(
    services: Services,
    project_id: str,
    job_id: UUID,
    items: Sequence[Item],
    read: Reading,
    submission: Submission,
    preference: Preference,
) -> Response:
    """Return 200 with every result, or 202 with a job.

    Raises InvalidRecord when no item was accepted.
    """
    lines, results = _results(items, read, submission)
    if read.rejected and not results:
        raise refuse_empty(read)
    scored = sum(one.trace_id in submission.summaries for one in results)
    job = None
    if scored < len(results):
        ids = [one.trace_id for one in results]
        part = Part(part=1, first_item=1, lines=lines, trace_ids=ids)
        job = evaluation_job(job_id, len(ids), read.rejected, read.errors, services.clock())
        await _remember(services, project_id, job, part)
    answer = EvaluationAnswer(
        evaluated_count=scored,
        results=tuple(results),
        errors=tuple(LineError(*one) for one in sorted(read.errors, key=lambda one: one.line)),
        state="running" if job else "done",
        job_id=job.job_id if job else None,
        total=len(results),
        rejected=read.rejected,
    )
    headers = {"Preference-Applied": preference.applied} if preference.applied else {}
    if job is None:
        return json_response(answer, headers=headers)
    return json_response(answer, HTTPStatus.ACCEPTED, {**headers, "Location": f"/evaluate/{job_id}"})


def _results(items: Sequence[Item], read: Reading, submission: Submission) -> tuple[list[int], list[Summary]]:
    lines: list[int] = []
    results: list[Summary] = []
    for (line, _, _), outcome in zip(items, submission.outcomes, strict=True):
        if isinstance(outcome, Rejection):
            read.reject(line, outcome.field, outcome.message)
            continue
        summary = submission.summaries.get(outcome.trace_id)
        known = summary or pending(outcome.trace_id, submission.records[outcome.trace_id])
        lines.append(line)
        results.append(for_sender(known))
    return lines, results


async def _remember(services: Services, project_id: str, job: Job, part: Part) -> None:
    async with writing(services.engine) as connection:
        await lock_settings(connection, project_id)
        if await read_job(connection, project_id, job.job_id):
            raise Conflict(
                "An evaluation with this Idempotency-Key was accepted meanwhile; ask for it again."
            )
        await add_part(connection, project_id, job.job_id, part)
        await add_job(connection, project_id, job)


async def progress(connection: Connection, project_id: str, job: Job) -> EvaluationAnswer:
    """Return what is known so far about the items of an evaluation."""
    pace, total = pace_of(job), job.total or 0
    running = job.state in {"queued", "running"}
    answer = EvaluationAnswer(
        evaluated_count=job.done - pace.failed,
        results=(),
        errors=_errors(job),
        state="running" if job.state == "queued" else job.state,
        job_id=job.job_id,
        total=total,
        rejected=job.parameters["rejected"],
        failed_count=pace.failed,
        rate_per_s=pace.rate_per_s if running else None,
        eta_seconds=pace.eta_seconds(job.done, total) if running else None,
    )
    return answer if total > MOST_AT_ONCE else await _with_results(connection, project_id, job, answer)


async def _with_results(
    connection: Connection, project_id: str, job: Job, answer: EvaluationAnswer
) -> EvaluationAnswer:
    ids = await list_ids(connection, project_id, job.job_id, MOST_AT_ONCE)
    stored = {found.trace_id: found for found in await stored_summaries(connection, project_id, ids)}
    dead = await dead_ids(connection, project_id, [one for one in ids if one not in stored])
    failed = tuple(one for one in ids if one in dead)
    settled = all(one in stored or one in dead for one in ids)
    return msgspec.structs.replace(
        answer,
        evaluated_count=len([one for one in ids if one in stored]),
        results=tuple(stored.get(one) or _unknown(one) for one in ids),
        state="done" if settled else answer.state,
        failed=failed,
        failed_count=len(failed),
    )


def _unknown(trace_id: UUID) -> Summary:
    return Summary(
        trace_id=trace_id,
        timestamp=minted_at(trace_id),
        quality_score=None,
        safety_score=None,
        is_safe=None,
        safety_flags=(),
        cost_usd=None,
        pricing_status="pending",
        model_name=UNKNOWN_MODEL,
    )


def _errors(job: Job) -> tuple[LineError, ...]:
    return msgspec.convert(job.parameters["errors"], tuple[LineError, ...])
