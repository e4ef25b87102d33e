from __future__ import annotations

import json
from typing import Any

import pytest

from monitoring.conversation import read_messages
from monitoring.conversation.plain import read_plain

SAID = {"role": "user", "content": "Is it raining?"}
PARTS = {
    "role": "assistant",
    "parts": [{"type": "text", "content": "No."}, {"type": "text", "text": "Not now."}],
}
PLAIN: list[list[dict[str, Any]]] = [
    [SAID],
    [{"role": "system", "content": "Be brief."}, SAID],
    [PARTS],
    [{**PARTS, "finish_reason": "stop"}],
]
OTHER: list[Any] = [
    [],
    [{**SAID, "content": ""}],
    [{**SAID, "content": '["a list"]'}],
    [{**SAID, "name": "Ann"}],
    [{**SAID, "role": "model"}],
    [{**SAID, "parts": PARTS["parts"]}],
    [{"role": "user", "parts": [{"type": "text"}]}],
    [{"role": "user", "parts": [{"type": "text", "content": "a", "text": "b"}]}],
    [{"role": "user", "parts": [{"type": "image", "content": "a"}]}],
    SAID,
]


@pytest.mark.parametrize("messages", PLAIN)
def test_what_is_read_in_one_go_says_what_is_read_by_names(messages: list[dict[str, Any]]) -> None:
    assert read_plain(json.dumps(messages)) == read_messages(messages, "user").messages


@pytest.mark.parametrize("value", OTHER)
def test_whatever_else_there_is_needs_a_look_at_its_names(value: Any) -> None:
    assert not read_plain(json.dumps(value))
    assert read_messages(json.dumps(value), "user") == read_messages(value, "user")


@pytest.mark.parametrize("text", ["", "[{", '[{"role":"user","content":"a\\u0000"}]', "[" * 9, 7, None])
def test_no_value_trips_it(text: Any) -> None:
    assert read_plain(text) is None
