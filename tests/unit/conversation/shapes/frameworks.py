"""The talk as other frameworks record it."""

from __future__ import annotations

import json

from tests.unit.conversation.shapes.talk import (
    AI,
    ANSWERED,
    ASKED,
    GEMINI_ASKED,
    IMAGE,
    PNG,
    SYS,
    SYSTEM,
    TOOL_ANSWER,
    TOOLS,
    USER,
    Shape,
    choice,
)

FRAMEWORKS: dict[str, Shape] = {
    "OpenTelemetry parts": Shape(
        [
            {"role": "system", "parts": [{"type": "text", "content": SYSTEM}]},
            {"role": "user", "parts": [{"type": "text", "content": ASKED}]},
        ],
        [{"role": "assistant", "parts": [{"type": "text", "content": ANSWERED}], "finish_reason": "stop"}],
    ),
    "OpenTelemetry tools": Shape(
        [
            SYS,
            {"role": "user", "parts": [{"type": "text", "content": ASKED}]},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c1", "name": "track", "arguments": {"id": 7}}],
            },
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "c1", "response": {"depot": "Lyon"}}],
            },
        ],
        AI,
        TOOLS,
    ),
    "OpenTelemetry blob": Shape(
        [
            SYS,
            {
                "role": "user",
                "parts": [
                    {"type": "text", "content": ASKED},
                    {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
                ],
            },
        ],
        AI,
        {"prompt": f"{ASKED}\n{IMAGE}"},
    ),
    "OpenTelemetry uri": Shape(
        [
            SYS,
            {
                "role": "user",
                "parts": [
                    {"type": "text", "content": ASKED},
                    {"type": "uri", "modality": "image", "uri": "https://a.example/b"},
                ],
            },
        ],
        AI,
        {"prompt": f"{ASKED}\n[image]"},
    ),
    "OpenTelemetry reasoning": Shape(
        [SYS, USER],
        [
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": "Think."}, {"type": "text", "content": ANSWERED}],
            }
        ],
        {"reasoning": "Think."},
    ),
    "events of pydantic-ai 1": Shape(
        [
            {"content": SYSTEM, "role": "system", "event.name": "gen_ai.system.message"},
            {
                "content": ASKED,
                "role": "user",
                "gen_ai.message.index": 0,
                "event.name": "gen_ai.user.message",
            },
        ],
        [{"index": 0, "message": AI, "event.name": "gen_ai.choice"}],
    ),
    "pydantic-ai binary": Shape(
        [
            SYS,
            {"role": "user", "content": [ASKED, {"kind": "binary", "data": PNG, "media_type": "image/png"}]},
        ],
        AI,
        {"prompt": f"{ASKED}\n{IMAGE}"},
    ),
    "pydantic-ai image url": Shape(
        [SYS, {"role": "user", "content": [ASKED, {"kind": "image-url", "url": "https://a/b"}]}],
        AI,
        {"prompt": f"{ASKED}\n[image]"},
    ),
    "Logfire": Shape(
        {"messages": [SYS, USER], "model": "gpt", "stream": False}, {"message": AI, "usage": {"total": 9}}
    ),
    "Vercel image": Shape(
        [
            SYS,
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": ASKED},
                    {"type": "image", "image": PNG, "mediaType": "image/png"},
                ],
            },
        ],
        AI,
        {"prompt": f"{ASKED}\n{IMAGE}"},
    ),
    "Vercel file": Shape(
        [
            SYS,
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": ASKED},
                    {"type": "file", "data": PNG, "mediaType": "image/png"},
                ],
            },
        ],
        AI,
        {"prompt": f"{ASKED}\n{IMAGE}"},
    ),
    "Vercel tool call": Shape(
        [
            SYS,
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "tool-call", "toolCallId": "c1", "toolName": "track", "input": {"id": 7}}
                ],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "c1",
                        "toolName": "track",
                        "output": {"depot": "Lyon"},
                    }
                ],
            },
        ],
        AI,
        TOOLS,
    ),
    "Vercel tool output": Shape(
        [
            SYS,
            USER,
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "c1",
                        "output": {"type": "json", "value": {"depot": "Lyon"}},
                    }
                ],
            },
        ],
        AI,
        {"results": (TOOL_ANSWER,)},
    ),
    "Vercel prompt": Shape({"system": SYSTEM, "messages": [USER]}, ANSWERED),
    "Vercel prompt of text": Shape({"system": SYSTEM, "prompt": ASKED}, ANSWERED),
    "Semantic Kernel log": Shape(
        [SYS, {"role": "user", "content": ASKED}],
        {"index": 0, "message": AI, "finish_reason": "STOP", "tool_calls": []},
    ),
    "Semantic Kernel, C#": Shape(
        [
            {"Role": {"Label": "system"}, "content": SYSTEM, "role": {"label": "system"}},
            {"role": {"label": "user"}, "items": [{"$type": "TextContent", "text": ASKED}]},
        ],
        AI,
    ),
    "LlamaIndex": Shape(
        [{"role": "MessageRole.SYSTEM", "content": SYSTEM}, {"role": "MessageRole.USER", "content": ASKED}],
        {"message": {"role": "MessageRole.ASSISTANT", "content": ANSWERED}, "raw": {}},
    ),
    "LlamaIndex blocks": Shape(
        [
            {"role": "system", "blocks": None, "content": SYSTEM},
            {"role": "user", "content": [{"block_type": "text", "text": ASKED}]},
        ],
        AI,
    ),
    "Haystack": Shape(
        [{"role": "system", "content": [{"text": SYSTEM}]}, {"role": "user", "content": [{"text": ASKED}]}],
        {"replies": None, "role": "assistant", "content": [{"text": ANSWERED}]},
    ),
    "Google ADK": Shape(
        {"model": "g", "config": {"system_instruction": SYSTEM, "tools": []}, "contents": [GEMINI_ASKED]},
        {"content": {"parts": [{"text": ANSWERED}], "role": "model"}, "usage_metadata": {}},
    ),
    "MLflow": Shape({"model": "gpt", "messages": [SYS, USER], "temperature": 0.1}, choice(AI)),
    "Langfuse": Shape({"messages": [SYS, USER], "tools": []}, AI),
    "Langfuse observe": Shape({"args": [], "kwargs": {"messages": [SYS, USER]}}, ANSWERED),
    "OpenInference contents": Shape(
        [SYS, {"role": "user", "contents": [{"message_content": {"type": "text", "text": ASKED}}]}],
        [{"message": AI}],
    ),
    "OpenInference image": Shape(
        [
            SYS,
            {
                "role": "user",
                "contents": [
                    {"message_content": {"type": "text", "text": ASKED}},
                    {
                        "message_content": {
                            "type": "image",
                            "image": {"image": {"url": f"data:image/png;base64,{PNG}"}},
                        }
                    },
                ],
            },
        ],
        AI,
        {"prompt": f"{ASKED}\n{IMAGE}"},
    ),
    "CrewAI file in a text": Shape(
        [
            SYS,
            {
                "role": "user",
                "content": [
                    {
                        "type": "text",
                        "text": json.dumps(
                            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
                        ),
                    },
                    {"type": "text", "text": ASKED},
                ],
            },
        ],
        AI,
        {"prompt": f"{IMAGE}\n{ASKED}"},
    ),
    "smolagents": Shape(
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": SYSTEM}]},
                {"role": "user", "content": [{"type": "text", "text": ASKED}]},
            ]
        },
        AI,
    ),
    "DSPy": Shape({"messages": [SYS, USER], "prompt": None}, [ANSWERED]),
    "AutoGen": Shape(
        [{"content": SYSTEM, "role": "system"}, {"content": ASKED, "role": "user", "name": "a"}],
        {"content": ANSWERED, "role": "assistant", "function_call": None, "tool_calls": None},
    ),
    "enum role": Shape(
        [{"role": "ChatRole.SYSTEM", "content": SYSTEM}, {"role": "USER", "content": ASKED}], AI
    ),
}
