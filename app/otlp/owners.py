"""Whose call a span is: user, session and tags, under the names of each convention."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from app.otlp.attributes import Attributes, first_text, parsed
from app.otlp.names import JOINED_TAGS, SESSION, SESSION_KEYS, TAG_KEYS, TAGS, USER, USER_KEYS
from app.otlp.signals import Span
from app.schemas.inherited import MOST_TAGS, unite_tags
from monitoring.marks import Mark

__all__ = ["Owner", "owner_of"]

_NAME_CHARACTERS = 512
_TAG_CHARACTERS = 128
_METADATA = "metadata"
_EVERY = frozenset((*USER, *SESSION, *TAGS, _METADATA))


class Owner(NamedTuple):
    """User, session and tags of a span.

    `marks` name what the whole process says: it gives way to what a span around this one says of itself.
    """

    user_id: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


_NOBODY = Owner()


def owner_of(span: Span) -> Owner:
    """Return what the span says of user, session and tags, and where it says nothing what its process says."""
    own = _read(span.attributes, JOINED_TAGS)
    shared = _read(span.resource, TAGS)  # from environment variables, which hold no lists
    if shared is _NOBODY:
        return own
    marks = (
        (Mark.INHERITED_USER, shared.user_id and not own.user_id),
        (Mark.INHERITED_SESSION, shared.session_id and not own.session_id),
    )
    return Owner(
        own.user_id or shared.user_id,
        own.session_id or shared.session_id,
        unite_tags(own.tags, shared.tags),
        tuple(mark for mark, inherited in marks if inherited),
    )


def _read(attributes: Attributes, joined: Collection[str]) -> Owner:
    """Return what attributes say; tags under the names `joined` may be one text with commas."""
    if _EVERY.isdisjoint(attributes):
        return _NOBODY  # as almost all are
    inner = parsed(attributes.get(_METADATA))
    free: Attributes = inner if isinstance(inner, dict) else {}
    return Owner(
        _name(first_text(attributes, USER) or first_text(free, USER_KEYS)),
        _name(first_text(attributes, SESSION) or first_text(free, SESSION_KEYS)),
        _tags(attributes, TAGS, joined) or _tags(free, TAG_KEYS, ()),
    )


def _name(text: str | None) -> str | None:
    return text[:_NAME_CHARACTERS] if text else None


def _tags(attributes: Attributes, names: Sequence[str], joined: Collection[str]) -> tuple[str, ...]:
    for name in names:
        if name not in attributes:
            continue
        value: Any = parsed(attributes[name])
        if isinstance(value, str) and name in joined:
            value = [tag.strip() for tag in value.split(",")]
        if isinstance(value, list):
            texts = (item[:_TAG_CHARACTERS] for item in value if isinstance(item, str) and item)
            if found := tuple(dict.fromkeys(texts))[:MOST_TAGS]:
                return found
    return ()
