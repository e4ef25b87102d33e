"""What one message is made of: text, reasoning, tool calls and results, media.

Providers tell parts apart by a `type` (OpenAI, Anthropic, OpenTelemetry, Vercel), by a `kind` (pydantic-ai) or by the
name of their one member (Gemini, Bedrock).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from monitoring.conversation.decoding import decode
from monitoring.conversation.media import MEDIA_TYPES, is_media, place_media, replace_media
from monitoring.conversation.messages import Message

__all__ = [
    "Parts",
    "as_list",
    "as_text",
    "collect",
    "is_part",
    "is_parts",
    "is_vector",
    "read_tool_call",
    "read_tool_result",
    "role_of",
]

_CALLS: Final = frozenset(
    {
        "tool_call",
        "tool-call",
        "tool_use",
        "function_call",
        "server_tool_call",
        "server_tool_use",
        "mcp_tool_use",
        "custom_tool_call",
        "mcp_call",
        "web_search_call",
        "file_search_call",
        "computer_call",
        "code_interpreter_call",
        "image_generation_call",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "builtin-tool-call",
    }
)
_RESULTS: Final = frozenset(
    {
        "tool_call_response",
        "tool-result",
        "tool_result",
        "tool-return",
        "builtin-tool-return",
        "tool_response",
        "function_call_output",
        "custom_tool_call_output",
        "computer_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "server_tool_call_response",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "mcp_tool_result",
        "function_response",
        "search_result",
    }
)
_REASONING: Final = frozenset({"reasoning", "thinking", "redacted_thinking", "reasoning_content"})
_TEXTS: Final = frozenset({"text", "input_text", "output_text", "refusal", "summary_text", "text_delta"})
# A model's own answer may be a JSON list of objects that have a `type`; only these make it parts.
_TYPES: Final = _CALLS | _RESULTS | _REASONING | _TEXTS | MEDIA_TYPES.keys()
_CALL_MEMBERS: Final = ("functionCall", "function_call", "toolUse", "tool_call", "executableCode")
_RESULT_MEMBERS: Final = ("functionResponse", "function_response", "toolResult", "codeExecutionResult")
_MEMBERS: Final = frozenset(
    {*_CALL_MEMBERS, *_RESULT_MEMBERS, "reasoningContent", "guardContent", "cachePoint", "citationsContent"}
)
_TEXT_NAMES: Final = ("text", "content", "thinking", "refusal", "value")
_CALL_IDS: Final = ("call_id", "id", "toolCallId", "tool_call_id", "toolUseId", "tool_use_id")
_RESULT_IDS: Final = ("tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "call_id", "id")
_DEPTH = 8
_VECTOR_NUMBERS = 16


class Parts(NamedTuple):
    """The parts of one message, sorted."""

    texts: list[str]
    reasoning: list[str]
    calls: list[dict[str, Any]]
    results: list[Message]


def is_part(item: object) -> bool:
    """Tell whether an item of a list is a part of a message, by a type or a member that providers use."""
    if not isinstance(item, dict) or "role" in item or "message" in item:
        return False
    kind = item.get("type")
    if isinstance(kind, str):
        return kind in _TYPES
    return (
        not item.keys().isdisjoint(_MEMBERS)
        or is_media(item)
        or (isinstance(item.get("text"), str) and len(item) <= 2)  # noqa: PLR2004 Gemini adds a flag or a signature
    )


def role_of(parts: Sequence[Any], role: str) -> str:
    """Return who parts are of that name nobody: thoughts and calls of tools are the model's, not the user's."""
    if role == "user" and all(isinstance(part, dict) for part in parts):
        kinds = {_sorts(part) for part in parts}
        if not kinds.isdisjoint({"call", "reasoning"}) and None not in kinds:
            return "assistant"
    return role


def _sorts(part: Mapping[str, Any]) -> str | None:
    """Return whether a part is a call of a tool, its result or reasoning; None for text and media."""
    kind = part.get("type") or part.get("kind") or part.get("part_kind")
    if not isinstance(kind, str):
        kind = None
    if kind in _CALLS or (kind is None and any(isinstance(part.get(n), dict) for n in _CALL_MEMBERS)):
        return "call"
    if kind in _RESULTS or (kind is None and any(isinstance(part.get(n), dict) for n in _RESULT_MEMBERS)):
        return "result"
    if kind in _REASONING or part.get("thought") is True or "reasoningContent" in part:
        return "reasoning"
    return None


def collect(value: Any, parts: Parts, depth: int = 0) -> None:
    """Sort the content of a message into texts, reasoning, tool calls and tool results."""
    if isinstance(value, str):
        inner = decode(value).value if value[:1] in {"[", "{"} else value
        if isinstance(inner, dict) and _encodes_media(inner):
            inner = [inner]
        if not (isinstance(inner, list) and inner and all(is_part(item) for item in inner)):
            parts.texts.append(replace_media(value))
            return
        value = inner
    if depth > _DEPTH:
        return
    for part in as_list(value):
        if isinstance(part, dict):
            inner = part.get("message_content")
            _sort(inner if isinstance(inner, dict) else part, parts, depth)
        elif isinstance(part, list | tuple):
            collect(part, parts, depth + 1)
        else:
            parts.texts.append(replace_media(as_text(part)))


def _sort(part: Mapping[str, Any], parts: Parts, depth: int) -> None:
    sort = _sorts(part)
    if sort == "call":
        parts.calls.append(read_tool_call(part))
    elif sort == "result":
        parts.results.append(read_tool_result(part))
    elif sort == "reasoning":
        if text := _reasoning(part):
            parts.reasoning.append(text)
    elif is_media(part):
        document = _document_text(part)
        parts.texts.append(place_media(part) if document is None else document)
    elif isinstance(inner := part.get("guardContent") or part.get("citationsContent"), dict):
        collect(inner.get("text") or inner.get("content"), parts, depth + 1)
    else:
        _sort_text(part, parts, depth)


def _sort_text(part: Mapping[str, Any], parts: Parts, depth: int) -> None:
    for name in _TEXT_NAMES:
        inner = part.get(name)
        if isinstance(inner, dict):
            inner = inner.get("value") or inner.get("text")
        if isinstance(inner, str):
            if inner:
                collect(inner, parts, depth + 1)
                return
        elif isinstance(inner, list):
            collect(inner, parts, depth + 1)
            return
    kind = part.get("type") or part.get("kind") or part.get("part_kind")
    if isinstance(kind, str) and kind not in _TEXTS:
        parts.texts.append(f"[{kind}]")  # that it was there is worth knowing


def _reasoning(part: Mapping[str, Any]) -> str:
    """Return the text of a reasoning part: its own, its summary's, or that of a member."""
    inner = part.get("reasoningContent")
    if isinstance(inner, dict):
        part = inner
    found: list[str] = []
    for name in ("text", "thinking", "content", "summary", "reasoningText"):
        value = part.get(name)
        if isinstance(value, str) and value:
            found.append(value)
        else:
            found += [said for item in as_list(value) if isinstance(item, dict) and (said := _text(item))]
    return "\n".join(found)


