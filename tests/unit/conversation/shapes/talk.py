"""How providers and frameworks write one small talk, from their documented formats.

The shapes show what went into a call and what came out. Unless a row says otherwise, the system
said "Be brief.", the user asked "Where is parcel 7?", and the answer was "It is in Lyon.". The last
member of a row holds what is different.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

ASKED, ANSWERED, SYSTEM = "Where is parcel 7?", "It is in Lyon.", "Be brief."
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
IMAGE = "[image image/png 45 bytes]"
TOOL_ARGUMENTS = '{"id":7}'
TOOL_ANSWER = '{"depot":"Lyon"}'
CALL = {"id": "c1", "type": "function", "function": {"name": "track", "arguments": TOOL_ARGUMENTS}}
SYS = {"role": "system", "content": SYSTEM}
USER = {"role": "user", "content": ASKED}
AI = {"role": "assistant", "content": ANSWERED}


class Shape(NamedTuple):
    """One way of writing the talk.

    `expected` holds those of prompt, response, system, results and calls that differ.
    """

    inputs: Any
    outputs: Any
    expected: Mapping[str, Any] = MappingProxyType({})


NO_SYSTEM: dict[str, Any] = {"system": None}
TOOLS: dict[str, Any] = {"results": (TOOL_ANSWER,), "calls": ["track"]}
CALLED: dict[str, Any] = {"response": "", "calls": ["track"]}


def lc(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": kwargs}


def chunks(*pieces: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": piece}]} for piece in pieces
    ]


def choice(message: dict[str, Any]) -> dict[str, Any]:
    return {"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": message}]}


def item(text: str) -> dict[str, Any]:
    parts = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": parts}


ITEMS = [
    USER,
    {"type": "reasoning", "id": "rs", "summary": []},
    {"type": "function_call", "id": "fc", "call_id": "c1", "name": "track", "arguments": TOOL_ARGUMENTS},
    {"type": "function_call_output", "call_id": "c1", "output": TOOL_ANSWER},
]
GEMINI_ASKED = {"role": "user", "parts": [{"text": ASKED}]}
GEMINI = {"contents": [GEMINI_ASKED], "systemInstruction": {"parts": [{"text": SYSTEM}]}}
GEMINI_ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": ANSWERED}]}, "index": 0}]}
CONVERSE: dict[str, Any] = {
    "system": [{"text": SYSTEM}],
    "messages": [{"role": "user", "content": [{"text": ASKED}]}],
}
CONVERSE_ANSWER = {"output": {"message": {"role": "assistant", "content": [{"text": ANSWERED}]}}}
ANTHROPIC = {"model": "claude", "max_tokens": 9, "system": SYSTEM, "messages": [USER]}
ANTHROPIC_ANSWER = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": ANSWERED}],
}
TALK = [SYS, USER]
