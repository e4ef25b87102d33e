"""Bodies of Langfuse's API, read event by event, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice
from typing import Final, NamedTuple
from uuid import uuid4

from fastapi import Response
from msgspec.structs import replace

from app.api.bodies import Body
from app.api.responses import json_response
from app.errors import InvalidRecord, MalformedBody, NotFound, NotOffered
from app.otlp.langfuse_events import Told, map_events, read_event
from app.otlp.langfuse_scores import map_score
from app.otlp.mapping import Mapped
from app.schemas.json_input import (
    NotJsonError,
    WrongShapeError,
    check_values,
    convert,
    read_mended,
    reader,
)
from app.schemas.langfuse import (
    EventIn,
    IngestionAnswer,
    IngestionFailure,
    IngestionIn,
    IngestionSuccess,
    ScoreFailure,
    ScoreIn,
    ScoreKept,
    ScoresAccepted,
    ScoresPartly,
)
from app.schemas.limits import MOST_RECORD_VALUES, MOST_VALUES, too_many
from app.schemas.lines import cut_array
from app.schemas.records import Rejection

__all__ = [
    "Score",
    "answer_events",
    "answer_scores",
    "missing_feature",
    "read_events",
    "read_scores",
]

_LISTED_ERRORS: Final = 1_000
_BLANK: Final = b" \t\r\n"
_read_batch = reader(IngestionIn)
_KEEP: Final = "keep them in Langfuse"
_READ: Final = "GET /traces, GET /metrics and GET /feedback tell what is stored"
_SAY: Final = "what people said goes to POST /feedback or POST /api/public/scores"
_DECIDE: Final = "GET /policy tells thresholds and weights"
_MANAGE: Final = "GET /projects tells of projects and keys"
# What is not there, and what to do instead, by the first word of the address.
_MISSING: Final = {
    "prompts": ("prompt management", "give get_prompt a fallback, or keep prompts in Langfuse"),
    "datasets": ("datasets", _KEEP),
    "dataset-items": ("items of datasets", _KEEP),
    "dataset-run-items": ("runs of datasets", _KEEP),
    "experiments": ("experiments", _KEEP),
    "experiment-items": ("items of experiments", _KEEP),
    "annotation-queues": ("annotation queues", _SAY),
    "comments": ("comments", _SAY),
    "media": ("storage of media", "a call has a placeholder with type and size in their place"),
    "models": ("definitions of models", "prices come from the price table"),
    "score-configs": ("definitions of scores", _DECIDE),
    "evaluators": ("definitions of evaluators", _DECIDE),
    "evaluation-rules": ("definitions of evaluators", _DECIDE),
    "llm-connections": ("connections to models", "applications call their models themselves"),
    "traces": ("reading traces in Langfuse's form", _READ),
    "observations": ("reading observations in Langfuse's form", _READ),
    "sessions": ("reading sessions in Langfuse's form", _READ),
    "scores": ("reading and deleting scores in Langfuse's form", _READ),
    "metrics": ("reading figures in Langfuse's form", _READ),
    "projects": ("administration of projects in Langfuse's form", _MANAGE),
    "organizations": ("organizations", _MANAGE),
}
_VERSIONS: Final = frozenset({"v1", "v2", "v3", "unstable"})


class Score(NamedTuple):
    """One score of a request: the id it goes by, and what becomes of it, or why nothing does."""

    id: str
    found: Mapped | str


def missing_feature(path: str) -> NotOffered | NotFound:
    """Return the refusal of an address of Langfuse's API that does not answer here; it names what is not there."""
    parts = islice(path.split("/"), 2)
    name = next((part for part in parts if part not in _VERSIONS), "")
    if name not in _MISSING:
        return NotFound("Nothing lives at this address; /docs lists what does.")
    what, instead = _MISSING[name]
    return NotOffered(f"This monitor has no {what}: {instead}.")


