"""The answer in the streams of providers: as lists of events, and as it was sent."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.conversation.shapes.talk import CALLED, CONVERSE, SYS, TALK, USER, Shape, chunks

_HELLO = chunks({"role": "assistant", "content": ""}, {"content": "It is "}, {"content": "in Lyon."}, {})
_USAGE = {"object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 9}}
_MESSAGE_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"role": "assistant", "content": []}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "It is "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "in Lyon."}},
    {"type": "message_stop"},
]


def _text(text: str, reason: str | None) -> dict[str, Any]:
    return {"object": "text_completion", "choices": [{"text": text, "index": 0, "finish_reason": reason}]}


def _delta(**delta: Any) -> dict[str, Any]:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": 0}}


def _sent(events: list[dict[str, Any]], *, named: bool = False) -> str:
    lines = [(f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n" for one in events]
    return "\n".join([*lines, "" if named else "data: [DONE]\n"])


STREAMS: dict[str, Shape] = {
    "usage at the end": Shape(TALK, [*_HELLO, _USAGE]),
    "usage at the end, without its type": Shape(
        TALK,
        [
            {"choices": [{"delta": {"content": "It is "}}]},
            {"choices": [{"delta": {"content": "in Lyon."}}]},
            {"choices": [], "usage": {"total_tokens": 9}},
        ],
    ),
    "text completions": Shape(TALK, [_text("It is ", None), _text("in Lyon.", "stop")]),
    "text completions, usage at the end": Shape(
        TALK, [_text("It is ", None), _text("in Lyon.", "stop"), {"choices": [], "usage": {}}]
    ),
    "Converse": Shape(
        CONVERSE,
        [
            {"messageStart": {"role": "assistant"}},
            _delta(reasoningContent={"text": "Think."}),
            _delta(text="It is "),
            _delta(text="in Lyon."),
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 3}}},
        ],
        {"reasoning": "Think."},
    ),
    "Converse, a tool": Shape(
        CONVERSE,
        [
            {"messageStart": {"role": "assistant"}},
            {
                "contentBlockStart": {
                    "start": {"toolUse": {"toolUseId": "c1", "name": "track"}},
                    "contentBlockIndex": 0,
                }
            },
            _delta(toolUse={"input": '{"id"'}),
            _delta(toolUse={"input": ":7}"}),
            {"messageStop": {"stopReason": "tool_use"}},
        ],
        CALLED,
    ),
    "server-sent events": Shape([SYS, USER], _sent([*_HELLO, _USAGE])),
    "server-sent events with names": Shape([SYS, USER], _sent(_MESSAGE_EVENTS, named=True)),
    "server-sent events with other ends of lines": Shape(
        [SYS, USER], _sent(_HELLO).replace("\n", "\r\n")
    ),
}  # fmt: skip
