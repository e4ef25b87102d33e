"""From a recorded value to messages, by the keys that providers and frameworks use, wherever it was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from monitoring.conversation.chunks import are_chunks, merge_chunks
from monitoring.conversation.decoding import decode, looks_structured
from monitoring.conversation.media import replace_media
from monitoring.conversation.messages import Message
from monitoring.conversation.names import (
    ANSWERED,
    ASKED,
    BESIDE,
    CALL_KEYS,
    INSTRUCTIONS,
    LISTS,
    MESSAGE_EVENTS,
    MESSAGE_KEYS,
    VECTORS,
    WRAPPERS,
)
from monitoring.conversation.parts import (
    Parts,
    as_list,
    as_text,
    collect,
    is_part,
    is_parts,
    is_vector,
    read_tool_call,
    role_of,
)
from monitoring.conversation.plain import read_plain
from monitoring.conversation.roles import LANGCHAIN_TYPES, is_pair, read_role
from monitoring.marks import Mark

__all__ = ["Reading", "read_messages"]


_DEPTH = 24


class Reading(NamedTuple):
    """The messages of a recorded value, and what was noticed: UNRECOGNISED_SHAPE, TRUNCATED or both."""

    messages: list[Message]
    marks: tuple[str, ...] = ()


class _UnknownShapeError(Exception):
    """A structure in which no message is recognised."""


class _Noticed:
    """What one reading has come across: marks, and structures that were looked through in vain."""

    def __init__(self) -> None:
        self.marks: list[str] = []
        # By identity; the values are kept, so that no other gets the identity of one.
        self.unknown: dict[int, Any] = {}


class _Place(NamedTuple):
    """Where a structure stands: the role of messages that name none, how deep, and what was noticed so far."""

    role: str
    depth: int
    noticed: _Noticed

    def inside(self, role: str | None = None) -> _Place:
        """Return the place one level deeper."""
        return _Place(role or self.role, self.depth + 1, self.noticed)


def read_messages(value: Any, role: str) -> Reading:
    """Return the messages of a recorded value: JSON or structure, a list, one message, or plain text.

    `role` is that of a message which names none: `user` for what went in, `assistant` for what came out.
    A structure that is recognised nowhere stays as its JSON text.
    """
    if (plain := read_plain(value)) is not None:
        return Reading(plain)
    decoded, noticed = decode(value), _Noticed()
    found = _attempt(decoded.value, _Place(role, 0, noticed))
    if found is not None:
        marks = dict.fromkeys([Mark.TRUNCATED, *noticed.marks] if decoded.truncated else noticed.marks)
        return Reading(found, tuple(marks))
    text = value if isinstance(value, str) else as_text(value)
    # What is cut and no message is a text that happens to begin like JSON.
    return Reading([_plain(text, role)], () if decoded.truncated else (Mark.UNRECOGNISED_SHAPE,))


def _attempt(value: Any, place: _Place) -> list[Message] | None:
    """Return the messages of a structure, None where none is recognised; each is looked through once."""
    unknown = place.noticed.unknown
    if id(value) in unknown:
        return None
    try:
        return list(_walk(value, place))
    except _UnknownShapeError:
        unknown[id(value)] = value
        return None


def _plain(text: str, role: str) -> Message:
    return {"role": role, "content": replace_media(text)}


def _walk(value: Any, place: _Place) -> Iterator[Message]:
    if value is None or value == "":
        return
    if place.depth > _DEPTH:
        raise _UnknownShapeError
    if isinstance(value, list | tuple):
        yield from _walk_list(value, place)
    elif isinstance(value, dict):
        yield from _walk_mapping(value, place)
    elif isinstance(value, str):
        yield _plain(value, place.role)
    else:
        raise _UnknownShapeError


def _walk_list(value: list[Any] | tuple[Any, ...], place: _Place) -> Iterator[Message]:
    if are_chunks(value):
        yield from _walk(merge_chunks(value), place.inside())
    elif is_parts(value):
        yield from _message({"parts": value}, role_of(value, place.role))
    elif not is_vector(value):  # a vector is no text
        yield from _walk_items(value, place)


def _walk_items(value: list[Any] | tuple[Any, ...], place: _Place) -> Iterator[Message]:
    items = []
    for item in value:
        # Lists of JSON strings are lists of messages that were encoded once too often.
        inner = decode(item).value if isinstance(item, str) and looks_structured(item) else item
        if isinstance(inner, list | tuple) and is_pair(inner):
            inner = {"role": inner[0], "content": inner[1]}
        items.append(inner if isinstance(inner, dict | list | str) else item)
    read = [_attempt(item, place.inside()) for item in items]
    if value and all(messages is None for messages in read):
        raise _UnknownShapeError
    for item, messages in zip(items, read, strict=True):
        if messages is None:
            place.noticed.marks.append(Mark.UNRECOGNISED_SHAPE)
            # Among messages nobody is named to have said it, so that it is not what the user said.
            yield _plain(as_text(item), "assistant" if place.role == "user" else place.role)
        else:
            yield from messages


def _walk_mapping(value: Mapping[str, Any], place: _Place) -> Iterator[Message]:
    content = value.get("content")
    if isinstance(value.get("role"), str) and ("parts" in value or isinstance(content, str | list)):
        yield from _message(value, place.role)  # as almost all are
        return
    for read in _SHAPES:
        found = read(value, place)
        if found is not None:
            yield from found
            return
    raise _UnknownShapeError


_Found = Iterable[Message] | None


def _constructor(value: Mapping[str, Any], place: _Place) -> _Found:
    """Read LangChain's `dumpd`: a class name and its arguments; and `messages_to_dict`: a type and its data."""
    kwargs, named = value.get("kwargs"), value.get("id")
    if "lc" in value and isinstance(kwargs, dict):
        kind = named[-1] if isinstance(named, list) and named else None
        return _walk({"type": kind, **kwargs} if _is_langchain(kind) else kwargs, place.inside())
    data = value.get("data")
    if _is_langchain(value.get("type")) and isinstance(data, dict):
        return _walk({**data, "type": value["type"]}, place.inside())
    return None


