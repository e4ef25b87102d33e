"""The marks of a record: what was noticed, repaired or left out on its way."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["COUNTED_AS_OTHER", "Mark"]

COUNTED_AS_OTHER: Final = "other:"
"""How a mark begins that says which names of a trace are counted under `(other)`, because there were too many."""


class Mark(StrEnum):
    """What a mark says; records and rows keep it as plain text."""

    EMPTY_PROMPT = "empty_prompt"
    EMPTY_RESPONSE = "empty_response"
    INHERITED_SESSION = "inherited_session"
    """The session was named by a span around this one, or by the process, and not by itself."""
    INHERITED_USER = "inherited_user"
    """The same of the user."""
    INVALID_UNICODE_REPLACED = "invalid_unicode_replaced"
    NO_CONTENT = "no_content"
    """The texts of the call were not sent with it."""
    NO_SPAN = "no_span"
    """The texts came, and the span to which they belong never did."""
    NUL_REPLACED = "nul_replaced"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    """A number was left out, because it is negative, no number, or beyond its bound."""
    REDACTED = "redacted"
    """Something was replaced because the project does not keep personal data."""
    SCORED_IN_PART = "scored_in_part"
    """The texts were too long to be scored whole."""
    TEXT_DROPPED = "text_dropped"
    """The texts were taken out because the project does not keep personal data."""
    TEXT_NOT_SAMPLED = "text_not_sampled"
    """The texts were scored and not stored, because the project keeps those of a share of its records."""
    TRUNCATED = "truncated"
    """A recorded value was cut before it was sent."""
    UNRECOGNISED_SHAPE = "unrecognised_shape"
    """Messages came in a shape that no reader knows, and were kept as they came."""
    USAGE_EXCLUSIVE = "usage_exclusive"
    """The tokens of the prompt were told without those of the cache."""
