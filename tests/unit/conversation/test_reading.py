from __future__ import annotations

import json
import time
from typing import Any

import pytest

from monitoring.conversation import Conversation, read_messages, results_of, texts_of
from monitoring.marks import Mark
from tests.unit.conversation.shapes import ANSWERED, ASKED, PNG, SHAPES, SYSTEM, Shape

TALK = {
    "prompt": ASKED,
    "response": ANSWERED,
    "system": SYSTEM,
    "results": (),
    "calls": [],
    "reasoning": None,
}


def read(shape: Shape) -> tuple[dict[str, Any], set[str]]:
    asked, answered = read_messages(shape.inputs, "user"), read_messages(shape.outputs, "assistant")
    texts = texts_of(Conversation(asked.messages, answered.messages))
    messages = [*asked.messages, *answered.messages]
    found = {
        **texts._asdict(),
        "results": results_of(asked.messages),
        "calls": [call["function"]["name"] for one in messages for call in one.get("tool_calls", ())],
        "reasoning": next((one["reasoning"] for one in answered.messages if "reasoning" in one), None),
    }
    return found, {*asked.marks, *answered.marks}


def test_there_are_as_many_shapes_as_promised() -> None:
    assert len(SHAPES) >= 150


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_says_the_same(shape: Shape) -> None:
    found, marks = read(shape)
    assert (found, marks) == ({**TALK, **shape.expected}, set())


# Frameworks record structure or its JSON, and nobody knows beforehand which.
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_says_the_same_as_json(shape: Shape) -> None:
    found, marks = read(Shape(json.dumps(shape.inputs), json.dumps(shape.outputs)))
    assert (found, marks) == ({**TALK, **shape.expected}, set())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_encoded_media_stays_anywhere(shape: Shape) -> None:
    messages = [
        *read_messages(shape.inputs, "user").messages,
        *read_messages(shape.outputs, "assistant").messages,
    ]
    assert PNG not in json.dumps(messages)


UNKNOWN = {
    "an answer that is an object": '{"depot": "Lyon", "days": 2}',
    "an answer that names an answer": '{"answer": "Lyon", "confidence": 0.9}',
    "numbers": "[1, 2, 3]",
    "a list of objects": '[{"type": "order", "id": 7}]',
    "settings": '{"temperature": 0.1}',
    "arguments of a tool": '{"id": 7, "place": {"city": "Lyon"}}',
    "a number": "7",
}


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_no_known_shape_stays_as_it_is(text: str) -> None:
    found = read_messages(text, "assistant")
    assert [one["content"] for one in found.messages] == [text]
    assert found.marks == ((Mark.UNRECOGNISED_SHAPE,) if text[0] in "[{" else ())


NO_STREAMS: dict[str, tuple[Any, list[str]]] = {
    "documents with metadata": (
        [{"text": "In Lyon.", "metadata": {"page": 1}}, {"text": "By road.", "metadata": {"page": 2}}],
        ["In Lyon.\nBy road."],
    ),
    "whole answers": (
        [{"choices": [{"text": text, "finish_reason": "stop"}]} for text in ("In Lyon.", "In Paris.")],
        ["In Lyon.", "In Paris."],
    ),
    "a note": ("data: the parcel is in Lyon", ["data: the parcel is in Lyon"]),
    "a note of events": ("event: a party\ndata: tomorrow", ["event: a party\ndata: tomorrow"]),
    "an address": ("data:,Lyon", ["data:,Lyon"]),
    "nothing sent": ("data: [DONE]", ["data: [DONE]"]),
    "a stream that breaks off": (
        'data: {"choices":[{"delta":{"content":"In"}}]}\n\ndata: {"choi',
        ['data: {"choices":[{"delta":{"content":"In"}}]}\n\ndata: {"choi'],
    ),
}


@pytest.mark.parametrize(("value", "texts"), NO_STREAMS.values(), ids=NO_STREAMS)
def test_what_only_resembles_a_stream_is_none(value: Any, texts: list[str]) -> None:
    said = [one["content"] for one in read_messages(value, "assistant").messages]
    assert said == texts


