"""The talk as Gemini writes it."""

from __future__ import annotations

from tests.unit.conversation.shapes.talk import (
    ANSWERED,
    ASKED,
    CALLED,
    GEMINI_ANSWER,
    GEMINI_ASKED,
    IMAGE,
    NO_SYSTEM,
    PNG,
    SYSTEM,
    TOOLS,
    Shape,
)
from tests.unit.conversation.shapes.talk import GEMINI as GEMINI_REQUEST

GEMINI: dict[str, Shape] = {
    "request and answer": Shape(GEMINI_REQUEST, GEMINI_ANSWER),
    "snake case": Shape({"contents": [GEMINI_ASKED], "system_instruction": SYSTEM}, GEMINI_ANSWER),
    "config": Shape(
        {"model": "g", "config": {"system_instruction": SYSTEM}, "contents": [GEMINI_ASKED]}, GEMINI_ANSWER
    ),
    "contents of text": Shape(
        {"model": "g", "contents": ASKED, "config": {"system_instruction": SYSTEM}}, GEMINI_ANSWER
    ),
    "contents of texts": Shape({"model": "g", "contents": ["Look.", ASKED]}, GEMINI_ANSWER, NO_SYSTEM),
    "content alone": Shape([GEMINI_ASKED], {"role": "model", "parts": [{"text": ANSWERED}]}, NO_SYSTEM),
    "answer of ADK": Shape(
        GEMINI_REQUEST, {"content": {"role": "model", "parts": [{"text": ANSWERED}]}, "partial": False}
    ),
    "thought": Shape(
        GEMINI_REQUEST,
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [{"text": "Think.", "thought": True}, {"text": ANSWERED}],
                    }
                }
            ]
        },
        {"reasoning": "Think."},
    ),
    "function call": Shape(
        GEMINI_REQUEST,
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [{"functionCall": {"name": "track", "args": {"id": 7}}}],
                    }
                }
            ]
        },
        CALLED,
    ),
    "function call, snake case": Shape(
        GEMINI_REQUEST,
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [{"function_call": {"name": "track", "args": {"id": 7}}}],
                    }
                }
            ]
        },
        CALLED,
    ),
    "function response": Shape(
        {
            **GEMINI_REQUEST,
            "contents": [
                GEMINI_ASKED,
                {"role": "model", "parts": [{"functionCall": {"name": "track", "args": {"id": 7}}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "track", "response": {"depot": "Lyon"}}}],
                },
            ],
        },
        GEMINI_ANSWER,
        TOOLS,
    ),
    "inline data": Shape(
        {
            **GEMINI_REQUEST,
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}, {"text": ASKED}],
                }
            ],
        },
        GEMINI_ANSWER,
        {"prompt": f"{IMAGE}\n{ASKED}"},
    ),
    "inline data, snake case": Shape(
        {
            **GEMINI_REQUEST,
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inline_data": {"mime_type": "image/png", "data": PNG}}, {"text": ASKED}],
                }
            ],
        },
        GEMINI_ANSWER,
        {"prompt": f"{IMAGE}\n{ASKED}"},
    ),
    "file data": Shape(
        {
            **GEMINI_REQUEST,
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://f.example/v"}},
                        {"text": ASKED},
                    ],
                }
            ],
        },
        GEMINI_ANSWER,
        {"prompt": f"[video video/mp4]\n{ASKED}"},
    ),
    "stream": Shape(
        GEMINI_REQUEST,
        [
            {"candidates": [{"content": {"parts": [{"text": "It is "}], "role": "model"}}]},
            {"candidates": [{"content": {"parts": [{"text": "in Lyon."}], "role": "model"}}]},
        ],
    ),
    "two candidates": Shape(
        GEMINI_REQUEST,
        {
            "candidates": [
                *GEMINI_ANSWER["candidates"],
                {"content": {"role": "model", "parts": [{"text": "Paris."}]}},
            ]
        },
        {"response": f"{ANSWERED}\nParis."},
    ),
}
