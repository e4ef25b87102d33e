"""The talk as OpenAI's chat completions write it."""

from __future__ import annotations

from tests.unit.conversation.shapes.talk import (
    AI,
    ANSWERED,
    ASKED,
    CALL,
    CALLED,
    IMAGE,
    NO_SYSTEM,
    PNG,
    SYS,
    SYSTEM,
    TOOL_ANSWER,
    TOOL_ARGUMENTS,
    TOOLS,
    USER,
    Shape,
    choice,
    chunks,
)

OPENAI_CHAT: dict[str, Shape] = {
    "messages": Shape([SYS, USER], AI),
    "request and answer": Shape({"model": "gpt", "messages": [SYS, USER]}, choice(AI)),
    "developer role": Shape([{"role": "developer", "content": SYSTEM}, USER], choice(AI)),
    "text parts": Shape([SYS, {"role": "user", "content": [{"type": "text", "text": ASKED}]}], AI),
    "two choices": Shape(
        [SYS, USER],
        {"choices": [{"message": AI}, {"message": {**AI, "content": "Paris."}}]},
        {"response": f"{ANSWERED}\nParis."},
    ),
    "refusal part": Shape(
        [SYS, USER],
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"response": "No."},
    ),
    "image url": Shape(
        [
            SYS,
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": ASKED},
                    {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
                ],
            },
        ],
        AI,
        {"prompt": f"{ASKED}\n[image]"},
    ),
    "image data": Shape(
        [
            SYS,
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": ASKED},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                ],
            },
        ],
        AI,
        {"prompt": f"{ASKED}\n{IMAGE}"},
    ),
    "audio": Shape(
        [
            SYS,
            {
                "role": "user",
                "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}],
            },
        ],
        AI,
        {"prompt": "[audio audio/wav 3 bytes]"},
    ),
    "file": Shape(
        [SYS, {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}],
        AI,
        {"prompt": "[file]"},
    ),
    "tool call answered": Shape(
        [
            SYS,
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": TOOL_ANSWER},
        ],
        AI,
        TOOLS,
    ),
    "tool call asked": Shape(
        [SYS, USER], choice({"role": "assistant", "content": None, "tool_calls": [CALL]}), CALLED
    ),
    "function call of old": Shape(
        [SYS, USER],
        choice(
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "track", "arguments": TOOL_ARGUMENTS},
            }
        ),
        CALLED,
    ),
    "function role": Shape(
        [SYS, USER, {"role": "function", "name": "track", "content": TOOL_ANSWER}],
        AI,
        {"results": (TOOL_ANSWER,)},
    ),
    "stream": Shape(
        [SYS, USER],
        chunks({"role": "assistant", "content": ""}, {"content": "It is "}, {"content": "in Lyon."}, {}),
    ),
    "stream of a tool call": Shape(
        [SYS, USER],
        chunks(
            {
                "role": "assistant",
                "tool_calls": [{"index": 0, "id": "c1", "function": {"name": "track", "arguments": ""}}],
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"id"'}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": ":7}"}}]},
        ),
        CALLED,
    ),
    "reasoning content": Shape(
        [SYS, USER], choice({**AI, "reasoning_content": "Think."}), {"reasoning": "Think."}
    ),
    "completions": Shape(
        {"model": "d", "prompt": ASKED},
        {"object": "text_completion", "choices": [{"text": ANSWERED, "index": 0, "finish_reason": "stop"}]},
        NO_SYSTEM,
    ),
    "assistants": Shape(
        [SYS, USER],
        {"role": "assistant", "content": [{"type": "text", "text": {"value": ANSWERED, "annotations": []}}]},
    ),
    "batch line": Shape(
        {
            "custom_id": "1",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt", "messages": [SYS, USER]},
        },
        AI,
    ),
}
