"""Datasets and runs over them: items that a model answers, versions, and what a run amounts to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.schemas.keys import NAME_PATTERN
from monitoring.experiments.answers import RunFigures

__all__ = [
    "MOST_CALLS",
    "MOST_DATASETS",
    "MOST_ITEMS",
    "MOST_OUTPUTS",
    "MOST_RUNS",
    "MOST_VERSIONS",
    "Dataset",
    "DatasetName",
    "DatasetVersion",
    "Item",
    "ItemId",
    "Reference",
    "Run",
    "RunState",
    "content_id",
]

MOST_DATASETS: Final = 100
"""Datasets of one project."""
MOST_ITEMS: Final = 10_000
"""Items of one version."""
MOST_CALLS: Final = 1_000
"""Stored calls from which one request makes items."""
MOST_VERSIONS: Final = 1_000
"""Versions of one dataset."""
MOST_OUTPUTS: Final = 10_000
"""Outputs of one run, with their repetitions."""
MOST_RUNS: Final = 1_000
"""Runs of one project."""

ItemId = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
DatasetName = Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME_PATTERN)]
Reference = Literal["recorded", "response", "none"]
RunState = Literal["running", "done"]


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a dataset.

    `reference` is the expected output, `context` holds passages that the answer should rest on, and
    `split` names a part of the dataset, such as `test`. `trace_id` is the call from which the item
    was made.
    """

    item_id: ItemId
    prompt: str
    reference: str | None = None
    context: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    split: Annotated[str, Meta(max_length=80)] | None = None
    trace_id: UUID | None = None


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as it is now: its newest version, the number of its items, and its baseline."""

    dataset_id: UUID
    name: str
    version: int
    items: int
    approved_run: UUID | None
    created_at: datetime


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version: what changed, how many items it has, who made it, and when."""

    version: int
    change: str
    items: int
    actor: str
    created_at: datetime


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run over one version of a dataset.

    `total` outputs were sent, of which `done` have their scores. `missing` items have no output.
    `figures` are null until all are scored.
    """

    run_id: UUID
    dataset_id: UUID
    version: int
    name: str
    state: RunState
    total: int
    done: int
    missing: int
    figures: RunFigures | None
    actor: str
    created_at: datetime


def content_id(prompt: str, context: Sequence[str] = (), reference: str | None = None) -> str:
    """Return the id of an item that has none of its own; the same content gives the same id."""
    content = msgspec.json.encode([prompt, list(context), reference])
    return hashlib.blake2b(content, digest_size=12).hexdigest()
