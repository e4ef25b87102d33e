"""Why a span counts nothing, in words: it tells once more of a call that counts."""

from __future__ import annotations

from collections.abc import Mapping

from app.schemas.spans import Reason

__all__ = ["told_once_more"]

_WORDS: Mapping[str, str] = {
    Reason.RESPONSE: "both name the same response",
    Reason.USAGE: "their model and usage are the same",
    Reason.PART: "its usage is a part of what that call reports",
    Reason.BARE: "it reports no usage of its own",
    Reason.SILENT: "it has no texts of its own",
    Reason.MOMENT: "their time, model, usage and texts are the same",
    Reason.STREAM: "it is the request of the stream that was told when it ended",
    Reason.SUM: "its usage is the sum of the calls inside it",
    Reason.WRAPS: "it reports no usage and only wraps calls",
}


def told_once_more(because: str | None) -> str:
    """Return why a span and a call are one, as the end of a sentence."""
    return _WORDS.get(because or "", "they are one call")
