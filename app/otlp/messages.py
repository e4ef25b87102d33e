"""Chat messages of every convention in one shape, and the texts that are scored.

A message is `{"role", "content"}` with `tool_calls` (id, type, function: name, arguments), `tool_call_id`
and `reasoning` where there are any, as OpenAI's chat format has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from app.otlp.attributes import parsed

__all__ = ["Conversation", "Message", "Texts", "messages_of", "read_messages", "texts_of"]

Message = dict[str, Any]

_DEPTH = 24
_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "developer": "system", "function": "tool"}
_CALLS = frozenset({"tool_call", "tool-call", "tool_use", "function_call", "server_tool_call"})
_RESULTS = frozenset(
    {"tool_call_response", "tool-result", "tool_result", "function_call_output", "server_tool_call_response"}
)
_REASONING = frozenset({"reasoning", "thinking"})
_MEDIA = frozenset(
    {
        "image",
        "image_url",
        "input_image",
        "audio",
        "input_audio",
        "file",
        "input_file",
        "blob",
        "uri",
        "document",
    }
)
_TEXTS = frozenset({"text", "input_text", "output_text", "refusal"})
# A model's own answer may be a JSON list of objects that have a `type`; only these make it parts.
_PARTS = _CALLS | _RESULTS | _REASONING | _MEDIA | _TEXTS


class Conversation(NamedTuple):
    """What went into a call and what came out of it; `system` are instructions given apart from messages."""

    inputs: Sequence[Message] = ()
    outputs: Sequence[Message] = ()
    system: str | None = None


class Texts(NamedTuple):
    """The texts of a conversation that are scored; None where nothing was recorded."""

    prompt: str | None
    response: str | None
    system: str | None


def texts_of(conversation: Conversation) -> Texts:
    """Return the last user message as prompt, all choices as response, and the system messages.

    Without a user message the last message that is no system message is the prompt.
    """
    asked = [message for message in conversation.inputs if message["role"] != "system"]
    users = [message["content"] for message in asked if message["role"] == "user" and message["content"]]
    if users:
        prompt: str | None = users[-1]
    else:
        prompt = asked[-1]["content"] if asked else None
    answers = [message["content"] for message in conversation.outputs if message["content"]]
    instructions = [m["content"] for m in conversation.inputs if m["role"] == "system" and m["content"]]
    if conversation.system and conversation.system not in instructions:
        instructions.insert(0, conversation.system)
    return Texts(
        prompt,
        "\n".join(answers) if conversation.outputs else None,
        "\n".join(instructions) or None,
    )


def messages_of(conversation: Conversation) -> tuple[Message, ...]:
    """Return the messages to keep: all that went in, and of the choices what is more than text.

    The text of the choices is the response; here it would be counted as prompt once more.
    """
    more = (message for message in conversation.outputs if message.keys() - {"role", "content"})
    return (*conversation.inputs, *({**message, "content": ""} for message in more))


def read_messages(value: Any, role: str) -> list[Message]:
    """Return the messages of a recorded value: JSON or structure, a list, one message, or plain text.

    `role` is that of a message which names none.
    """
    return list(_messages(parsed(value), role, 0))


def _messages(value: Any, role: str, depth: int) -> Iterator[Message]:
    if value is None or value == "" or depth > _DEPTH:
        return
    if isinstance(value, list | tuple):
        if value and all(_is_part(item) for item in value):
            yield from _message({"role": role, "parts": value}, role)
            return
        for item in value:
            yield from _messages(item, role, depth + 1)
    elif isinstance(value, Mapping):
        yield from _mapping(value, role, depth)
    else:
        yield {"role": role, "content": value if isinstance(value, str) else _as_text(value)}


def _mapping(value: Mapping[str, Any], role: str, depth: int) -> Iterator[Message]:
    for name in ("messages", "choices"):
        inner = value.get(name)
        if isinstance(inner, list) and inner:
            if name == "messages" and isinstance(value.get("system"), str):
                yield {"role": "system", "content": value["system"]}
            yield from _messages(inner, role, depth + 1)
            return
    inner = value.get("message")
    if isinstance(inner, Mapping | str):
        yield from _messages(inner, role, depth + 1)
    elif value.keys() & {"content", "parts", "tool_calls", "contents", "role"}:
        yield from _message(value, role)
    else:
        yield {"role": role, "content": _as_text(value)}


def _is_part(item: object) -> bool:
    if not isinstance(item, Mapping) or "role" in item or "message" in item:
        return False
    return isinstance(kind := item.get("type"), str) and kind in _PARTS


class _Parts(NamedTuple):
    texts: list[str]
    reasoning: list[str]
    calls: list[dict[str, Any]]
    results: list[Message]


def _message(raw: Mapping[str, Any], role: str) -> Iterator[Message]:
    named = raw.get("role")
    role = _ROLES.get(named, named) if isinstance(named, str) and named else role
    parts = _Parts([], [], [], [])
    for name in ("content", "contents", "parts"):
        if raw.get(name):
            _collect(raw[name], parts)
    for call in _as_list(parsed(raw.get("tool_calls"))):
        parts.calls.append(_call(call))
    text = "\n".join(parts.texts)
    if parts.results and not text and not parts.calls:
        yield from parts.results
        return
    message: Message = {"role": role, "content": text}
    if parts.calls:
        message["tool_calls"] = parts.calls
    if parts.reasoning:
        message["reasoning"] = "\n".join(parts.reasoning)
    answered = raw.get("tool_call_id") or (raw.get("id") if role == "tool" else None)
    if isinstance(answered, str):
        message["tool_call_id"] = answered
    yield message
    yield from parts.results


def _collect(value: Any, parts: _Parts) -> None:
    """Sort the content of a message into texts, reasoning, tool calls and tool results."""
    if isinstance(value, str):
        inner = parsed(value)
        if isinstance(inner, list) and inner and all(_is_part(item) for item in inner):
            value = inner
        else:
            parts.texts.append(value)
            return
    for part in _as_list(value):
        if not isinstance(part, Mapping):
            parts.texts.append(_as_text(part))
            continue
        inner = part.get("message_content")
        _sort(inner if isinstance(inner, Mapping) else part, parts)


def _sort(part: Mapping[str, Any], parts: _Parts) -> None:
    kind = part.get("type")
    if not isinstance(kind, str):
        kind = None
    if kind in _CALLS or "functionCall" in part or "toolUse" in part:
        parts.calls.append(_call(part))
    elif kind in _RESULTS:
        parts.results.append(_result(part))
    elif kind in _REASONING:
        parts.reasoning.append(_text_of(part))
    else:
        text = _text_of(part)
        if text:
            parts.texts.append(text)
        elif kind:
            parts.texts.append(f"[{kind}]")  # an image or file: that it was there is worth knowing


def _text_of(part: Mapping[str, Any]) -> str:
    """Return the text under whichever name the part has it, empty when it has none."""
    for name in ("content", "text", "thinking", "refusal"):
        value = part.get(name)
        if isinstance(value, str):
            return value
    return ""


def _call(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        return {"id": None, "type": "function", "function": {"name": None, "arguments": _as_text(raw)}}
    for name in ("tool_call", "functionCall", "toolUse"):
        inner = raw.get(name)
        if isinstance(inner, Mapping):
            raw = inner
    function = parsed(raw.get("function"))
    named = function if isinstance(function, Mapping) else raw
    return {
        "id": _name(raw, ("id", "toolCallId", "tool_call_id", "call_id", "toolUseId")),
        "type": "function",
        "function": {
            "name": _name(named, ("name", "toolName")),
            "arguments": _as_text(_first(named, ("arguments", "args", "input"))),
        },
    }


def _result(raw: Mapping[str, Any]) -> Message:
    value = _first(raw, ("result", "response", "output", "content"))
    return {
        "role": "tool",
        "content": _as_text(value),
        "tool_call_id": _name(raw, ("id", "tool_call_id", "toolCallId", "tool_use_id", "call_id")),
    }


def _first(value: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _name(value: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return an id or a name as text, whatever it was sent as: the queue carries no number over 64 bits."""
    found = _first(value, names)
    return None if found is None else _as_text(found)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
