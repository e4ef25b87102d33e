"""The answers of providers other than OpenAI's chat, in their own forms.

The words and the usage are always the same.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

__all__ = ["ANSWER", "QUESTION", "Reply", "answer_of", "arguments_of", "wanted_tool"]

QUESTION, ANSWER = "Is it raining in Paris?", "It is not raining in Paris today."
_FRESH, _CACHED, _ANSWERED, _REASONED = 176, 1024, 45, 20
_DIMENSIONS = 8
_numbers = count(1)


class Reply(NamedTuple):
    """An answer: one JSON value, or parts of a stream that are sent one after another."""

    value: Any = None
    stream: tuple[str, ...] = ()
    media: str = "text/event-stream"


def wanted_tool(names: Sequence[str], asked: object, result: str) -> str | None:
    """Return the name of the tool to call, or None for the answer.

    The first tool is called until a message has a `result` in it.
    """
    return names[0] if names and f'"{result}"' not in json.dumps(asked) else None


def arguments_of(schema: Any) -> dict[str, Any]:
    """Return arguments for a tool: the city for every text parameter."""
    properties = (schema or {}).get("properties") or {"city": {}}
    return {
        name: "Paris" for name, kind in properties.items() if kind.get("type", "string").lower() == "string"
    }


def _fresh_id(prefix: str) -> str:
    return f"{prefix}{next(_numbers)}"


def _words() -> list[str]:
    return re.findall(r" ?\S+", ANSWER)


def _events(*events: Mapping[str, Any]) -> Reply:
    """Return the events of a stream that names the type of each event twice.

    The streams of Anthropic and of OpenAI's Responses do so.
    """
    return Reply(stream=tuple(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events))


def _anthropic(_: str, body: dict[str, Any]) -> Reply:
    tools = {tool["name"]: tool.get("input_schema") for tool in body.get("tools", ())}
    used = {"input_tokens": _FRESH, "cache_read_input_tokens": _CACHED, "cache_creation_input_tokens": 0}
    tool = wanted_tool([*tools], body["messages"], "tool_result")
    content: dict[str, Any] = {"type": "text", "text": ANSWER}
    if tool:
        content = {"type": "tool_use", "id": "toolu_1", "name": tool, "input": arguments_of(tools[tool])}
    message = {
        "id": _fresh_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [content],
        "stop_reason": "tool_use" if tool else "end_turn",
        "stop_sequence": None,
        "usage": {**used, "output_tokens": _ANSWERED},
    }
    if not body.get("stream"):
        return Reply(message)
    begun = {**message, "content": [], "stop_reason": None, "usage": {**used, "output_tokens": 1}}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    if tool:
        block = {**content, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(content["input"])}]
    else:
        block = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": word} for word in _words()]
    return _events(
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": _ANSWERED}},
        {"type": "message_stop"},
    )


def _gemini(path: str, body: dict[str, Any]) -> Reply:
    declared = [one for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ())]
    tool = wanted_tool([one["name"] for one in declared], body["contents"], "functionResponse")
    part: dict[str, Any] = {"text": ANSWER}
    if tool:
        part = {"functionCall": {"name": tool, "args": {"city": "Paris"}}}

    def chunk(part: dict[str, Any]) -> dict[str, Any]:
        return {
            "candidates": [
                {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
            ],
            "usageMetadata": {
                "promptTokenCount": _FRESH + _CACHED,
                "cachedContentTokenCount": _CACHED,
                "candidatesTokenCount": _ANSWERED - _REASONED,
                "thoughtsTokenCount": _REASONED,
                "totalTokenCount": _FRESH + _CACHED + _ANSWERED,
            },
            "modelVersion": path.rpartition("/")[2].partition(":")[0],
            "responseId": _fresh_id("gemini-"),
        }

    if "stream" not in path:
        return Reply(chunk(part))
    return Reply(stream=tuple(f"data: {json.dumps(chunk({'text': word}))}\n\n" for word in _words()))


def _message_item() -> dict[str, Any]:
    text = {"type": "output_text", "text": ANSWER, "annotations": [], "logprobs": []}
    return {
        "type": "message",
        "id": _fresh_id("msg_"),
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }


def _call_item(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": _fresh_id("fc_"),
        "call_id": "call_1",
        "name": tool,
        "arguments": json.dumps(arguments),
        "status": "completed",
    }


def _responses(_: str, body: dict[str, Any]) -> Reply:
    tools = {tool["name"]: tool.get("parameters") for tool in body.get("tools", ()) if "name" in tool}
    tool = wanted_tool([*tools], body["input"], "function_call_output")
    item = _call_item(tool, arguments_of(tools[tool])) if tool else _message_item()
    done = {
        "id": _fresh_id("resp_"),
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "completed",
        "model": f"{body['model']}-2024-07-18",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": body.get("tools", []),
        "instructions": body.get("instructions"),
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "error": None,
        "incomplete_details": None,
        "usage": {
            "input_tokens": _FRESH + _CACHED,
            "input_tokens_details": {"cached_tokens": _CACHED},
            "output_tokens": _ANSWERED,
            "output_tokens_details": {"reasoning_tokens": _REASONED},
            "total_tokens": _FRESH + _CACHED + _ANSWERED,
        },
    }
    if not body.get("stream"):
        return Reply(done)
    return _events(*_numbered(_response_events(done, item)))


def _response_events(done: dict[str, Any], item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    place = {"output_index": 0, "item_id": item["id"]}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}}
    if item["type"] == "message":
        (text,) = item["content"]
        part = {**place, "content_index": 0}
        yield {"type": "response.content_part.added", **part, "part": {**text, "text": ""}}
        for word in _words():
            yield {"type": "response.output_text.delta", **part, "delta": word, "logprobs": []}
        yield {"type": "response.output_text.done", **part, "text": ANSWER, "logprobs": []}
        yield {"type": "response.content_part.done", **part, "part": text}
    else:
        yield {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]}
        yield {
            "type": "response.function_call_arguments.done",
            **place,
            "name": item["name"],
            "arguments": item["arguments"],
        }
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": done}


def _numbered(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


def _embeddings(_: str, body: dict[str, Any]) -> Reply:
    given = body["input"]
    texts = given if isinstance(given, list) and given and isinstance(given[0], str | list) else [given]
    vector: Any = [0.5] * _DIMENSIONS
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{_DIMENSIONS}f", *vector)).decode()
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, _ in enumerate(texts)]
    used = {"prompt_tokens": 9 * len(texts), "total_tokens": 9 * len(texts)}
    return Reply({"object": "list", "data": data, "model": body["model"], "usage": used})


def _cohere(_: str, __: dict[str, Any]) -> Reply:
    tokens = {"input_tokens": _FRESH + _CACHED, "output_tokens": _ANSWERED}
    return Reply(
        {
            "id": _fresh_id("cohere-"),
            "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]},
            "usage": {"billed_units": tokens, "tokens": tokens},
        }
    )


def _ollama(_: str, body: dict[str, Any]) -> Reply:
    return Reply(
        {
            "model": body["model"],
            "created_at": "2026-11-29T12:00:00Z",
            "message": {"role": "assistant", "content": ANSWER},
            "done": True,
            "done_reason": "stop",
            "total_duration": 5_000_000,
            "prompt_eval_count": _FRESH + _CACHED,
            "eval_count": _ANSWERED,
        }
    )


def _bedrock(_: str, __: dict[str, Any]) -> Reply:
    used = {
        "inputTokens": _FRESH,
        "outputTokens": _ANSWERED,
        "cacheReadInputTokens": _CACHED,
        "totalTokens": _FRESH + _CACHED + _ANSWERED,
    }
    message = {"role": "assistant", "content": [{"text": ANSWER}]}
    return Reply(
        {
            "output": {"message": message},
            "stopReason": "end_turn",
            "usage": used,
            "metrics": {"latencyMs": 5},
        }
    )


_ANSWERS: tuple[tuple[str, Callable[[str, dict[str, Any]], Reply]], ...] = (
    ("/v1/messages", _anthropic),
    (":generateContent", _gemini),
    (":streamGenerateContent", _gemini),
    ("/responses", _responses),
    ("/embeddings", _embeddings),
    ("/v2/chat", _cohere),
    ("/api/chat", _ollama),
    ("/converse", _bedrock),
)


def answer_of(path: str, body: dict[str, Any]) -> Reply | None:
    """Return what the provider at this path answers, or None if there is none."""
    bare = path.partition("?")[0]
    return next((answer(bare, body) for end, answer in _ANSWERS if bare.endswith(end)), None)
