"""The talk in the encodings that recorders use, and with media in its texts."""

from __future__ import annotations

import json

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
    TALK,
    Shape,
)

ENCODINGS: dict[str, Shape] = {
    "JSON": Shape(json.dumps(TALK), json.dumps([AI])),
    "encoded twice": Shape(json.dumps(json.dumps(TALK)), json.dumps(json.dumps([AI]))),
    "encoded three times": Shape(json.dumps(json.dumps(json.dumps(TALK))), json.dumps([AI])),
    "array of JSON strings": Shape([json.dumps(one) for one in TALK], [json.dumps(AI)]),
    "JSON list of JSON strings": Shape(
        json.dumps([json.dumps(one) for one in TALK]), json.dumps([json.dumps(AI)])
    ),
    "repr": Shape(repr(TALK), repr([AI])),
    "repr with None": Shape(
        repr({"messages": TALK, "tools": None, "stream": False}), repr({**AI, "tool_calls": None})
    ),
    "quoted text": Shape(json.dumps(ASKED), json.dumps(ANSWERED), NO_SYSTEM),
    "spaces before": Shape("\n  " + json.dumps(TALK), json.dumps(AI)),
    "messages in a string": Shape({"messages": json.dumps(TALK)}, {"message": json.dumps(AI)}),
    "tool calls in a string": Shape(
        TALK, {"role": "assistant", "content": None, "tool_calls": json.dumps([CALL])}, CALLED
    ),
    "parts in a content string": Shape(
        [SYS, {"role": "user", "content": json.dumps([{"type": "text", "text": ASKED}])}], AI
    ),
    "data URI as content": Shape(
        [SYS, {"role": "user", "content": f"data:image/png;base64,{PNG}"}], AI, {"prompt": IMAGE}
    ),
    "data URI in a text": Shape(
        [SYS, {"role": "user", "content": f"{ASKED} data:image/png;base64,{PNG}"}],
        AI,
        {"prompt": f"{ASKED} {IMAGE}"},
    ),
    "bare base64 of an image": Shape(
        [SYS, {"role": "user", "content": PNG + "A" * 240}], AI, {"prompt": "[image image/png 225 bytes]"}
    ),
    "image as the answer": Shape(
        TALK,
        {"role": "assistant", "parts": [{"type": "blob", "mime_type": "image/png", "content": PNG}]},
        {"response": IMAGE},
    ),
}