def read_scores(body: Body) -> tuple[list[Score], bool]:
    """Read one score or a list of them; tells whether it was a list.

    Raises MalformedBody, BodyTooLarge, and InvalidRecord for a score alone that cannot be kept.
    """
    content = body.content.lstrip(_BLANK)
    if content[:1] == b"[":
        return [_read_score(element) for element in cut_array(content)], True
    if not check_values(content, MOST_RECORD_VALUES):
        raise too_many("values", MOST_RECORD_VALUES)
    try:
        score = _take_score(content)
    except NotJsonError as error:
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error
    except WrongShapeError as error:
        raise InvalidRecord(
            f"The score was not taken: {error}.", errors=[{"field": error.field, "message": str(error)}]
        ) from error
    if isinstance(score.found, str):
        raise _refused(score.found)
    return [score], False


def _refused(message: str) -> InvalidRecord:
    return InvalidRecord(f"The score was not taken: {message}.", errors=[{"message": message}])


def _read_score(content: bytes) -> Score:
    try:
        return _take_score(content)
    except NotJsonError as error:
        return Score("", f"it is not valid JSON: {error}")
    except WrongShapeError as error:
        return Score("", f"{error.field}: {error}" if error.field else str(error))


def _take_score(content: bytes) -> Score:
    score = convert(read_mended(content), ScoreIn)
    if score.id is None:
        score = replace(score, id=str(uuid4()))
    return Score(str(score.id), map_score(score))


def answer_scores(scores: Sequence[Score], outcomes: Sequence[object], *, listed: bool) -> Response:
    """Return what Langfuse answers; `outcomes` are those of the scores that could be mapped, in their order.

    Raises InvalidRecord where the only score was not taken.
    """
    left = iter(outcomes)
    errors: list[str] = []
    for number, score in enumerate(scores, start=1):
        outcome = score.found if isinstance(score.found, str) else next(left)
        if isinstance(outcome, Rejection):
            outcome = outcome.message
        if isinstance(outcome, str):
            if not listed:
                raise _refused(outcome)
            errors.append(f"score {number}: {outcome}")
    if not listed:
        return json_response(ScoreKept(id=scores[0].id))
    if not errors:
        return json_response(ScoresAccepted(), HTTPStatus.ACCEPTED)
    answer = ScoresPartly(
        accepted=len(scores) - len(errors),
        rejected=len(errors),
        errors=tuple(ScoreFailure(message=message) for message in errors[:_LISTED_ERRORS]),
    )
    return json_response(answer, HTTPStatus.MULTI_STATUS)


def read_events(body: Body) -> list[Told]:
    """Read a batch of events; raises MalformedBody, InvalidRecord and BodyTooLarge for the batch alone."""
    if not check_values(body.content, MOST_VALUES):
        raise too_many("values", MOST_VALUES)
    try:
        batch = _read_batch(body.content).batch
    except NotJsonError as error:
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error
    except WrongShapeError as error:
        raise InvalidRecord(
            f"The batch was not taken: {error}.", errors=[{"field": error.field, "message": str(error)}]
        ) from error
    read = [read_event(element) for element in cut_array(bytes(batch))]
    unreadable = [one for one in read if isinstance(one, Told)]
    return [*unreadable, *map_events([one for one in read if isinstance(one, EventIn)])]


def answer_events(told: Sequence[Told], outcomes: Sequence[object]) -> Response:
    """Return 207 with what became of each event; `outcomes` are those of what could be mapped, in its order."""
    left = iter(outcomes)
    successes: list[IngestionSuccess] = []
    errors: list[IngestionFailure] = []
    for one in told:
        outcome = next(left) if isinstance(one.found, Mapped) else one.found
        if isinstance(outcome, Rejection):
            outcome = outcome.message
        for event in one.events:
            if isinstance(outcome, str):
                errors.append(IngestionFailure(id=event, message="Invalid event", error=outcome))
            else:
                successes.append(IngestionSuccess(id=event))
    answer = IngestionAnswer(successes=tuple(successes), errors=tuple(errors))
    return json_response(answer, HTTPStatus.MULTI_STATUS)
