"""What a span passes on to the spans inside it: user, session, tags, and metadata about the whole trace."""

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
    "Kin",
    "joined_owner",
    "shared_metadata",
    "unite_tags",
]

INHERITED_NAMES = "otel.inherited"
"""Where the metadata of a record list the names of those among them that a span around it gave."""
SHARED_NAME = "metadata"
"""OpenInference's metadata: one attribute with an object, whose members are `metadata.NAME` where they are inherited."""
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
    """What a span says of its user, its session, its tags and its trace, each as far as it says anything."""

    user_id: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    shared: Mapping[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self.user_id or self.session_id or self.tags or self.shared)

    def over(self, outer: Given) -> Given:
        """Return what a span with these values passes on when `outer` is passed on to itself: the nearest value wins.

        Tags are united, the nearest first, since each says something of its own.
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


class Kin(msgspec.Struct, frozen=True, kw_only=True):
    """A stored span with its place in its trace, and with what it says of its owner, inherited or not."""

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
    """Return the tags of a span with those that it is given: each once, its own first, and not more than MOST_TAGS."""
    return tuple(dict.fromkeys((*own, *given)))[:MOST_TAGS] if given else own


def joined_owner(call: Record, part: Record) -> dict[str, Any]:
    """Return user, session and marks of a call with those of a part of it: an own value before an inherited one."""
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
    """Return which of two values counts, and the mark where that one is inherited."""
    weak, weak_other = mark in call.marks, mark in part.marks
    if own is None or (weak and other is not None and not weak_other):
        return other, mark if weak_other else None
    return own, mark if weak else None


def shared_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a span that are about its whole trace and are its own, by name.

    At most 64 of them, and none that takes more than a thousand bytes.
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
        # An escaped NUL would become one, which Postgres cannot hold.
        return msgspec.json.decode(value.replace("\\u0000", "\\ufffd"))
    except (msgspec.MsgspecError, RecursionError):
        return None


def _is_short(value: Any) -> bool:
    try:
        return len(msgspec.msgpack.encode(value)) <= _LONGEST_SHARED
    except (OverflowError, RecursionError):
        return False
