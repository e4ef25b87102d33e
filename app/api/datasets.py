"""Datasets and runs in the form that the API accepts and shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.api.descriptions import json_body, shown
from app.api.traces import CallQuery
from app.errors import InvalidRecord
from app.filters.tokens import MOST_CHARACTERS
from app.schemas.datasets import (
    MOST_CALLS,
    MOST_ITEMS,
    MOST_OUTPUTS,
    Dataset,
    DatasetName,
    DatasetVersion,
    Item,
    ItemId,
    Reference,
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
    "CallsIn",
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


class CallsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stored calls that are chosen as in `GET /traces`: the newest `limit` that a filter lets pass.

    `time_period` stands in place of `from` and `to`.
    """

    filter: Annotated[str, Meta(max_length=MOST_CHARACTERS)] = ""
    source: Literal["live", "evaluate", "import", "all"] = "live"
    time_period: Annotated[str, Meta(max_length=16)] | None = None
    start: datetime | None = msgspec.field(name="from", default=None)
    end: datetime | None = msgspec.field(name="to", default=None)
    limit: Annotated[int, Meta(ge=1, le=MOST_CALLS)] = 100

    def to_query(self) -> CallQuery:
        """Return the parameters of GET /traces; raises InvalidRecord for two periods."""
        if self.time_period is not None and (self.start or self.end):
            raise InvalidRecord("calls: give either time_period or from and to.")
        return CallQuery.model_validate(
            {
                "source": self.source,
                "filter": self.filter or None,
                "time_period": self.time_period,
                "from": self.start,
                "to": self.end,
            }
        )


class ItemsIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is added to a dataset.

    `items` are added as they are. Items are also made from stored calls: from `trace_ids`, from
    those that `calls` chooses, and from those of the evaluation `evaluation_id`. `reference` says
    what their expected output is: the reference that was recorded with the call, its response, or
    none. `corrections` holds expected outputs that are better than these, by the id of the call.
    """

    items: Annotated[tuple[ItemIn, ...], Meta(max_length=MOST_ITEMS)] = ()
    trace_ids: Annotated[tuple[UUID, ...], Meta(max_length=MOST_CALLS)] = ()
    calls: CallsIn | None = None
    evaluation_id: UUID | None = None
    reference: Reference = "recorded"
    corrections: Annotated[dict[UUID, str], Meta(max_length=MOST_CALLS)] = {}


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
ITEMS_BODY = json_body(
    "ItemsIn",
    {201: ("Dataset", "A new version was made"), 200: ("Dataset", "The dataset had all of these items")},
)
RUNS_SHOWN = shown("RunList", "Runs")
RUN_SHOWN = shown("Run", "The run and its figures")
RUN_BODY = json_body("RunIn", {201: ("Run", "Scored"), 202: ("Run", "Queued; Location says where it is")})
ANSWERS_SHOWN = shown("AnswerPage", "Answers with their scores")
COMPARISON_SHOWN = shown("ComparisonOut", "How the runs differ")
