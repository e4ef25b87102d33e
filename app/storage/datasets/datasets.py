"""The rows of datasets, their versions and their items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.schemas.datasets import Dataset, DatasetVersion, Item
from app.storage.tables import dataset_items, dataset_versions, datasets, run_answers, runs

__all__ = [
    "add_dataset",
    "add_version",
    "approve_run",
    "count_datasets",
    "delete_dataset",
    "end_items",
    "find_dataset",
    "find_items",
    "put_items",
    "read_dataset",
    "read_datasets",
    "read_items",
    "read_versions",
]

_items = dataset_items.c
_ITEM = [_items[name] for name in Item.__struct_fields__]


def _of(project_id: str, dataset_id: UUID) -> ColumnElement[bool]:
    return (datasets.c.project_id == project_id) & (datasets.c.dataset_id == dataset_id)


def _select(project_id: str) -> Select[tuple[object, ...]]:
    join = (
        (dataset_versions.c.project_id == datasets.c.project_id)
        & (dataset_versions.c.dataset_id == datasets.c.dataset_id)
        & (dataset_versions.c.version == datasets.c.version)
    )
    shown = [datasets.c[name] for name in Dataset.__struct_fields__ if name != "items"]
    return (
        select(*shown, func.coalesce(dataset_versions.c["items"], 0).label("items"))
        .outerjoin(dataset_versions, join)
        .where(datasets.c.project_id == project_id)
    )


async def read_datasets(connection: AsyncConnection, project_id: str) -> list[Dataset]:
    """Return the datasets of a project by their names."""
    rows = await connection.execute(_select(project_id).order_by(datasets.c.name))
    return [Dataset(**row._asdict()) for row in rows]


async def read_dataset(connection: AsyncConnection, project_id: str, dataset_id: UUID) -> Dataset | None:
    """Return a dataset, None if there is none."""
    row = (await connection.execute(_select(project_id).where(_of(project_id, dataset_id)))).first()
    return Dataset(**row._asdict()) if row else None


async def find_dataset(connection: AsyncConnection, project_id: str, name: str) -> Dataset | None:
    """Return the dataset of this name, None if there is none."""
    row = (await connection.execute(_select(project_id).where(datasets.c.name == name))).first()
    return Dataset(**row._asdict()) if row else None


async def count_datasets(connection: AsyncConnection, project_id: str) -> int:
    """Return how many datasets a project has."""
    counted = select(func.count()).select_from(datasets).where(datasets.c.project_id == project_id)
    return (await connection.execute(counted)).scalar_one()


async def add_dataset(connection: AsyncConnection, project_id: str, dataset: Dataset) -> None:
    """Store a new dataset without items or versions."""
    values = {name: value for name, value in msgspec.structs.asdict(dataset).items() if name != "items"}
    await connection.execute(insert(datasets).values(project_id=project_id, **values))


async def add_version(
    connection: AsyncConnection, project_id: str, dataset_id: UUID, version: DatasetVersion
) -> None:
    """Store a version, which becomes the newest one of its dataset."""
    values = msgspec.structs.asdict(version)
    await connection.execute(
        insert(dataset_versions).values(project_id=project_id, dataset_id=dataset_id, **values)
    )
    await connection.execute(
        update(datasets).where(_of(project_id, dataset_id)).values(version=version.version)
    )


async def read_versions(
    connection: AsyncConnection, project_id: str, dataset_id: UUID
) -> list[DatasetVersion]:
    """Return the versions of a dataset, the newest first."""
    rows = await connection.execute(
        select(*[dataset_versions.c[name] for name in DatasetVersion.__struct_fields__])
        .where(dataset_versions.c.project_id == project_id, dataset_versions.c.dataset_id == dataset_id)
        .order_by(dataset_versions.c.version.desc())
    )
    return [DatasetVersion(**row._asdict()) for row in rows]


def _at(project_id: str, dataset_id: UUID, version: int) -> ColumnElement[bool]:
    return (
        (_items.project_id == project_id)
        & (_items.dataset_id == dataset_id)
        & (_items.since <= version)
        & or_(_items.until.is_(None), _items.until > version)
    )


async def read_items(
    connection: AsyncConnection,
    project_id: str,
    dataset_id: UUID,
    version: int,
    *,
    split: str | None = None,
    after: str | None = None,
    limit: int | None = None,
    among: Sequence[str] | None = None,
) -> list[Item]:
    """Return the items of a version by their ids, from the one after `after` on.

    With `among`, only items with these ids are returned.
    """
    wanted = select(*_ITEM).where(_at(project_id, dataset_id, version)).order_by(_items.item_id)
    if split is not None:
        wanted = wanted.where(_items.split == split)
    if after is not None:
        wanted = wanted.where(_items.item_id > after)
    if among is not None:
        wanted = wanted.where(_items.item_id.in_(among))
    rows = await connection.execute(wanted.limit(limit) if limit is not None else wanted)
    return [_item(row) for row in rows]


def _item(row: Row[Any]) -> Item:
    return msgspec.convert(dict(zip(Item.__struct_fields__, row, strict=True)), Item)


async def find_items(
    connection: AsyncConnection, project_id: str, dataset: Dataset, items: Sequence[Item]
) -> list[Item]:
    """Return those items of the newest version that have the id or the call of one of `items`."""
    ids = [item.item_id for item in items]
    calls = [item.trace_id for item in items if item.trace_id is not None]
    among = _items.item_id.in_(ids) | _items.trace_id.in_(calls)
    rows = await connection.execute(
        select(*_ITEM).where(_at(project_id, dataset.dataset_id, dataset.version), among)
    )
    return [_item(row) for row in rows]


async def end_items(
    connection: AsyncConnection, project_id: str, dataset_id: UUID, version: int, item_ids: Sequence[str]
) -> int:
    """Let items end with the version before this one; returns how many there were."""
    ended = await connection.execute(
        update(dataset_items)
        .where(_at(project_id, dataset_id, version), _items.until.is_(None), _items.item_id.in_(item_ids))
        .values(until=version)
        .returning(_items.item_id)
    )
    return len(ended.all())


async def put_items(
    connection: AsyncConnection, project_id: str, dataset_id: UUID, version: int, items: Sequence[Item]
) -> int:
    """Store items as they are from this version on; returns the number of items of the version."""
    await end_items(connection, project_id, dataset_id, version, [item.item_id for item in items])
    whole = {"project_id": project_id, "dataset_id": dataset_id, "since": version}
    if items:
        await connection.execute(
            insert(dataset_items), [whole | msgspec.structs.asdict(item) for item in items]
        )
    counted = select(func.count()).select_from(dataset_items).where(_at(project_id, dataset_id, version))
    return (await connection.execute(counted)).scalar_one()


async def approve_run(connection: AsyncConnection, project_id: str, dataset_id: UUID, run_id: UUID) -> None:
    """Make a run the baseline of its dataset."""
    await connection.execute(update(datasets).where(_of(project_id, dataset_id)).values(approved_run=run_id))


async def delete_dataset(connection: AsyncConnection, project_id: str, dataset_id: UUID) -> None:
    """Delete a dataset with its versions, items, runs and their answers."""
    gone = select(runs.c.run_id).where(runs.c.project_id == project_id, runs.c.dataset_id == dataset_id)
    await connection.execute(
        delete(run_answers).where(run_answers.c.project_id == project_id, run_answers.c.run_id.in_(gone))
    )
    for table in (runs, dataset_items, dataset_versions, datasets):
        await connection.execute(
            delete(table).where(table.c.project_id == project_id, table.c.dataset_id == dataset_id)
        )
