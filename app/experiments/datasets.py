"""Making and changing datasets, each change with its version and its line in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from msgspec.structs import replace

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
    Reference,
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
    find_items,
    put_items,
    read_dataset,
)
from app.storage.engine import Connection

__all__ = [
    "Added",
    "add_items",
    "item_of",
    "make_dataset",
    "remove_dataset",
    "remove_item",
    "the_dataset",
]


class Added(NamedTuple):
    """A dataset after items were added, and how many of them were new or different."""

    dataset: Dataset
    changed: int


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


async def add_items(connection: Connection, line: Line, dataset_id: UUID, items: Sequence[Item]) -> Added:
    """Add items, or replace those with the same ids, in a new version.

    An item that the dataset has already makes no version, and neither does one that was made from
    the same call and says the same. Raises NotFound, and Conflict when the dataset would have too
    many items or versions.
    """
    dataset = await _locked(connection, line, dataset_id)
    if not items:
        raise InvalidRecord("There is no item to add.")
    known = await find_items(connection, line.project_id, dataset, items)
    changed, added = _changes(known, items)
    if changed:
        await _put(connection, line, dataset, changed, _told(added, len(changed) - added))
        await record(
            connection, line, "dataset.items_added", str(dataset_id), name=dataset.name, items=len(changed)
        )
    return Added(await the_dataset(connection, line.project_id, dataset_id), len(changed))


def _changes(known: Sequence[Item], items: Sequence[Item]) -> tuple[list[Item], int]:
    """Return the items that a dataset does not have as they are, and how many of them are new.

    An item made from a call takes the place of the one that was made from it before.
    """
    by_id = {item.item_id: item for item in known}
    by_call = {item.trace_id: item.item_id for item in known if item.trace_id is not None}
    changed: dict[str, Item] = {}
    for item in items:
        item_id = by_call.get(item.trace_id, item.item_id) if item.trace_id else item.item_id
        before = by_id.get(item_id)
        # An item that is rewritten is erased with the call that it was made from, as before.
        trace_id = item.trace_id if before is None else before.trace_id or item.trace_id
        placed = replace(item, item_id=item_id, trace_id=trace_id)
        changed.pop(item_id, None)
        if placed != before:
            changed[item_id] = placed
    return list(changed.values()), sum(item_id not in by_id for item_id in changed)


def _told(added: int, replaced: int) -> str:
    """Return what a version changes, such as `2 items added, 1 replaced`."""
    whole = f"{added or replaced} item{'' if (added or replaced) == 1 else 's'}"
    if not added:
        return f"{whole} replaced"
    return f"{whole} added, {replaced} replaced" if replaced else f"{whole} added"


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


def item_of(trace: Trace, reference: Reference = "recorded", correction: str | None = None) -> Item | None:
    """Return the item that a stored call makes, None for a call that can make none.

    A call without a prompt makes none, and with the reference `response` one that failed or is
    empty neither. A `correction` is the expected output whatever `reference` says.
    """
    answered = bool(trace.response.strip()) and trace.error is None
    if not trace.prompt or (reference == "response" and correction is None and not answered):
        return None
    taken = {"recorded": trace.reference, "response": trace.response, "none": None}[reference]
    expected = taken if correction is None else correction
    return Item(
        item_id=content_id(trace.prompt, trace.context, expected),
        prompt=trace.prompt,
        reference=expected,
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
