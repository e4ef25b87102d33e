"""Pieces of a streamed answer that were recorded as a list: put together as the client would have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from monitoring.conversation.parts import as_list

__all__ = ["are_chunks", "merge_chunks"]

# Events of a stream of Bedrock's Converse, each the only key of its object.
_CONVERSE = frozenset(
    {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop"}
)
_USAGE = {"metadata"}


def are_chunks(items: Sequence[Any]) -> bool:
    """Tell whether a list holds chunks of one streamed answer."""
    if not items or not isinstance(items[0], dict) or not _is_chunk(items[0]):
        return False
    return all(isinstance(item, dict) and (_is_chunk(item) or _ends_stream(item)) for item in items)


def _is_chunk(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    if isinstance(kind, str) and (
        kind.startswith(("response.", "message_", "content_block_")) or kind == "ping"
    ):
        return True
    choices = item.get("choices")
    if isinstance(choices, list):
        return item.get("object") == "chat.completion.chunk" or any(
            isinstance(choice, dict) and ("delta" in choice or _is_unfinished(choice)) for choice in choices
        )
    return isinstance(item.get("candidates"), list) or (
        bool(item.keys() & {"message", "response"})
        if "done" in item
        else len(item) == 1 and item.keys() <= _CONVERSE
    )


def _is_unfinished(choice: Mapping[str, Any]) -> bool:
    """Tell a piece of a text completion, which says that it is not the last one."""
    return "text" in choice and choice.get("finish_reason", "") is None


def _ends_stream(item: Mapping[str, Any]) -> bool:
    """Tell what may come at the end of a stream: the last piece of a text completion, and the usage of any."""
    choices = item.get("choices")
    if isinstance(choices, list):
        return all(isinstance(one, dict) and "text" in one for one in choices)
    return item.keys() == _USAGE


def merge_chunks(items: Sequence[Mapping[str, Any]]) -> Any:
    """Return the answer that chunks add up to, as a shape that is read like any other."""
    for item in reversed(items):  # the last event of a Responses stream holds all of it
        if isinstance(whole := item.get("response"), dict) and whole.get("output"):
            return whole
    texts: list[str] = []
    reasoning: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    for item in items:
        for piece in _pieces(item):
            _add(piece, texts, reasoning, calls)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
    if reasoning:
        message["reasoning_content"] = "".join(reasoning)
    if calls:
        message["tool_calls"] = list(calls.values())
    return message


def _pieces(item: Mapping[str, Any]) -> Iterable[Any]:
    """Yield the deltas, parts or texts of one chunk."""
    yield from _listed(item)
    kind = item.get("type")
    kind = kind if isinstance(kind, str) else None
    if kind == "response.output_text.delta" and isinstance(item.get("delta"), str):
        yield {"content": item["delta"]}
    elif kind in {"content_block_delta", "content_block_start"}:
        inner = item.get("delta") or item.get("content_block")
        if isinstance(inner, dict):
            yield {**inner, "index": item.get("index")}
    elif not item.keys().isdisjoint(_CONVERSE):
        yield from _converse(item)
    elif isinstance(message := item.get("message"), dict) and kind is None:
        yield message
    elif isinstance(text := item.get("response"), str):
        yield {"content": text}


def _listed(item: Mapping[str, Any]) -> Iterable[Any]:
    """Yield what a chunk of OpenAI's has in `choices`, and one of Gemini's in `candidates`."""
    for choice in as_list(item.get("choices")):
        if isinstance(choice, dict):
            yield choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
    for candidate in as_list(item.get("candidates")):
        content = candidate.get("content") if isinstance(candidate, dict) else None
        if isinstance(content, dict):
            yield from as_list(content.get("parts"))


def _converse(item: Mapping[str, Any]) -> Iterable[Any]:
    """Yield what an event of Bedrock's stream adds, under the names of Anthropic's."""
    for event, inner in (("contentBlockStart", "start"), ("contentBlockDelta", "delta")):
        told = item.get(event)
        if not isinstance(told, dict) or not isinstance(piece := told.get(inner), dict):
            continue
        index, tool = told.get("contentBlockIndex"), piece.get("toolUse")
        thought = piece.get("reasoningContent")
        if isinstance(tool, dict) and inner == "start":
            yield {"type": "tool_use", "id": tool.get("toolUseId"), "name": tool.get("name"), "index": index}
        elif isinstance(tool, dict):
            yield {"partial_json": tool.get("input"), "index": index}
        elif isinstance(thought, dict):
            yield {"thinking": thought.get("text")}
        else:
            yield piece


def _add(piece: Any, texts: list[str], reasoning: list[str], calls: dict[int, dict[str, Any]]) -> None:
    if not isinstance(piece, dict):
        return
    text = piece.get("content") or piece.get("text")
    if isinstance(text, str):
        (reasoning if piece.get("thought") is True else texts).append(text)
    thought = piece.get("reasoning_content") or piece.get("thinking")
    if isinstance(thought, str):
        reasoning.append(thought)
    if piece.get("type") == "tool_use":
        calls[_place(piece, calls)] = {"id": piece.get("id"), "name": piece.get("name"), "arguments": ""}
    if isinstance(partial := piece.get("partial_json"), str) and (place := _place(piece, calls)) in calls:
        calls[place]["arguments"] = f"{calls[place]['arguments']}{partial}"
    if isinstance(function := piece.get("functionCall"), dict):
        calls[len(calls)] = {"name": function.get("name"), "arguments": function.get("args")}
    for call in as_list(piece.get("tool_calls")):
        if isinstance(call, dict):
            _add_call(call, calls)


def _place(piece: Mapping[str, Any], calls: Mapping[Any, Any]) -> int:
    index = piece.get("index")
    return index if isinstance(index, int) else len(calls)


def _add_call(call: Mapping[str, Any], calls: dict[int, dict[str, Any]]) -> None:
    function = call.get("function")
    told: Mapping[str, Any] = function if isinstance(function, dict) else {}
    known = calls.setdefault(_place(call, calls), {"id": None, "name": None, "arguments": ""})
    known["id"] = known["id"] or call.get("id")
    known["name"] = known["name"] or told.get("name")
    arguments = told.get("arguments")
    if isinstance(arguments, str) and isinstance(known["arguments"], str):
        known["arguments"] += arguments
    elif arguments is not None:
        known["arguments"] = arguments
