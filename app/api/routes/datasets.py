"""Routes for datasets: named, versioned items that models answer in evaluations."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from app.api.administration import line_of, read_struct
from app.api.datasets import (
    DATASET_BODY,
    DATASET_SHOWN,
    DATASETS_SHOWN,
    ITEMS_BODY,
    ITEMS_SHOWN,
    DatasetIn,
    DatasetList,
    DatasetOut,
    ItemPage,
    ItemsIn,
)
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.responses import json_response
from app.errors import InvalidParameter, InvalidRecord, NotFound
from app.experiments.datasets import (
    add_items,
    item_of,
    make_dataset,
    remove_dataset,
    remove_item,
    the_dataset,
)
from app.jobs.kinds import JobKind
from app.schemas.datasets import MOST_CHANGED_ITEMS, Item
from app.schemas.ids import mint_many
from app.schemas.records import without_nul
from app.storage.datasets.datasets import read_datasets, read_items, read_versions
from app.storage.engine import reading, writing
from app.storage.evaluations.parts import list_ids
from app.storage.traces.reading import read_traces
from app.storage.upkeep.jobs import read_job
from monitoring.models import Record

__all__ = ["router"]

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.get("", **DATASETS_SHOWN)
async def get_datasets(connection: Reading, project: Project) -> Response:
    """List the datasets of the project, by their names."""
    return json_response(DatasetList(tuple(await read_datasets(connection, project))))


@router.post("", **DATASET_BODY)
async def post_dataset(request: Request, serving: Serving, project: Project) -> Response:
    """Make a dataset, with or without items. Its first version has them."""
    body = await read_struct(request, DatasetIn, limit=serving.settings.max_body_bytes)
    items = await _items(serving, project, body)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        dataset = await make_dataset(connection, line, body.name, items)
    return json_response(dataset, HTTPStatus.CREATED)


@router.get("/{dataset_id}", **DATASET_SHOWN)
async def get_dataset(connection: Reading, project: Project, dataset_id: UUID) -> Response:
    """Return a dataset with its versions, the newest first."""
    dataset = await the_dataset(connection, project, dataset_id)
    versions = await read_versions(connection, project, dataset_id)
    return json_response(DatasetOut(**msgspec.structs.asdict(dataset), versions=tuple(versions)))


@router.get("/{dataset_id}/items", **ITEMS_SHOWN)
async def get_items(
    connection: Reading,
    project: Project,
    dataset_id: UUID,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The newest without it.")] = None,
    split: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the previous page.")] = None,
) -> Response:
    """Return the items of a version in pages, by their ids."""
    dataset = await the_dataset(connection, project, dataset_id)
    chosen = version or dataset.version
    found = await read_items(
        connection, project, dataset_id, chosen, split=split, after=cursor, limit=limit + 1
    )
    following = found[limit - 1].item_id if len(found) > limit else None
    return json_response(ItemPage(version=chosen, items=tuple(found[:limit]), next=following))


@router.post("/{dataset_id}/items", **ITEMS_BODY)
async def post_items(request: Request, serving: Serving, project: Project, dataset_id: UUID) -> Response:
    """Add items, or replace those with the same ids. This makes a new version."""
    body = await read_struct(request, ItemsIn, limit=serving.settings.max_body_bytes)
    items = await _items(serving, project, body)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        dataset = await add_items(connection, line, dataset_id, items)
    return json_response(dataset, HTTPStatus.CREATED)


@router.delete("/{dataset_id}/items/{item_id}")
async def delete_item(
    request: Request, serving: Serving, project: Project, dataset_id: UUID, item_id: str
) -> Response:
    """Leave an item out of a new version. Earlier versions keep it."""
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        return json_response(await remove_item(connection, line, dataset_id, item_id))


@router.delete("/{dataset_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_dataset(request: Request, serving: Serving, project: Project, dataset_id: UUID) -> Response:
    """Remove a dataset with its versions and runs."""
    async with writing(serving.engine) as connection:
        await remove_dataset(connection, line_of(request, serving, project), dataset_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _items(serving: Services, project: str, body: ItemsIn) -> list[Item]:
    """Return the items of a body, without the personal data that the project does not want."""
    written = await _protected(serving, project, [one.to_item() for one in body.items])
    return [*written, *await _from_calls(serving, project, body)]


async def _from_calls(serving: Services, project: str, body: ItemsIn) -> list[Item]:
    wanted = list(dict.fromkeys(body.trace_ids))
    async with reading(serving.engine) as connection:
        if body.evaluation_id is not None:
            job = await read_job(connection, project, body.evaluation_id, JobKind.EVALUATE)
            if job is None:
                raise NotFound("There is no evaluation with this id.")
            if (job.total or 0) > MOST_CHANGED_ITEMS:
                raise InvalidParameter(
                    f"At most {MOST_CHANGED_ITEMS} calls are added at once, and this evaluation has {job.total}: "
                    "name the calls that you want as trace_ids."
                )
            wanted += await list_ids(connection, project, job.job_id, MOST_CHANGED_ITEMS)
        found = await read_traces(connection, project, wanted) if wanted else []
    unknown = set(wanted) - {trace.trace_id for trace in found}
    if unknown:
        raise NotFound(f"{len(unknown)} of {len(wanted)} calls are not stored: {min(unknown)}.")
    return [item_of(trace) for trace in found if trace.prompt]


async def _protected(serving: Services, project: str, items: list[Item]) -> list[Item]:
    records = [without_nul(_record(item)) for item in items]
    redaction = (await serving.projects.find(project)).redaction
    if redaction.on and items:
        serving.privacy.require(redaction)
        named = dict(zip(mint_many(0, len(items)), records, strict=True))
        kept = await asyncio.to_thread(serving.privacy.protect, project, redaction, named)
        if len(kept) < len(named):
            raise InvalidRecord("Personal data could not be taken out of an item, so nothing was added.")
        records = [kept[trace_id].record for trace_id in named]
    return [
        msgspec.structs.replace(
            item,
            prompt=record.prompt,
            context=record.context,
            reference=record.reference,
            metadata=record.metadata,
        )
        for item, record in zip(items, records, strict=True)
    ]


def _record(item: Item) -> Record:
    return Record(
        prompt=item.prompt,
        response="",
        context=item.context,
        reference=item.reference,
        metadata=item.metadata,
    )