def _is_langchain(kind: Any) -> TypeGuard[str]:
    return isinstance(kind, str) and kind in LANGCHAIN_TYPES


def _langchain(value: Mapping[str, Any], _: _Place) -> _Found:
    kind = value.get("type")
    if not _is_langchain(kind) or "content" not in value:
        return None
    named = value.get("role")
    return _message({**value, "role": named if isinstance(named, str) else LANGCHAIN_TYPES[kind]}, "user")


def _item(value: Mapping[str, Any], place: _Place) -> _Found:
    """Read one item of OpenAI's Responses, or a part that stands where a message is expected."""
    return (
        _message({"parts": [value]}, role_of([value], place.role))
        if value.get("type") != "message" and is_part(value)
        else None
    )


def _event(value: Mapping[str, Any], place: _Place) -> _Found:
    """Read an event of the GenAI conventions as pydantic-ai and Logfire list it."""
    name = value.get("event.name")
    if not isinstance(name, str) or name not in MESSAGE_EVENTS:
        return None
    said = MESSAGE_EVENTS[name]
    inner = value.get("message")
    if inner is not None:
        return _walk(decode(inner).value, place.inside(said))
    return _message({**value, "role": value.get("role") or said}, said)


def _vector(value: Mapping[str, Any], _: _Place) -> _Found:
    """Read nothing where an embedding was answered: a vector is no text."""
    inner = value.get("data")
    items = inner if isinstance(inner, list) else [value]
    holds = all(isinstance(one, dict) and not one.keys().isdisjoint(VECTORS) for one in items)
    return () if items and holds else None


def _listed(value: Mapping[str, Any], place: _Place) -> _Found:
    """Read a request with its messages, or an answer with its choices."""
    for name in LISTS:
        if name not in value:
            continue
        inner = decode(value[name]).value
        if name == "contents" and isinstance(inner, str | dict) and inner and "role" not in value:
            inner = [inner]
        if isinstance(inner, list | tuple) and inner and not (name == "contents" and "role" in value):
            answers = name in {"choices", "candidates", "generations", "replies"}
            asked = value.get("message") if name == "chat_history" else None
            listed = [*inner, asked] if isinstance(asked, str) else inner
            return _with_instructions(value, _walk(listed, place.inside("assistant" if answers else None)))
    return None


def _with_instructions(value: Mapping[str, Any], messages: Iterable[Message]) -> Iterator[Message]:
    config = value.get("config")
    for holder in (value, config if isinstance(config, dict) else {}):
        for name in INSTRUCTIONS:
            inner = holder.get(name)
            if inner:
                text = "\n".join(one["content"] for one in _message({"content": _contents(inner)}, "system"))
                if text:
                    yield {"role": "system", "content": text}
    yield from messages


