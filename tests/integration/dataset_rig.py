"""A dataset with a run, as tests need them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from app.access.administration import Line
from app.experiments.datasets import make_dataset
from app.experiments.runs import begin_run
from app.schemas.datasets import Item
from app.storage.datasets.runs import OpenAnswer
from app.storage.engine import Engine, writing

__all__ = ["NO_DATASET", "give_dataset"]

NO_DATASET: Mapping[str, str] = {
    "dataset_id": "5e9d8cbe-7e5e-4d5c-9be9-444444444444",
    "dataset_name": "none of this name",
    "item_id": "a",
    "experiment_id": "5e9d8cbe-7e5e-4d5c-9be9-555555555555",
}


async def give_dataset(engine: Engine, project_id: str) -> Mapping[str, str]:
    """Give a project a dataset with the item `a`, and a run that waits for its scores."""
    line = Line(project_id, "test", datetime.now(UTC))
    async with writing(engine) as connection:
        name = f"dataset {uuid4()}"
        dataset = await make_dataset(connection, line, name, [Item(item_id="a", prompt="hello")])
        run = await begin_run(connection, line, dataset, "a run", [OpenAnswer("a", 0, None, True, {})], 0)  # noqa: FBT003 a row
    return {
        "dataset_id": str(dataset.dataset_id),
        "dataset_name": name,
        "item_id": "a",
        "experiment_id": str(run.run_id),
    }
