"""Filters for traces, and traces as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.errors import InvalidParameter
from app.filters import Filter, parse_filter
from app.filters.owners import with_stored_forms
from app.filters.parameters import filter_of
from app.filters.tokens import MOST_CHARACTERS
from app.review.standing import is_reviewed, verdicts_of
from app.schemas.columns import PROMISED_NAMES, UNSHOWN
from app.schemas.feedback import Feedback
from app.schemas.labels import Label
from app.schemas.listed import Filters, GivenScore, Restating
from app.schemas.traces import Trace
from monitoring.privacy.redaction import SESSION_ID, USER_ID, OwnId
from monitoring.statistics.trends import window_of

__all__ = ["CallQuery", "TraceQuery", "describe"]

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a name must not contain a NUL character")
    return text


def _bounded(moment: datetime) -> datetime:
    """Return an aware moment (UTC where no zone is given), within the range of record moments."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(aware, _EARLIEST), _LATEST)


Name = Annotated[str, Field(max_length=512), AfterValidator(_without_nul)]
Share = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[datetime, AfterValidator(_bounded)]


class CallQuery(BaseModel):
    """The parameters that choose calls.

    A parameter that is not listed here is refused, never ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["live", "evaluate", "import", "all"] = "live"
    model: Name | None = None
    user_id: Annotated[Name | None, Field(description="The id that was sent, or its pseudonym.")] = None
    session_id: Annotated[Name | None, Field(description="The id that was sent, or its pseudonym.")] = None
    template_id: Name | None = None
    topic: Name | None = None
    flag: Name | None = None
    is_safe: bool | None = None
    min_quality: Share | None = None
    max_quality: Share | None = None
    filter: Annotated[
        str | None,
        Field(
            max_length=MOST_CHARACTERS,
            description="Such as: quality < 0.5 and (flag = toxicity or metadata.team = search).",
        ),
    ] = None
    time_period: Annotated[str | None, Field(max_length=16, description="Instead of from and to.")] = None
    start: Annotated[Moment | None, Field(alias="from", description="Inclusive, RFC 3339.")] = None
    end: Annotated[Moment | None, Field(alias="to", description="Exclusive, RFC 3339.")] = None

    @model_validator(mode="after")
    def _refuse_two_periods(self) -> Self:
        if self.time_period is not None and (self.start or self.end):
            raise ValueError("give either time_period or from and to")
        return self

    def period(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the first moment and the end of the calls, None where the period is open.

        Raises InvalidParameter for an unknown period.
        """
        if self.time_period is None:
            return self.start, self.end
        try:
            window = window_of(self.time_period, now)
        except ValueError as error:
            raise InvalidParameter(
                f"time_period: {error}.", errors=[{"field": "time_period", "message": str(error)}]
            ) from error
        return window.start, window.end

    def chosen(self, now: datetime, stored_forms: Callable[[OwnId, str], tuple[str, ...]]) -> Filter:
        """Return the filter of the list: all parameters together.

        Raises InvalidParameter for an unknown period, or a filter that cannot be read.

        `stored_forms` returns the forms in which the id of a user or a session may be stored,
        because ids may become pseudonyms.
        """
        start, end = self.period(now)
        parameters = Filters(
            source=None if self.source == "all" else self.source,
            model=self.model,
            user_ids=() if self.user_id is None else stored_forms(USER_ID, self.user_id),
            session_ids=() if self.session_id is None else stored_forms(SESSION_ID, self.session_id),
            template_id=self.template_id,
            topic=self.topic,
            flag=self.flag,
            is_safe=self.is_safe,
            min_quality=self.min_quality,
            max_quality=self.max_quality,
            start=start,
            end=end,
        )
        return filter_of(parameters) & with_stored_forms(parse_filter(self.filter or ""), stored_forms)


class TraceQuery(CallQuery):
    """The parameters of GET /traces."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Field(max_length=64, description="`next` of the previous page.")] = None


def describe(
    trace: Trace,
    opinions: Sequence[Feedback],
    restating: Sequence[Restating] = (),
    given: Sequence[GivenScore] = (),
    labels: Sequence[Label] = (),
) -> dict[str, Any]:
    """Return a trace under the names of the contract, with all feedback on it.

    `cost_difference_usd` is the reported cost less the cost by our tables, where the former counts.
    `given_scores` came from other evaluators, and `labels` from people, the newest first.
    `verdicts` says by flag what people decided, and `reviewed` whether they decided all flags.
    `restated_by` holds the spans that restate the call, and so count nothing.
    """
    shown = {
        PROMISED_NAMES.get(name, name): value.hex() if isinstance(value, bytes) else value
        for name, value in msgspec.structs.asdict(trace).items()
        if name not in UNSHOWN
    }
    told, ours = trace.reported_cost_usd, trace.computed_cost_usd
    shown["cost_difference_usd"] = None if told is None or ours is None else told - ours
    return shown | {
        "feedback": opinions,
        "given_scores": given,
        "labels": labels,
        "reviewed": is_reviewed(trace, labels),
        "verdicts": verdicts_of(labels),
        "restated_by": restating,
    }