def _contents(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("parts") or value.get("content") or value.get("text") or [value]
    return value


def _around(value: Mapping[str, Any], place: _Place) -> _Found:
    """Read a choice, a candidate or a generation: an object around one message."""
    for name in ("message", "delta", "content"):
        inner = value.get(name)
        if isinstance(inner, dict) and not (name == "content" and "role" in value):
            calls = value.get("tool_calls")
            whole = {**inner, "tool_calls": calls} if calls and "tool_calls" not in inner else inner
            return _with_instructions(value, _walk(whole, place.inside()))
    return None


def _single(value: Mapping[str, Any], place: _Place) -> _Found:
    """Read a message as it is."""
    if value.keys().isdisjoint(MESSAGE_KEYS):
        return None
    if "role" not in value and value.keys() & MESSAGE_KEYS == {"content"} and "type" in value:
        return _message({"content": value["content"]}, place.role)
    return _message(value, place.role)


def _named(value: Mapping[str, Any], place: _Place) -> _Found:
    """Read a request or an answer whose text, items or message stand under a name of their own."""
    known = value.keys() <= BESIDE
    for name in ASKED if place.role != "assistant" else ANSWERED:
        if name not in value:
            continue
        inner = decode(value[name]).value
        if isinstance(inner, str) and inner and known:
            said = replace_media(inner)
            calls = [read_tool_call(call) for call in as_list(value.get("tool_calls"))]
            message: Message = {
                "role": place.role,
                "content": said,
                **({"tool_calls": calls} if calls else {}),
            }
            return _with_instructions(value, [message])
        if isinstance(inner, dict | list) and inner:
            found = _attempt(inner, place.inside())
            if found is not None:
                return _with_instructions(value, found)
    return None


def _wrapped(value: Mapping[str, Any], place: _Place) -> _Found:
    for name in WRAPPERS:
        if name not in value:
            continue
        inner = decode(value[name]).value
        if isinstance(inner, dict | list) and inner:
            found = _attempt(inner, place.inside())
            if found:
                return found
    return None


_SHAPES: Final[tuple[Callable[[Mapping[str, Any], _Place], _Found], ...]] = (
    _constructor,
    _langchain,
    _event,
    _vector,
    _listed,
    _item,
    _around,
    _single,
    _named,
    _wrapped,
)


def _message(raw: Mapping[str, Any], role: str) -> Iterator[Message]:
    role = read_role(raw.get("role"), role)
    parts = _parts_of(raw)
    if not any(parts):
        collect(_said_elsewhere(raw, role), parts)
    _add_calls(raw, parts)
    if role == "tool" and parts.results:
        yield from parts.results
        return
    text = "\n".join(parts.texts)
    if parts.results and not text and not parts.calls:
        yield from parts.results
        return
    message: Message = {"role": role, "content": text}
    if parts.calls:
        message["tool_calls"] = parts.calls
    reasoning = raw.get("reasoning_content") or raw.get("reasoning")
    if isinstance(reasoning, str) and reasoning:
        parts.reasoning.insert(0, reasoning)
    if parts.reasoning:
        message["reasoning"] = "\n".join(parts.reasoning)
    answered = raw.get("tool_call_id") or (raw.get("id") if role == "tool" else None)
    if isinstance(answered, str):
        message["tool_call_id"] = answered
    yield message
    yield from parts.results


def _said_elsewhere(raw: Mapping[str, Any], role: str) -> str | None:
    """Return the text of Cohere's history and of Semantic Kernel's messages, and any object that a tool answered.

    OpenAI has a refusal and what was spoken beside an empty content.
    """
    audio = raw.get("audio")
    told = (
        *(raw.get(name) for name in ("message", "text", "refusal")),
        audio.get("transcript") if isinstance(audio, dict) else None,
    )
    said = next((text for text in told if isinstance(text, str)), None)
    return as_text(raw["content"]) if not said and role == "tool" and raw.get("content") else said


def _parts_of(raw: Mapping[str, Any]) -> Parts:
    """Return the parts of a message, once where it is told both as text and as parts, as OpenAI's agents do."""
    parts = Parts([], [], [], [])
    for name in ("content", "contents", "parts", "items", "blocks"):
        if raw.get(name):
            known = len(parts.texts)
            collect(raw[name], parts)
            if _are_same(parts.texts[:known], parts.texts[known:]):
                del parts.texts[known:]
    return parts


def _are_same(texts: Sequence[str], others: Sequence[str]) -> bool:
    return bool(texts and others) and (
        "\n".join(texts) == "\n".join(others) or "".join(texts) == "".join(others)
    )


def _add_calls(raw: Mapping[str, Any], parts: Parts) -> None:
    if raw.keys().isdisjoint(CALL_KEYS):
        return
    extra = raw.get("additional_kwargs")
    for holder in (raw, extra if isinstance(extra, dict) else {}):
        calls = decode(holder.get("tool_calls")).value
        for call in as_list(calls):
            parts.calls.append(read_tool_call(call))
        function = holder.get("function_call")
        if isinstance(function, dict):
            parts.calls.append(read_tool_call({"function": function}))
        if parts.calls:
            return
