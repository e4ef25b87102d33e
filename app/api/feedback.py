"""Feedback as clients send it and as the answer confirms it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import Depends, Request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from app.api.dependencies import Serving
from app.api.models import read_model
from app.schemas.feedback import Feedback
from app.schemas.ids import mint
from monitoring.privacy.redaction import without_pseudonyms

__all__ = ["FeedbackIn", "FeedbackOut", "Opinion"]

_UP, _DOWN = 5, 1
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def _storable(text: str) -> str:
    """Replace the characters that Postgres cannot store."""
    return text.replace("\0", _REPLACEMENT)


Text = Annotated[str, AfterValidator(_storable)]
Category = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_storable)]


class FeedbackIn(BaseModel):
    """One opinion: a rating from 1 (bad) to 5 (good), or a thumb. Up counts as 5 and down as 1.

    The call is named by its trace id, or by the id that the client sent with the record.
    """

    model_config = ConfigDict(frozen=True)

    trace_id: UUID | None = None
    client_id: Annotated[Text, Field(min_length=1, max_length=512)] | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    thumbs: Literal["up", "down"] | None = None
    comment: Annotated[Text, Field(max_length=10_000)] | None = None
    user_id: Annotated[Text, Field(max_length=512)] | None = None
    categories: Annotated[tuple[Category, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _require_one_verdict(self) -> Self:
        if (self.rating is None) == (self.thumbs is None):
            raise ValueError("give either rating (1 to 5) or thumbs (up or down)")
        return self

    @model_validator(mode="after")
    def _require_one_call(self) -> Self:
        if (self.trace_id is None) == (self.client_id is None):
            raise ValueError("give either trace_id or client_id, the id that was sent with the record")
        return self

    def to_feedback(self, trace_id: UUID, now: datetime) -> Feedback:
        """Return the feedback about a trace as it is stored, under a fresh id."""
        rating = self.rating
        if rating is None:
            rating = _UP if self.thumbs == "up" else _DOWN
        return Feedback(
            feedback_id=mint(int(now.timestamp() * 1000)),
            trace_id=trace_id,
            rating=rating,
            comment=self.comment,
            user_id=self.user_id,
            categories=tuple(dict.fromkeys(self.categories)),
            created_at=now,
        )


async def read_opinion(request: Request, serving: Serving) -> FeedbackIn:
    """Read one opinion, under the same rules for bodies as records.

    Raises RequestValidationError.
    """
    return await read_model(request, FeedbackIn, limit=serving.settings.max_body_bytes)


Opinion = Annotated[FeedbackIn, Depends(read_opinion)]


class FeedbackOut(BaseModel):
    """One opinion as it is stored."""

    model_config = ConfigDict(frozen=True)

    feedback_id: UUID
    trace_id: UUID
    rating: int
    comment: str | None
    user_id: str | None
    categories: tuple[str, ...]
    created_at: AwareDatetime

    @classmethod
    def of(cls, opinion: Feedback) -> Self:
        """Return the confirmation of stored feedback.

        In it the sender sees the ids that it sent.
        """
        return cls(
            feedback_id=opinion.feedback_id,
            trace_id=opinion.trace_id,
            rating=opinion.rating,
            comment=opinion.comment and without_pseudonyms(opinion.comment),
            user_id=opinion.user_id and without_pseudonyms(opinion.user_id),
            categories=tuple(map(without_pseudonyms, opinion.categories)),
            created_at=opinion.created_at,
        )
