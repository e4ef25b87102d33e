"""Routes for runs over datasets: outputs are scored, compared item by item, and approved."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from app.api.administration import line_of, read_struct
from app.api.datasets import (
    ANSWERS_SHOWN,
    COMPARISON_SHOWN,
    RUN_BODY,
    RUN_SHOWN,
    RUNS_SHOWN,
    AnswerPage,
    ComparisonOut,
    OutputIn,
    RunIn,
    RunList,
)
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.preferences import read_preference
from app.api.responses import json_response
from app.catalogue import read_judges
from app.errors import InvalidParameter, InvalidRecord, NotFound
from app.experiments.runs import (
    approve,
    begin_run,
    compare_runs,
    compared,
    remove_run,
    settle,
    the_run,
)
from app.ingest import Submission
from app.schemas.datasets import Dataset, Item, Run
from app.schemas.records import Rejection, without_nul
from app.storage.datasets.datasets import find_dataset, read_items
from app.storage.datasets.runs import OpenAnswer, read_answers, read_runs
from app.storage.engine import reading, writing
from monitoring.experiments.answers import Answer
from monitoring.models import UNKNOWN_MODEL, Record

__all__ = ["router"]

router = APIRouter(prefix="/experiments", tags=["experiments"])


class _Prepared(NamedTuple):
    """The outputs of a body as calls to be scored, and how many items have none."""

    dataset: Dataset
    records: list[Record]
    repetitions: list[int]
    missing: int


@router.get("", **RUNS_SHOWN)
async def get_runs(
    connection: Reading,
    project: Project,
    dataset_id: Annotated[UUID | None, Query(description="Only runs over this dataset.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """List the runs of the project, the newest first."""
    return json_response(RunList(tuple(await read_runs(connection, project, dataset_id, limit=limit))))


@router.post("", **RUN_BODY)
async def post_run(request: Request, serving: Serving, project: Project) -> Response:
    """Score the outputs of a model for the items of a dataset, and keep the scores.

    The answer is 201 when all scores came in time, and otherwise 202 with the address of the run.
    """
    body = await read_struct(request, RunIn, limit=serving.settings.max_body_bytes)
    preference = read_preference(
        request.headers.getlist("prefer"), default_seconds=serving.settings.result_wait_seconds
    )
    prepared = await _prepare(serving, project, body)
    submission = await serving.ingest.accept(
        prepared.records, project_id=project, source="evaluate", wait_seconds=preference.wait_seconds
    )
    answers = _open(body, prepared, submission)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        run = await begin_run(connection, line, prepared.dataset, body.name, answers, prepared.missing)
    if len(submission.summaries) == len(answers):
        run = await _settled(serving, project, run)
    done = run.state == "done"
    headers = {"Location": f"/experiments/{run.run_id}"}
    if preference.applied:
        headers["Preference-Applied"] = preference.applied
    return json_response(run, HTTPStatus.CREATED if done else HTTPStatus.ACCEPTED, headers)


@router.get("/compare", **COMPARISON_SHOWN)
async def get_comparison(
    serving: Serving,
    project: Project,
    base: Annotated[str, Query(max_length=64, description="The id of a run, or `approved`.")],
    with_: Annotated[UUID, Query(alias="with", description="The run that is compared with it.")],
) -> Response:
    """Compare two runs of a dataset item by item: differences, intervals, and what they mean."""
    async with serving.readers.admit(project), reading(serving.engine) as connection:
        first, second, answers = await compare_runs(connection, project, base, with_)
    harms = [judge.name for judge in await read_judges(serving.redis) if judge.category == "safety"]
    found = await asyncio.to_thread(compared, first, second, answers, harms)
    return json_response(ComparisonOut(base=first, other=second, comparison=found))


@router.get("/{experiment_id}", **RUN_SHOWN)
async def get_run(connection: Reading, project: Project, experiment_id: UUID) -> Response:
    """Return a run with its figures, which are null until every output has its scores."""
    return json_response(await the_run(connection, project, experiment_id))


@router.get("/{experiment_id}/answers", **ANSWERS_SHOWN)
async def get_answers(
    connection: Reading,
    project: Project,
    experiment_id: UUID,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    cursor: Annotated[str | None, Query(max_length=256, description="`next` of the previous page.")] = None,
) -> Response:
    """Return the answers of a run with their scores in pages, by item and repetition."""
    await the_run(connection, project, experiment_id)
    after = _read_cursor(cursor)
    found = await read_answers(connection, project, experiment_id, after=after, limit=limit + 1)
    following = _write_cursor(found[limit - 1]) if len(found) > limit else None
    return json_response(AnswerPage(answers=tuple(found[:limit]), next=following))


@router.post("/{experiment_id}/approve", **RUN_SHOWN)
async def post_approval(
    request: Request, serving: Serving, project: Project, experiment_id: UUID
) -> Response:
    """Make a run the baseline of its dataset. The audit log keeps who did so."""
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        return json_response(await approve(connection, line, experiment_id))


@router.delete("/{experiment_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_run(request: Request, serving: Serving, project: Project, experiment_id: UUID) -> Response:
    """Remove a run that is not the approved baseline."""
    async with writing(serving.engine) as connection:
        await remove_run(connection, line_of(request, serving, project), experiment_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _write_cursor(answer: Answer) -> str:
    return f"{answer.repetition}:{answer.item_id}"


def _read_cursor(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return "", -1
    repetition, colon, item_id = cursor.partition(":")
    if not (colon and repetition.isascii() and repetition.isdigit() and len(repetition) < 6):  # noqa: PLR2004 of 10,000
        raise InvalidParameter("cursor: this cursor is not one that a page gave out.")
    return item_id, int(repetition)


async def _prepare(serving: Services, project: str, body: RunIn) -> _Prepared:
    async with serving.readers.admit(project), reading(serving.engine) as connection:
        dataset = await find_dataset(connection, project, body.dataset)
        if dataset is None or (body.version or 1) > dataset.version:
            which = "" if dataset is None else f" in version {body.version}"
            raise NotFound(f"This project has no dataset called {body.dataset}{which}.")
        dataset = msgspec.structs.replace(dataset, version=body.version or dataset.version)
        items = await read_items(connection, project, dataset.dataset_id, dataset.version)
    known = {item.item_id: item for item in items}
    unknown = [one.item_id for one in body.outputs if one.item_id not in known]
    if unknown:
        raise InvalidRecord(f"Version {dataset.version} of {dataset.name} has no item {unknown[0]}.")
    counted: Counter[str] = Counter()
    repetitions = []
    for one in body.outputs:
        repetitions.append(counted[one.item_id])
        counted[one.item_id] += 1
    records = [without_nul(_record(one, known, body)) for one in body.outputs]
    return _Prepared(dataset, records, repetitions, len(known.keys() - counted.keys()))


def _record(output: OutputIn, known: Mapping[str, Item], body: RunIn) -> Record:
    item = known[output.item_id]
    return Record(
        prompt=item.prompt,
        response=output.response,
        model_name=output.model_name or UNKNOWN_MODEL,
        context=item.context,
        reference=item.reference,
        error=output.error,
        metadata={"dataset": body.dataset, "run": body.name, "item": output.item_id},
    )


def _open(body: RunIn, prepared: _Prepared, submission: Submission) -> list[OpenAnswer]:
    return [
        OpenAnswer(
            item_id=one.item_id,
            repetition=repetition,
            trace_id=None if isinstance(outcome, Rejection) else outcome.trace_id,
            usable=bool(one.response.strip()) and not one.error,
            own=one.scores,
        )
        for one, repetition, outcome in zip(
            body.outputs, prepared.repetitions, submission.outcomes, strict=True
        )
    ]


async def _settled(serving: Services, project: str, run: Run) -> Run:
    """Keep the scores that are there already, so that a small run is answered at once."""
    judges = await read_judges(serving.redis)
    if not judges:
        return run
    async with writing(serving.engine) as connection:
        return await settle(connection, project, run.run_id, judges) or run
