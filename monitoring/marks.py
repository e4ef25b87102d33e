"""The marks of a record: what was noticed, repaired or left out when it was read."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["COUNTED_AS_OTHER", "Mark"]

COUNTED_AS_OTHER: Final = "other:"
"""The beginning of a mark that names values of a trace which count under `(other)`.

They count there because the cap of the day was reached.
"""


class Mark(StrEnum):
    """What a mark says; records and rows hold it as plain text."""

    EMPTY_PROMPT = "empty_prompt"
    EMPTY_RESPONSE = "empty_response"
    INHERITED_SESSION = "inherited_session"
    """The conversation comes from a span around this one, or from the process."""
    INHERITED_USER = "inherited_user"
    """The user comes from a span around this one, or from the process."""
    INVALID_UNICODE_REPLACED = "invalid_unicode_replaced"
    NO_CONTENT = "no_content"
    """The texts of the call were not sent with it."""
    NO_SPAN = "no_span"
    """The texts arrived, but the span that they belong to never did."""
    NUL_REPLACED = "nul_replaced"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    """A number was left out because it is negative, not a number, or beyond its bound."""
    REDACTED = "redacted"
    """Something was redacted because the project does not keep personal data."""
    SCORED_IN_PART = "scored_in_part"
    """The texts were too long to be scored in full."""
    TEXT_DROPPED = "text_dropped"
    """The texts were removed because the project does not keep personal data."""
    TEXT_NOT_SAMPLED = "text_not_sampled"
    """The texts were scored but not stored, because the project stores only a share of them."""
    TRUNCATED = "truncated"
    """The sender cut a recorded value."""
    UNRECOGNISED_SHAPE = "unrecognised_shape"
    """Messages came in a shape that no reader knows, and were stored as they came."""
    USAGE_EXCLUSIVE = "usage_exclusive"
    """The reported prompt tokens do not include the cached tokens."""