def test_a_nul_in_a_stream_is_replaced() -> None:
    (message,) = read_messages('data: {"choices":[{"delta":{"content":"a\\u0000b"}}]}', "assistant").messages
    assert message["content"] == "a\N{REPLACEMENT CHARACTER}b"


PLAIN = [
    "[Note] The parcel is late.",
    "[1] According to the depot it is in Lyon.",
    "{name}, your parcel is in Lyon.",
    '"Lyon" is the name of a depot.',
    "[",
    '{"',
    "{}",
    "Lyon",
    "[[wiki]] links",
    "{'a'",
    "{% raw %}",
    '["unclosed',
    "[{'role': 'user', {'a': {}}: 'no key of a mapping'}]",
    "{{}}",
    '{{"name"}}',
    "{[1]: 2}",
    "{{'a': 1}: 2}",
    "{'role': 'user', 'content': [...]}",
    "{'role': 'tool', 'content': {(1, 2): 3}}",
    "[{'role': 'tool', 'content': {None: 1}}]",
    "{'messages': [{'role': 'tool', 'content': [1j]}]}",
    "{'role': 'user', 'content': '\\ud800'}",
]


@pytest.mark.parametrize("text", PLAIN)
def test_text_that_only_begins_like_a_structure_stays_as_it_is(text: str) -> None:
    found = read_messages(text, "user")
    assert [one["content"] for one in found.messages] == [text]
    assert Mark.TRUNCATED not in found.marks


WHOLE = json.dumps(
    [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "text", "text": f"{ASKED} " * 5}]},
    ]
)


@pytest.mark.parametrize("length", range(WHOLE.index(ASKED) + 5, len(WHOLE)))
def test_texts_are_recovered_from_json_that_was_cut(length: int) -> None:
    found = read_messages(WHOLE[:length], "user")
    texts = texts_of(Conversation(found.messages))
    assert found.marks == (Mark.TRUNCATED,)
    assert texts.system == SYSTEM
    assert texts.prompt
    assert f"{ASKED} ".startswith(texts.prompt[: len(ASKED)])


def test_one_unknown_item_costs_only_itself() -> None:
    found = read_messages([{"role": "user", "content": ASKED}, {"odd": True}], "user")
    assert [one["content"] for one in found.messages] == [ASKED, '{"odd":true}']
    assert found.marks == (Mark.UNRECOGNISED_SHAPE,)


@pytest.mark.parametrize(
    "value",
    [
        {"data": [{"object": "embedding", "index": 0, "embedding": [0.1] * 32}], "model": "e"},
        {"embeddings": [[0.1] * 32]},
        [0.1] * 1536,
        [[0.1] * 32, [0.2] * 32],
        json.dumps([0.5] * 1536),
    ],
)
def test_a_vector_is_no_text(value: Any) -> None:
    assert read_messages(value, "assistant").messages == []


def nested(levels: int, *keys: str) -> Any:
    value: Any = {"odd": 1}
    for level in range(levels):
        value = {key: value if key == keys[level % len(keys)] else {"odd": [key]} for key in keys}
    return value


HOSTILE = {
    "brackets": "[" * 100_000,
    "nested lists": json.dumps(json.loads("[" * 400 + "]" * 400)),
    "wrappers in wrappers": nested(400, "inputs", "kwargs", "args", "data"),
    "messages in messages": nested(400, "messages"),
    "answers in answers": nested(400, "output", "message", "response", "data"),
    "quotes": '"' * 100_000,
    "escapes": '"' + "\\" * 100_001,
    "many messages": [{"role": "user", "content": "x"}] * 20_000,
    "base64 beginnings": "iVBORw0KGgo" * 20_000,
    "data URIs": "data:image/png;base64," * 20_000,
    "repr": "{'a': " * 5_000,
    "events": "data: {}\n" * 50_000,
    "events of brackets": "data: " + "[" * 100_000,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_no_value_costs_more_than_its_length(value: Any) -> None:
    begun = time.process_time()
    read_messages(value, "user")
    assert time.process_time() - begun < 1.0
