"""Routes for datasets: named, versioned items that models answer in evaluations."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response

from app.api.administration import line_of, read_struct
from app.api.dataset_items import items_of
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
from app.api.dependencies import Project, Reading, Serving
from app.api.responses import json_response
from app.experiments.datasets import (
    add_items,
    make_dataset,
    remove_dataset,
    remove_item,
    the_dataset,
)
from app.storage.datasets.datasets import read_datasets, read_items, read_versions
from app.storage.engine import writing

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
    items = await items_of(serving, project, body)
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
    """Add items, or replace those with the same ids. This makes a new version.

    Where the dataset has all of them as they are, no version is made, and the answer is 200.
    """
    body = await read_struct(request, ItemsIn, limit=serving.settings.max_body_bytes)
    items = await items_of(serving, project, body)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        added = await add_items(connection, line, dataset_id, items)
    return json_response(added.dataset, HTTPStatus.CREATED if added.changed else HTTPStatus.OK)


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
