"""Datasets and runs in the form that the API accepts and shows."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from app.api.descriptions import json_body, shown
from app.schemas.datasets import (
    MOST_CHANGED_ITEMS,
    MOST_OUTPUTS,
    Dataset,
    DatasetName,
    DatasetVersion,
    Item,
    ItemId,
    Run,
    content_id,
)
from app.schemas.keys import NAME_PATTERN
from monitoring.experiments.answers import Answer
from monitoring.experiments.comparison import Comparison

__all__ = [
    "ANSWERS_SHOWN",
    "COMPARISON_SHOWN",
    "DATASETS_SHOWN",
    "DATASET_BODY",
    "DATASET_SHOWN",
    "ITEMS_BODY",
    "ITEMS_SHOWN",
    "RUNS_SHOWN",
    "RUN_BODY",
    "RUN_SHOWN",
    "STRUCTS",
    "AnswerPage",
    "ComparisonOut",
    "DatasetIn",
    "DatasetList",
    "DatasetOut",
    "ItemPage",
    "ItemsIn",
    "OutputIn",
    "RunIn",
    "RunList",
]

Name = Annotated[str, Meta(max_length=512)]
ScoreName = Annotated[str, Meta(min_length=1, max_length=128, pattern=NAME_PATTERN)]


class ItemIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item to be added. Without `item_id`, its content is its id."""

    prompt: str
    item_id: ItemId | None = None
    reference: str | None = None
    context: str | list[str] | None = None
    metadata: dict[str, Any] = {}
    split: Annotated[str, Meta(max_length=80)] | None = None

    def to_item(self) -> Item:
        """Return the item as it is kept."""
        given = self.context if self.context is not None else ()
        context = (given,) if isinstance(given, str) else tuple(given)
        return Item(
            item_id=self.item_id or content_id(self.prompt, context, self.reference),
            prompt=self.prompt,
            reference=self.reference,
            context=context,
            metadata=self.metadata,
            split=self.split,
        )


class ItemsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is added to a dataset.

    `items` are added as they are. `trace_ids` are stored calls, and `evaluation_id` is an
    evaluation, from whose calls items are made.
    """

    items: Annotated[tuple[ItemIn, ...], Meta(max_length=MOST_CHANGED_ITEMS)] = ()
    trace_ids: Annotated[tuple[UUID, ...], Meta(max_length=MOST_CHANGED_ITEMS)] = ()
    evaluation_id: UUID | None = None


class DatasetIn(ItemsIn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset to be made, with its first items."""

    name: DatasetName


class DatasetList(msgspec.Struct, frozen=True):
    """The datasets of a project, by their names."""

    datasets: tuple[Dataset, ...]


class DatasetOut(Dataset, frozen=True, kw_only=True):
    """A dataset with its versions, the newest first."""

    versions: tuple[DatasetVersion, ...]


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Items of a version by their ids. `next` is the value of `cursor` for the next page."""

    version: int
    items: tuple[Item, ...]
    next: str | None


class OutputIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model answered to an item. Several outputs for one item are repetitions.

    `scores` are scores of the sender's own, by name. `error` says why there is no output.
    """

    item_id: ItemId
    response: str = ""
    model_name: Name | None = None
    error: str | None = None
    scores: Annotated[dict[ScoreName, float], Meta(max_length=64)] = {}


class RunIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run: the outputs of a model for the items of a dataset.

    `dataset` is the name of the dataset. Without `version`, the newest one is answered.
    """

    name: DatasetName
    dataset: DatasetName
    outputs: Annotated[tuple[OutputIn, ...], Meta(min_length=1, max_length=MOST_OUTPUTS)]
    version: Annotated[int, Meta(ge=1)] | None = None


class RunList(msgspec.Struct, frozen=True):
    """Runs, the newest first."""

    experiments: tuple[Run, ...]


class AnswerPage(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of a run by item. `next` is the value of `cursor` for the next page."""

    answers: tuple[Answer, ...]
    next: str | None


class ComparisonOut(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs, and how the second one differs from the first."""

    base: Run
    other: Run
    comparison: Comparison


STRUCTS = (
    DatasetIn,
    DatasetList,
    DatasetOut,
    ItemsIn,
    ItemPage,
    RunIn,
    RunList,
    Run,
    AnswerPage,
    ComparisonOut,
)
"""The bodies of these routes that msgspec reads or writes."""

DATASETS_SHOWN = shown("DatasetList", "Datasets")
DATASET_SHOWN = shown("DatasetOut", "The dataset with its versions")
DATASET_BODY = json_body("DatasetIn", {201: ("Dataset", "Made")})
ITEMS_SHOWN = shown("ItemPage", "Items of a version")
ITEMS_BODY = json_body("ItemsIn", {201: ("Dataset", "A new version was made")})
RUNS_SHOWN = shown("RunList", "Runs")
RUN_SHOWN = shown("Run", "The run and its figures")
RUN_BODY = json_body("RunIn", {201: ("Run", "Scored"), 202: ("Run", "Queued; Location says where it is")})
ANSWERS_SHOWN = shown("AnswerPage", "Answers with their scores")
COMPARISON_SHOWN = shown("ComparisonOut", "How the runs differ")
