"""Why a span counts nothing, in words: it tells once more of a call that counts."""

from __future__ import annotations

from app.schemas.spans import BARE, MOMENT, PART, RESPONSE, SILENT, STREAM, SUM, USAGE, WRAPS

__all__ = ["told_once_more"]

_WORDS = {
    RESPONSE: "both name the same response",
    USAGE: "their model and usage are the same",
    PART: "its usage is a part of what that call reports",
    BARE: "it reports no usage of its own",
    SILENT: "it has no texts of its own",
    MOMENT: "their time, model, usage and texts are the same",
    STREAM: "it is the request of the stream that was told when it ended",
    SUM: "its usage is the sum of the calls inside it",
    WRAPS: "it reports no usage and only wraps calls",
}


def told_once_more(because: str | None) -> str:
    """Return why a span and a call are one, as the end of a sentence."""
    return _WORDS.get(because or "", "they are one call")
