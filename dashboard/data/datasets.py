"""What the pages of datasets and runs read, and how they add items through the API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.errors import InvalidParameter, NotFound
from app.experiments.datasets import the_dataset
from app.experiments.runs import APPROVED, compare_runs, compared
from app.schemas.datasets import Dataset, DatasetVersion, Item, Run
from app.storage.datasets.datasets import read_items, read_versions
from app.storage.datasets.overviews import DatasetOverview, RunOutput, read_outputs, read_overviews
from app.storage.datasets.runs import read_runs
from app.storage.engine import Connection
from dashboard.data.changes import Changes
from dashboard.data.queries import Queries
from monitoring.experiments.comparison import Comparison

__all__ = [
    "ITEMS_SHOWN",
    "ComparedRuns",
    "DatasetFound",
    "RunsFound",
    "read_compared",
    "read_dataset",
    "read_list",
    "read_run_list",
    "read_uuid",
    "save_items",
]

ITEMS_SHOWN: Final = 25
_CHANGED_SHOWN: Final = 10
_MOST_RUNS: Final = 200
_SECONDS: Final = 60.0


class DatasetFound(NamedTuple):
    """A dataset with its versions and runs, and a page of the items of one version."""

    dataset: Dataset
    versions: list[DatasetVersion]
    runs: list[Run]
    version: int
    items: list[Item]
    after: str | None


class RunsFound(NamedTuple):
    """The newest runs of a project, and its datasets by their ids."""

    runs: list[Run]
    datasets: Mapping[UUID, Dataset]


class ComparedRuns(NamedTuple):
    """Two runs, how they differ, and the items that changed most with both their outputs."""

    dataset: Dataset
    base: Run
    other: Run
    comparison: Comparison
    items: Mapping[str, Item]
    outputs: Sequence[RunOutput]


def read_uuid(text: str) -> UUID:
    """Return the id that an address names; raises InvalidParameter."""
    try:
        return UUID(text)
    except ValueError:
        raise InvalidParameter("This address names no dataset or run: choose one again.") from None


async def read_list(queries: Queries, project_id: str) -> list[DatasetOverview]:
    """Return the datasets of a project by their names."""
    return await queries.read(project_id, lambda connection: read_overviews(connection, project_id))


async def read_dataset(queries: Queries, project_id: str, fields: Mapping[str, str]) -> DatasetFound:
    """Return the dataset that the address names, with the items of `version` that follow `after`.

    Raises NotFound and InvalidParameter.
    """
    dataset_id = read_uuid(fields["dataset"])
    named = fields.get("version", "")

    async def ask(connection: Connection) -> DatasetFound:
        dataset = await the_dataset(connection, project_id, dataset_id)
        versions = await read_versions(connection, project_id, dataset_id)
        known = {str(one.version): one.version for one in versions}
        version = known.get(named, dataset.version)
        items = await read_items(
            connection,
            project_id,
            dataset_id,
            version,
            after=fields.get("after"),
            limit=ITEMS_SHOWN + 1,
        )
        runs = await read_runs(connection, project_id, dataset_id)
        following = items[ITEMS_SHOWN - 1].item_id if len(items) > ITEMS_SHOWN else None
        return DatasetFound(dataset, versions, runs, version, items[:ITEMS_SHOWN], following)

    return await queries.read(project_id, ask)


async def read_run_list(queries: Queries, project_id: str) -> RunsFound:
    """Return the newest runs of a project."""

    async def ask(connection: Connection) -> RunsFound:
        runs = await read_runs(connection, project_id, limit=_MOST_RUNS)
        overviews = await read_overviews(connection, project_id)
        return RunsFound(runs, {one.dataset.dataset_id: one.dataset for one in overviews})

    return await queries.read(project_id, ask)


async def read_compared(queries: Queries, project_id: str, fields: Mapping[str, str]) -> ComparedRuns:
    """Return how the run `other` of the address differs from `base`.

    Raises NotFound, InvalidParameter, and Conflict where they cannot be compared.
    """
    base = fields["base"] if fields["base"] == APPROVED else str(read_uuid(fields["base"]))
    other_id = read_uuid(fields["other"])
    first, second, answers = await queries.read(
        project_id, lambda connection: compare_runs(connection, project_id, base, other_id)
    )
    harms = [judge.name for judge in await queries.judges() if judge.category == "safety"]
    comparison = await asyncio.to_thread(compared, first, second, answers, harms)
    ids = [one.item_id for one in comparison.changed_most[:_CHANGED_SHOWN]]

    async def ask(connection: Connection) -> ComparedRuns:
        dataset = await the_dataset(connection, project_id, second.dataset_id)
        items = await read_items(connection, project_id, second.dataset_id, second.version, among=ids)
        outputs = await read_outputs(connection, project_id, [first.run_id, second.run_id], ids)
        known = {item.item_id: item for item in items}
        return ComparedRuns(dataset, first, second, comparison, known, outputs)

    return await queries.read(project_id, ask)


async def save_items(
    changes: Changes, project_id: str, dataset_id: UUID | None, name: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Add items to the dataset of an id, or else to that of a name, which is made if there is none.

    `body` is that of POST /datasets/{id}/items. Raises what the API refuses.
    """
    listed = (await changes.send("GET", "/datasets", project_id))["datasets"]
    if dataset_id is None:
        known = next((one for one in listed if one["name"] == name), None)
    else:
        known = next((one for one in listed if one["dataset_id"] == str(dataset_id)), None)
        if known is None:
            raise NotFound("This dataset was removed meanwhile.")
    path, whole = "/datasets", {"name": name, **body}
    if known is not None:
        path, whole = f"/datasets/{known['dataset_id']}/items", dict(body)
    answer: dict[str, Any] = await changes.send("POST", path, project_id, json=whole, timeout=_SECONDS)
    return answer