def _text(part: Mapping[str, Any]) -> str:
    return next((value for name in _TEXT_NAMES if isinstance(value := part.get(name), str)), "")


def _document_text(part: Mapping[str, Any]) -> str | None:
    """Return the text of a document that is sent as text, None for one that is sent as bytes or an address."""
    inner = part.get("document")
    source = (inner if isinstance(inner, dict) else part).get("source")
    if not isinstance(source, dict):
        return None
    if source.get("type") == "text" and isinstance(source.get("data"), str):
        return str(source["data"])
    text = source.get("text")
    return text if isinstance(text, str) else None


def _encodes_media(value: Mapping[str, Any]) -> bool:
    """Tell whether a text is the provider's object of an image or a file, which some frameworks nest in a text."""
    return isinstance(value.get("type"), str) and is_media(value)


def read_tool_call(raw: Any) -> dict[str, Any]:
    """Return a call of a tool in OpenAI's chat form, whichever provider's form it has."""
    if not isinstance(raw, dict):
        return {"id": None, "type": "function", "function": {"name": None, "arguments": as_text(raw)}}
    kind = raw.get("type")
    for name in _CALL_MEMBERS:
        inner = raw.get(name)
        if isinstance(inner, dict):
            raw = {**inner, "id": _first(inner, _CALL_IDS) or _first(raw, _CALL_IDS)}
    function = decode(raw.get("function")).value
    named = function if isinstance(function, dict) else raw
    called = _name(named, ("name", "toolName", "tool_name"))
    if called is None and isinstance(kind, str) and kind.endswith("_call"):
        called = kind.removesuffix("_call")  # a tool of the provider's own, such as web_search
    arguments = _first(
        named, ("arguments", "args", "input", "parameters", "params", "action", "code", "queries", "query")
    )
    return {
        "id": _name(raw, _CALL_IDS),
        "type": "function",
        "function": {"name": called, "arguments": replace_media(as_text(arguments))},
    }


def read_tool_result(raw: Mapping[str, Any]) -> Message:
    """Return what a tool answered as a message of the role `tool`."""
    for name in _RESULT_MEMBERS:
        inner = raw.get(name)
        if isinstance(inner, dict):
            raw = inner
    value = _first(raw, ("result", "response", "output", "content", "tool_output", "results"))
    return {"role": "tool", "content": _result_text(value), "tool_call_id": _name(raw, _RESULT_IDS)}


def _result_text(value: Any) -> str:
    if isinstance(value, dict) and value.keys() == {
        "type",
        "value",
    }:  # Vercel says of what type an output is
        value = value["value"]
    if isinstance(value, str):
        value = decoded if is_parts(decoded := decode(value).value) else value
    if isinstance(value, dict) and is_part(value):
        value = [value]
    if not is_parts(value):
        return replace_media(as_text(value))
    parts = Parts([], [], [], [])
    for part in value:
        if isinstance(part, dict) and isinstance(part.get("json"), dict | list):
            parts.texts.append(as_text(part["json"]))
        else:
            collect([part], parts, 1)
    return "\n".join([*parts.texts, *(one["content"] for one in parts.results)])


def is_parts(value: Any) -> bool:
    """Tell whether a value is a list of parts, Bedrock's `{"json": …}` among them."""
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(is_part(item) or (isinstance(item, dict) and item.keys() == {"json"}) for item in value)
    )


def is_vector(value: Any) -> bool:
    """Tell whether a value is an embedding: a list of many numbers, or of such lists."""
    if not isinstance(value, list | tuple) or not value:
        return False
    return _are_numbers(value) or all(isinstance(item, list | tuple) and _are_numbers(item) for item in value)


def _are_numbers(value: Sequence[Any]) -> bool:
    return len(value) >= _VECTOR_NUMBERS and all(
        isinstance(item, int | float) and not isinstance(item, bool) for item in value
    )


def _name(value: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return an id or a name as text, whatever it was sent as: the queue carries no number over 64 bits."""
    found = _first(value, names)
    return None if found is None else as_text(found)


def _first(value: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, None as an empty one, and anything else as the one item of a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def as_text(value: Any) -> str:
    """Return text as it is, None as an empty text, and anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
