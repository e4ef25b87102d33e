"""What the spans inside a span inherit: user, session, tags, and metadata about the whole trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from monitoring.marks import Mark
from monitoring.models import Record

__all__ = [
    "INHERITED_NAMES",
    "MOST_TAGS",
    "SHARED_NAME",
    "SHARED_PREFIXES",
    "Given",
    "OwnedSpan",
    "joined_owner",
    "shared_metadata",
    "unite_tags",
]

INHERITED_NAMES = "otel.inherited"
"""The name in the metadata of a record that lists which of the metadata were inherited."""
SHARED_NAME = "metadata"
"""OpenInference's metadata: one attribute with an object.

Its members are called `metadata.NAME` where they are inherited.
"""
SHARED_PREFIXES = (
    "metadata.",
    "langfuse.trace.metadata.",
    "langsmith.metadata.",
    "ai.telemetry.metadata.",
    "traceloop.association.properties.",
)
MOST_TAGS = 64
_MOST_SHARED = 64
_LONGEST_SHARED = 1_000


class Given(msgspec.Struct, frozen=True):
    """The user, session, tags and trace metadata that a span has; each may be absent."""

    user_id: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    shared: Mapping[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self.user_id or self.session_id or self.tags or self.shared)

    def over(self, outer: Given) -> Given:
        """Return what a span with these values passes on, if it inherits `outer` itself.

        The nearest value is used. Tags are united, the nearest first, because each has a meaning of
        its own.
        """
        if not outer:
            return self
        if not self:
            return outer
        return Given(
            self.user_id or outer.user_id,
            self.session_id or outer.session_id,
            tuple(dict.fromkeys((*self.tags, *outer.tags))),
            {**outer.shared, **self.shared},
        )


class OwnedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A stored span with its place in its trace, and with its owner, inherited or not."""

    trace_id: UUID
    otel_trace_id: bytes
    otel_span_id: bytes
    otel_parent_span_id: bytes | None
    kind: str
    user_id: str | None
    session_id: str | None
    tags: tuple[str, ...]
    marks: tuple[str, ...]


def unite_tags(own: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    """Return a span's own tags and those that it inherits: each once, at most MOST_TAGS."""
    return tuple(dict.fromkeys((*own, *given)))[:MOST_TAGS] if given else own


def joined_owner(call: Record, part: Record) -> dict[str, Any]:
    """Return user, session and marks of a call joined with those of a span part.

    An own value replaces an inherited one.
    """
    user = _stronger(call.user_id, part.user_id, Mark.INHERITED_USER, call, part)
    session = _stronger(call.session_id, part.session_id, Mark.INHERITED_SESSION, call, part)
    inherited = [mark for _, mark in (user, session) if mark]
    said = (
        mark
        for mark in (*call.marks, *part.marks)
        if mark not in {Mark.INHERITED_USER, Mark.INHERITED_SESSION}
    )
    return {"user_id": user[0], "session_id": session[0], "marks": (*said, *inherited)}


def _stronger(
    own: str | None, other: str | None, mark: str, call: Record, part: Record
) -> tuple[str | None, str | None]:
    """Return which of two values is used, and the mark if that one is inherited."""
    weak, weak_other = mark in call.marks, mark in part.marks
    if own is None or (weak and other is not None and not weak_other):
        return other, mark if weak_other else None
    return own, mark if weak else None


def shared_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the span's own metadata about its whole trace, by name.

    There are at most 64 of them, and each takes at most a thousand bytes.
    """
    inherited = metadata.get(INHERITED_NAMES) or ()
    found: dict[str, Any] = {}
    for name, value in _flat(metadata):
        if name not in inherited and len(found) < _MOST_SHARED and _is_short(value):
            found[name] = value
    return found


def _flat(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in metadata.items():
        if name.startswith(SHARED_PREFIXES):
            yield name, value
        elif name == SHARED_NAME:
            inner = _decoded(value)
            if isinstance(inner, dict):
                yield from ((f"{SHARED_NAME}.{key}", item) for key, item in inner.items())


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        # An escaped NUL would become a NUL character, which Postgres cannot store.
        return msgspec.json.decode(value.replace("\\u0000", "\\ufffd"))
    except (msgspec.MsgspecError, RecursionError):
        return None


def _is_short(value: Any) -> bool:
    try:
        return len(msgspec.msgpack.encode(value)) <= _LONGEST_SHARED
    except (OverflowError, RecursionError):
        return False
