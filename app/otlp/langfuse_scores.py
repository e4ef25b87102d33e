"""Scores of Langfuse's API as what somebody found in a call: of the span that is named, or of the trace as a whole."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec
from msgspec import structs

from app.otlp.mapping import Mapped
from app.schemas.kinds import Kind
from app.schemas.langfuse import ScoreIn
from app.schemas.queued import EVALUATED, RATED, SpanContext
from app.schemas.records import in_utc
from monitoring.bounds import MOST_VALUE
from monitoring.models import Record

__all__ = ["LANGFUSE", "map_score", "rating_of", "span_id_of", "trace_id_of"]

LANGFUSE: Final = "langfuse"
_SPAN_ID: Final = re.compile(r"[0-9a-fA-F]{16}")
_LABEL_CHARACTERS: Final = 128
_TEXT_CHARACTERS: Final = 500
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_OPINIONS: Final = frozenset({"feedback", "thumb", "thumbs"})
_SCALES: Final = frozenset({"rating", "ratings", "star", "stars"})
_GOOD: Final = frozenset({"up", "positive", "good", "like", "yes", "true"})
_BAD: Final = frozenset({"down", "negative", "bad", "dislike", "no", "false"})
_BEST, _WORST = 5, 1


def trace_id_of(named: str) -> bytes:
    """Return the 16 bytes of a trace id: those of 32 hexadecimal digits or of a UUID, else a digest of the text."""
    try:
        return UUID(named).bytes
    except ValueError:
        return blake2b(named.encode("utf-8", "replace"), digest_size=16).digest()


def span_id_of(named: str) -> bytes:
    """Return the 8 bytes of a span id: those of 16 hexadecimal digits, else a digest of the text."""
    if _SPAN_ID.fullmatch(named):
        return bytes.fromhex(named)
    return blake2b(named.encode("utf-8", "replace"), digest_size=8).digest()


def map_score(score: ScoreIn) -> Mapped | str:
    """Return a score as an evaluation that waits for its call, or why it cannot be kept.

    Raises WrongShapeError for a moment outside of the calendar.
    """
    if score.trace_id is None:
        subject = "a session" if score.session_id else "a dataset run" if score.dataset_run_id else "nothing"
        return f"it is about {subject}; scores are kept of traces and observations, so name a traceId"
    found = _read_value(score)
    if isinstance(found, str):
        return found
    value, label, text = found
    at = score.timestamp and in_utc(score.timestamp)
    rating = rating_of(score.name, value, label)
    figures = {EVALUATED: value, RATED: rating}
    record = Record(
        prompt="",
        response="\n".join(part for part in (text, score.comment) if part),
        model_name=score.name,
        provider=LANGFUSE,
        id=score.id,
        tags=(label,) if label else (),
        timestamp=at,
        metadata={name: figure for name, figure in figures.items() if figure is not None},
    )
    context = SpanContext(
        kind=Kind.EVALUATION,
        trace_id=trace_id_of(score.trace_id),
        span_id=span_id_of(score.observation_id) if score.observation_id else b"",
    )
    return Mapped(record, context, _key(structs.replace(score, timestamp=at)) if score.id else None)


def _read_value(score: ScoreIn) -> tuple[float | None, str, str] | str:
    """Return figure, label and text of a score, or what is wrong with its value."""
    value = score.value
    kind = score.data_type or ("CATEGORICAL" if isinstance(value, str) else "NUMERIC")
    match kind:
        case "NUMERIC":
            return _number(value)
        case "BOOLEAN":
            if isinstance(value, str) or value not in {0, 1}:
                return "the value of a BOOLEAN score is true, false, 1 or 0"
            return float(value), "true" if value else "false", ""
        case "CATEGORICAL" | "TEXT":
            most = _LABEL_CHARACTERS if kind == "CATEGORICAL" else _TEXT_CHARACTERS
            if not isinstance(value, str) or not 0 < len(value) <= most:
                return f"the value of a {kind} score is a text of 1 to {most} characters"
            return (None, value, "") if kind == "CATEGORICAL" else (None, "", value)
    return f"scores of the type {kind[:_LABEL_CHARACTERS]} are not kept: send NUMERIC, BOOLEAN, CATEGORICAL or TEXT"


def _number(value: bool | float | str) -> tuple[float, str, str] | str:  # noqa: FBT001 one value of either type
    if isinstance(value, str):
        return "the value of a NUMERIC score is a number; a text is CATEGORICAL or TEXT"
    if not abs(value) <= MOST_VALUE:
        return f"the value of a NUMERIC score lies between -{MOST_VALUE:g} and {MOST_VALUE:g}"
    return float(value), "", ""


def rating_of(name: str, value: float | None, label: str) -> int | None:
    """Return the rating, 1 (bad) to 5 (good), of a score whose name says that a user gave it; None for any other.

    Langfuse's guides call it `user-feedback`, with 1 or 0, or 1 or -1; 0 to 1 counts as a share of the way from
    1 to 5, and 2 to 5 as itself. A name with `rating` or `stars` beside `user` has the scale of 1 to 5.
    """
    words = {word.lower() for word in _WORDS.findall(name)}
    stars = bool(words & _SCALES) and "user" in words
    if not (stars or words & _OPINIONS):
        return None
    if value is None:
        said = label.strip().lower()
        return _BEST if said in _GOOD else _WORST if said in _BAD else None
    if value == -1:
        return _WORST
    if 0 <= value <= 1 and not stars:
        return int(_WORST + (_BEST - _WORST) * value + 0.5)
    return int(value + 0.5) if _WORST <= value <= _BEST else None


def _key(score: ScoreIn) -> str:
    """Return what is the same in a retry and in nothing else: a score that was changed keeps its id."""
    digest = blake2b(msgspec.msgpack.encode(score), digest_size=16)
    return f"{LANGFUSE}:{digest.hexdigest()}"
