"""The talk as Anthropic writes it."""

from __future__ import annotations

from tests.unit.conversation.shapes.talk import (
    ANSWERED,
    ANTHROPIC_ANSWER,
    ASKED,
    CALLED,
    IMAGE,
    NO_SYSTEM,
    PNG,
    SYSTEM,
    TOOL_ANSWER,
    TOOLS,
    USER,
    Shape,
)
from tests.unit.conversation.shapes.talk import ANTHROPIC as ANTHROPIC_REQUEST

ANTHROPIC: dict[str, Shape] = {
    "request and answer": Shape(ANTHROPIC_REQUEST, ANTHROPIC_ANSWER),
    "system of blocks": Shape(
        {**ANTHROPIC_REQUEST, "system": [{"type": "text", "text": SYSTEM, "cache_control": {}}]},
        ANTHROPIC_ANSWER,
    ),
    "content blocks": Shape(
        {**ANTHROPIC_REQUEST, "messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}]},
        ANTHROPIC_ANSWER["content"],
    ),
    "thinking": Shape(
        ANTHROPIC_REQUEST,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Think.", "signature": "s"},
                {"type": "text", "text": ANSWERED},
            ],
        },
        {"reasoning": "Think."},
    ),
    "redacted thinking": Shape(
        ANTHROPIC_REQUEST,
        {
            "role": "assistant",
            "content": [
                {"type": "redacted_thinking", "data": "EmwKAhgB"},
                {"type": "text", "text": ANSWERED},
            ],
        },
    ),
    "tool use": Shape(
        ANTHROPIC_REQUEST,
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "track", "input": {"id": 7}}],
            "stop_reason": "tool_use",
        },
        CALLED,
    ),
    "tool result": Shape(
        {
            **ANTHROPIC_REQUEST,
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c1", "name": "track", "input": {"id": 7}}],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "c1", "content": TOOL_ANSWER}],
                },
            ],
        },
        ANTHROPIC_ANSWER,
        TOOLS,
    ),
    "tool result of blocks": Shape(
        {
            **ANTHROPIC_REQUEST,
            "messages": [
                USER,
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "c1",
                            "content": [{"type": "text", "text": TOOL_ANSWER}],
                        }
                    ],
                },
            ],
        },
        ANTHROPIC_ANSWER,
        {"results": (TOOL_ANSWER,)},
    ),
    "image": Shape(
        {
            **ANTHROPIC_REQUEST,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                        },
                        {"type": "text", "text": ASKED},
                    ],
                }
            ],
        },
        ANTHROPIC_ANSWER,
        {"prompt": f"{IMAGE}\n{ASKED}"},
    ),
    "document of text": Shape(
        {
            **ANTHROPIC_REQUEST,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "source": {
                                "type": "text",
                                "media_type": "text/plain",
                                "data": "Parcels are in Lyon.",
                            },
                        },
                        {"type": "text", "text": ASKED},
                    ],
                }
            ],
        },
        ANTHROPIC_ANSWER,
        {"prompt": f"Parcels are in Lyon.\n{ASKED}"},
    ),
    "document of bytes": Shape(
        {
            **ANTHROPIC_REQUEST,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"},
                        },
                        {"type": "text", "text": ASKED},
                    ],
                }
            ],
        },
        ANTHROPIC_ANSWER,
        {"prompt": f"[document application/pdf 6 bytes]\n{ASKED}"},
    ),
    "server tool": Shape(
        ANTHROPIC_REQUEST,
        {
            "role": "assistant",
            "content": [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "parcel"}},
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "s",
                    "content": [{"type": "web_search_result", "url": "u"}],
                },
                {"type": "text", "text": ANSWERED},
            ],
        },
        {"calls": ["web_search"]},
    ),
    "stream": Shape(
        ANTHROPIC_REQUEST,
        [
            {"type": "message_start", "message": {"role": "assistant", "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "It is "}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "in Lyon."}},
            {"type": "message_stop"},
        ],
    ),
    "legacy completion": Shape(
        {"prompt": ASKED, "max_tokens_to_sample": 9},
        {"completion": ANSWERED, "stop_reason": "stop"},
        NO_SYSTEM,
    ),
}
