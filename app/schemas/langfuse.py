"""What Langfuse's SDKs send beside spans, and what they are answered: field names are those of its public API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

__all__ = [
    "EventIn",
    "IngestionAnswer",
    "IngestionFailure",
    "IngestionIn",
    "IngestionSuccess",
    "ObservationIn",
    "ScoreFailure",
    "ScoreIn",
    "ScoreKept",
    "ScoresAccepted",
    "ScoresPartly",
    "TraceIn",
]

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Moment = Annotated[datetime, msgspec.Meta(tz=None)]


class ScoreIn(msgspec.Struct, kw_only=True, rename="camel"):
    """One score: `value` is a number, true or false, or a text, as `dataType` says (NUMERIC where it says nothing)."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    value: bool | float | str
    id: Id | None = None
    trace_id: Id | None = None
    observation_id: Id | None = None
    session_id: Id | None = None
    dataset_run_id: Id | None = None
    comment: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    data_type: str | None = None
    timestamp: Moment | None = None


class TraceIn(msgspec.Struct, kw_only=True, rename="camel"):
    """One trace, or what is new of it."""

    id: Id | None = None
    timestamp: Moment | None = None
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    tags: list[str] | None = None
    input: Any = None
    output: Any = None
    metadata: Any = None
    release: str | None = None
    version: str | None = None
    environment: str | None = None


class ObservationIn(msgspec.Struct, kw_only=True, rename="camel"):
    """One observation, or what is new of it: a generation, a span, an event, or what `type` says."""

    id: Id
    trace_id: Id | None = None
    parent_observation_id: Id | None = None
    type: str | None = None
    name: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    completion_start_time: Moment | None = None
    input: Any = None
    output: Any = None
    metadata: Any = None
    level: str | None = None
    status_message: str | None = None
    version: str | None = None
    environment: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    usage_details: dict[str, Any] | None = None
    cost_details: dict[str, Any] | None = None
    prompt_name: str | None = None


class EventIn(msgspec.Struct, kw_only=True):
    """One event of a batch; `type` says what its body is."""

    id: Id
    type: str
    body: dict[str, Any]
    timestamp: Moment | None = None


class IngestionIn(msgspec.Struct, kw_only=True):
    """A batch of events, each still as it was written."""

    batch: msgspec.Raw


class IngestionSuccess(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was taken."""

    id: str
    status: Literal[201] = 201


class IngestionFailure(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not taken, and why."""

    id: str
    status: Literal[400] = 400
    message: str
    error: str


class IngestionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each event of a batch."""

    successes: tuple[IngestionSuccess, ...]
    errors: tuple[IngestionFailure, ...]


class ScoreKept(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one score that was sent alone."""

    id: str


class ScoresAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a list of scores all of which were taken."""

    message: Literal["Accepted"] = "Accepted"


class ScoreFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why one score of a list was not taken; `message` names its place in the list, counted from 1."""

    message: str


class ScoresPartly(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a list of scores some of which were not taken."""

    accepted: int
    rejected: int
    errors: tuple[ScoreFailure, ...]
