"""Making and changing datasets, each change with its version and its line in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from app.access.administration import Line, record
from app.access.identity import no_project
from app.errors import Conflict, InvalidRecord, NotFound
from app.schemas.datasets import (
    MOST_DATASETS,
    MOST_ITEMS,
    MOST_VERSIONS,
    Dataset,
    DatasetVersion,
    Item,
    content_id,
)
from app.schemas.traces import Trace
from app.storage.access.projects import lock_settings
from app.storage.datasets.datasets import (
    add_dataset,
    add_version,
    count_datasets,
    delete_dataset,
    end_items,
    find_dataset,
    put_items,
    read_dataset,
)
from app.storage.engine import Connection

__all__ = ["add_items", "item_of", "make_dataset", "remove_dataset", "remove_item", "the_dataset"]


async def the_dataset(connection: Connection, project_id: str, dataset_id: UUID) -> Dataset:
    """Return a dataset of a project; raises NotFound if there is none."""
    found = await read_dataset(connection, project_id, dataset_id)
    if found is None:
        raise NotFound(f"This project has no dataset {dataset_id}.")
    return found


async def make_dataset(connection: Connection, line: Line, name: str, items: Sequence[Item]) -> Dataset:
    """Make a dataset whose first version has these items.

    Raises NotFound when the project does not exist, and Conflict when it has a dataset of this name
    or too many datasets.
    """
    if await lock_settings(connection, line.project_id) is None:
        raise no_project(line.project_id)
    if await find_dataset(connection, line.project_id, name) is not None:
        raise Conflict(f"This project has a dataset called {name}: add items to it, or choose another name.")
    if await count_datasets(connection, line.project_id) >= MOST_DATASETS:
        raise Conflict(f"A project has at most {MOST_DATASETS} datasets: remove one first.")
    dataset = Dataset(
        dataset_id=uuid4(), name=name, version=0, items=0, approved_run=None, created_at=line.now
    )
    await add_dataset(connection, line.project_id, dataset)
    await _put(connection, line, dataset, items, "created")
    await record(connection, line, "dataset.created", str(dataset.dataset_id), name=name, items=len(items))
    return await the_dataset(connection, line.project_id, dataset.dataset_id)


async def add_items(connection: Connection, line: Line, dataset_id: UUID, items: Sequence[Item]) -> Dataset:
    """Add items, or replace those with the same ids, in a new version.

    Raises NotFound, and Conflict when the dataset would have too many items or versions.
    """
    dataset = await _locked(connection, line, dataset_id)
    if not items:
        raise InvalidRecord("There is no item to add.")
    await _put(connection, line, dataset, items, f"{len(items)} items added or replaced")
    await record(
        connection, line, "dataset.items_added", str(dataset_id), name=dataset.name, items=len(items)
    )
    return await the_dataset(connection, line.project_id, dataset_id)


async def remove_item(connection: Connection, line: Line, dataset_id: UUID, item_id: str) -> Dataset:
    """Leave an item out of a new version; earlier versions keep it. Raises NotFound."""
    dataset = await _locked(connection, line, dataset_id)
    version = _next(dataset)
    if not await end_items(connection, line.project_id, dataset_id, version, [item_id]):
        raise NotFound(f"The newest version of {dataset.name} has no item {item_id}.")
    change = DatasetVersion(
        version=version,
        change="1 item removed",
        items=dataset.items - 1,
        actor=line.actor,
        created_at=line.now,
    )
    await add_version(connection, line.project_id, dataset_id, change)
    await record(connection, line, "dataset.item_removed", str(dataset_id), name=dataset.name, item=item_id)
    return await the_dataset(connection, line.project_id, dataset_id)


async def remove_dataset(connection: Connection, line: Line, dataset_id: UUID) -> None:
    """Remove a dataset with its versions and runs; raises NotFound if there is none."""
    dataset = await _locked(connection, line, dataset_id)
    await delete_dataset(connection, line.project_id, dataset_id)
    await record(connection, line, "dataset.removed", str(dataset_id), name=dataset.name)


def item_of(trace: Trace) -> Item:
    """Return the item that a stored call makes: its prompt, context and reference.

    A call without a reference gives none, because nobody said that its response is right.
    """
    return Item(
        item_id=content_id(trace.prompt, trace.context, trace.reference),
        prompt=trace.prompt,
        reference=trace.reference,
        context=trace.context,
        trace_id=trace.trace_id,
    )


async def _locked(connection: Connection, line: Line, dataset_id: UUID) -> Dataset:
    """Return a dataset while nobody else changes datasets of the project; raises NotFound."""
    await lock_settings(connection, line.project_id)
    return await the_dataset(connection, line.project_id, dataset_id)


def _next(dataset: Dataset) -> int:
    if dataset.version >= MOST_VERSIONS:
        raise Conflict(f"A dataset has at most {MOST_VERSIONS} versions: make a new one from its items.")
    return dataset.version + 1


async def _put(
    connection: Connection, line: Line, dataset: Dataset, items: Sequence[Item], change: str
) -> None:
    version = _next(dataset)
    unique = {item.item_id: item for item in items}
    count = await put_items(connection, line.project_id, dataset.dataset_id, version, list(unique.values()))
    if count > MOST_ITEMS:
        raise Conflict(f"A dataset has at most {MOST_ITEMS} items: remove some first.")
    made = DatasetVersion(version=version, change=change, items=count, actor=line.actor, created_at=line.now)
    await add_version(connection, line.project_id, dataset.dataset_id, made)
