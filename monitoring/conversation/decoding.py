"""From a recorded value to the structure that it stands for.

Attributes of spans hold structure as JSON in a string, which recorders encode once too often, cut at a length
limit, or replace by Python's repr.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

import msgspec
from pydantic_core import from_json

__all__ = ["ESCAPED_NUL", "Decoded", "decode", "looks_structured"]

_ENCODINGS = 4
# Python's parser needs some hundred bytes for each one of the text, and memory is not what a repr is worth.
_LONGEST_REPR = 64 * 1024
# JSON of more values stays a text: what is built of it takes fifty times its bytes.
_MOST_VALUES = 200_000
# How a stream of server-sent events begins that was recorded as it came, and how OpenAI's ends.
_STREAM = ("data:", "event:")
_END_OF_STREAM = "[DONE]"
ESCAPED_NUL = "\\u0000"
_decode_json = msgspec.json.Decoder().decode


class Decoded(NamedTuple):
    """A value without its encoding; `truncated` when the encoded text ends before its structure does."""

    value: Any
    truncated: bool = False


def looks_structured(text: str) -> bool:
    """Tell whether a text begins as a JSON list, object or string does, or as the repr of one."""
    return text[:1] in {"[", "{", '"'} or (text[:1].isspace() and text.lstrip()[:1] in {"[", "{", '"'})


def decode(value: Any) -> Decoded:
    """Return the structure that a string encodes, also when it was encoded several times; else the value.

    A text that begins as JSON and is none stays as it is.
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
    """Return the events of a stream as a list, the text itself where not all of them are JSON.

    A field to a line, as server-sent events have them.
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
    """Return what one text encodes, None for what is no encoded structure or holds too many values."""
    if len(text) > _MOST_VALUES and sum(map(text.count, ",[{")) > _MOST_VALUES:
        return None
    # An escaped NUL would become one, which Postgres cannot hold.
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
    if isinstance(found, str) and looks_structured(found):  # encoded twice and cut
        inner = _decode_text(found)
        return None if inner is None else Decoded(inner.value, truncated=True)
    # A lone word in brackets or quotes is what people write; a cut structure holds a mapping.
    return Decoded(found, truncated=True) if _holds_mapping(found) else None


def _read_lines(text: str) -> list[Any] | None:
    """Return the objects of a stream that has one to a line, None where a line is none."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2 or not all(line.startswith("{") for line in lines):  # noqa: PLR2004 one alone is no stream
        return None
    try:
        return [_decode_json(line) for line in lines]
    except (msgspec.DecodeError, RecursionError):
        return None


def _read_repr(text: str) -> Decoded | None:
    if len(text) > _LONGEST_REPR or text.lstrip()[:1] == '"':
        return None
    try:
        # Python has more than JSON has: keys that are lists, sets of dicts, an ellipsis where a list holds itself.
        found = _decode_json(msgspec.json.encode(ast.literal_eval(text.strip())))
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError):
        return None
    return Decoded(found) if _holds_mapping(found) else None


def _holds_mapping(value: Any) -> bool:
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, dict) and bool(value)
