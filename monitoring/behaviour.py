"""The evaluators whose labels say how a model behaves: their shares are watched by model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["CHANGED", "COUNTED_BY_MODEL", "REFUSAL"]

REFUSAL: Final = "refusal"
"""Its value is 1 for a refusal and 0 for an answer, so sums of it tell both shares."""
COUNTED_BY_MODEL: Final = ("response_form", "response_language")
"""Their labels are measures of rollups, such as `label:response_form:json`, and no dimension.

So they are known by model too, and no figures are kept for the calls with such a label.
"""
CHANGED: Final[Mapping[str, str]] = {
    "response_form": "The form of responses changed",
    "response_language": "The language of responses changed",
    REFUSAL: "The share of refusals changed",
}
"""What a change of the labels of each evaluator is called."""
