"""Decoding a recorded value into the structure that it stands for.

Attributes of spans hold structure as JSON in a string. Recorders may encode it once too often, cut
it at a length limit, or write Python's repr in its place.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

import msgspec
from pydantic_core import from_json

__all__ = ["ESCAPED_NUL", "Decoded", "decode", "looks_structured"]

_ENCODINGS = 4
# Python's parser needs some hundred bytes of memory per byte of text, which a repr is not worth.
_LONGEST_REPR = 64 * 1024
# JSON with more values stays text, because its structure takes fifty times as many bytes.
_MOST_VALUES = 200_000
# Server-sent events that were recorded as they came begin and, if from OpenAI, end like this.
_STREAM = ("data:", "event:")
_END_OF_STREAM = "[DONE]"
ESCAPED_NUL = "\\u0000"
_decode_json = msgspec.json.Decoder().decode


class Decoded(NamedTuple):
    """A decoded value; `truncated` is true if the encoded text ends before its structure does."""

    value: Any
    truncated: bool = False


def looks_structured(text: str) -> bool:
    """Tell whether a text begins like a JSON list, object or string, or like the repr of one."""
    return text[:1] in {"[", "{", '"'} or (text[:1].isspace() and text.lstrip()[:1] in {"[", "{", '"'})


def decode(value: Any) -> Decoded:
    """Return the structure that a string encodes, even if it was encoded several times.

    Other values, and texts that begin like JSON but are none, are returned as they are.
    """
    truncated = False
    for _ in range(_ENCODINGS):
        if isinstance(value, str) and value.startswith(_STREAM):
            value = _read_stream(value)
        if not isinstance(value, str) or not looks_structured(value):
            break
        found = _decode_text(value)
        if found is None:
            break
        value, truncated = found.value, truncated or found.truncated
    return Decoded(value, truncated)


def _read_stream(text: str) -> Any:
    """Return the events of a stream as a list, or the text itself if some are not JSON.

    Each line holds one field, as in server-sent events.
    """
    plain = text.replace(ESCAPED_NUL, "\\ufffd")
    sent = [line[5:].strip() for line in plain.split("\n") if line.startswith("data:")]
    events = [line for line in sent if line and line != _END_OF_STREAM]
    if not events or (len(text) > _MOST_VALUES and sum(map(text.count, ",[{")) > _MOST_VALUES):
        return text
    try:
        return [_decode_json(line) for line in events]
    except (msgspec.DecodeError, RecursionError):
        return text


def _decode_text(text: str) -> Decoded | None:
    """Return what a text encodes; None if it encodes no structure or too many values."""
    if len(text) > _MOST_VALUES and sum(map(text.count, ",[{")) > _MOST_VALUES:
        return None
    # An escaped NUL would become a real one, which Postgres cannot store.
    text = text.replace(ESCAPED_NUL, "\\ufffd") if ESCAPED_NUL in text else text
    try:
        return Decoded(_decode_json(text))
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        found = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return _read_repr(text)
    if lines := _read_lines(text):
        return Decoded(lines)
    if isinstance(found, str) and looks_structured(found):  # it was encoded twice and cut
        inner = _decode_text(found)
        return None if inner is None else Decoded(inner.value, truncated=True)
    # People also write single words in brackets or quotes. A cut structure holds a mapping.
    return Decoded(found, truncated=True) if _holds_mapping(found) else None


def _read_lines(text: str) -> list[Any] | None:
    """Return the objects of a text with one JSON object per line; None if some line is none."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2 or not all(line.startswith("{") for line in lines):  # noqa: PLR2004 a stream has several
        return None
    try:
        return [_decode_json(line) for line in lines]
    except (msgspec.DecodeError, RecursionError):
        return None


def _read_repr(text: str) -> Decoded | None:
    if len(text) > _LONGEST_REPR or text.lstrip()[:1] == '"':
        return None
    try:
        # Python values may lack a JSON form: lists as keys, sets of dicts, a list that holds
        # itself.
        found = _decode_json(msgspec.json.encode(ast.literal_eval(text.strip())))
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError):
        return None
    return Decoded(found) if _holds_mapping(found) else None


def _holds_mapping(value: Any) -> bool:
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, dict) and bool(value)
