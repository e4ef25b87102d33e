"""A project's policy as it is sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from monitoring.bounds import MOST_WEIGHT

__all__ = ["PolicyIn", "Threshold", "Weight"]

Threshold = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(ge=0, le=MOST_WEIGHT)]


class PolicyIn(BaseModel):
    """A project's own thresholds and weights by evaluator; what is left out is as for everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    thresholds: dict[str, Threshold] = {}
    weights: dict[str, Weight] = {}
