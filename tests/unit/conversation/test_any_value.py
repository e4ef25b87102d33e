from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.conversation import Conversation, messages_of, read_messages, results_of, texts_of
from monitoring.conversation.names import ANSWERED, ASKED, CALL_KEYS, LISTS, MESSAGE_KEYS, VECTORS, WRAPPERS

WORDS = [
    *ANSWERED, *ASKED, *LISTS, *MESSAGE_KEYS, *VECTORS, *WRAPPERS, *CALL_KEYS,
    "type", "kind", "lc", "id", "delta", "event.name", "index", "done", "thought", "source", "image", "json",
    "functionCall", "functionResponse", "toolUse", "toolResult", "reasoningContent", "partial_json", "function",
    "tool_use", "function_call_output", "content_block_delta", "message_start", "response.created", "human", "text",
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
VALUES = st.recursive(
    SCALARS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=24,
)


@settings(max_examples=1_500, deadline=None)
@given(value=VALUES, encoded=st.booleans(), role=st.sampled_from(["user", "assistant", "system"]))
def test_any_value_becomes_messages_of_text(value: Any, *, encoded: bool, role: str) -> None:
    found = read_messages(json.dumps(value) if encoded else value, role)
    for message in found.messages:
        assert isinstance(message["role"], str)
        assert isinstance(message["content"], str)
    conversation = Conversation(found.messages, found.messages)
    msgspec.json.encode((texts_of(conversation), messages_of(conversation), results_of(found.messages)))
