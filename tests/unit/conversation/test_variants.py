"""Forms of known clients that say who spoke, or what was said, elsewhere than most do."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from monitoring.conversation import Conversation, read_messages, texts_of
from monitoring.conversation.media import replace_media
from monitoring.marks import Mark

ASKED, ANSWERED, SYSTEM = "Where is it?", "In Lyon.", "Be brief."
USER = {"role": "user", "content": ASKED}
CALL = {"type": "function_call", "call_id": "c", "name": "track", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "Lyon"}
THOUGHT = {"type": "reasoning", "id": "r", "summary": []}

# What the model did stands among the items of a request without a role.
ITEMS: dict[str, tuple[list[Any], list[str]]] = {
    "a thought and a call": ([USER, THOUGHT, CALL, RESULT], ["user", "assistant", "assistant", "tool"]),
    "without the user": ([THOUGHT, CALL, RESULT], ["assistant", "tool"]),
    "a tool of the provider": ([USER, {"type": "web_search_call", "id": "w"}], ["user", "assistant"]),
    "a call of Gemini": ([USER, {"functionCall": {"name": "track", "args": {}}}], ["user", "assistant"]),
    "a thought of Bedrock": (
        [USER, {"reasoningContent": {"reasoningText": {"text": "Hm."}}}],
        ["user", "assistant"],
    ),
    "an image of the user": (
        [USER, {"type": "input_image", "image_url": "https://a.example/b.png"}],
        ["user", "user"],
    ),
    "a text of the user": ([{"type": "input_text", "text": ASKED}], ["user"]),
}


@pytest.mark.parametrize(("items", "roles"), ITEMS.values(), ids=ITEMS)
def test_what_the_model_did_is_not_said_by_the_user(items: list[Any], roles: list[str]) -> None:
    found = read_messages(items, "user").messages
    assert [one["role"] for one in found] == roles


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "i"},
        {"type": "mcp_list_tools", "id": "m", "server_label": "s", "tools": []},
        {"odd": True},
    ],
)
def test_an_unknown_item_is_not_what_the_user_said(item: dict[str, Any]) -> None:
    found = read_messages([USER, item], "user")
    assert texts_of(Conversation(found.messages)).prompt == ASKED
    assert found.marks == (Mark.UNRECOGNISED_SHAPE,)


LINES = [{"message": {"role": "assistant", "content": text}, "done": False} for text in ("In ", "Lyon.")]
ANSWERS: dict[str, Any] = {
    "lines of JSON, as Ollama streams": "\n".join(map(json.dumps, LINES)),
    "lines of JSON, the last one ended": "".join(f"{json.dumps(one)}\n" for one in LINES),
    "lines of chunks": "\r\n".join(
        json.dumps({"choices": [{"delta": {"content": x}}]}) for x in ("In ", "Lyon.")
    ),
    "a refusal": {"role": "assistant", "content": None, "refusal": ANSWERED},
    "a transcript": {
        "role": "assistant",
        "content": None,
        "audio": {"id": "a", "data": "", "transcript": ANSWERED},
    },
    "replies of Haystack": {"replies": [{"role": "assistant", "content": [{"text": ANSWERED}], "meta": {}}]},
    "replies that are texts": {"replies": [ANSWERED]},
    "blocks of LlamaIndex": {"role": "assistant", "blocks": [{"block_type": "text", "text": ANSWERED}]},
}


@pytest.mark.parametrize("value", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_found_where_it_stands(value: Any) -> None:
    found = read_messages(value, "assistant")
    assert texts_of(Conversation(outputs=found.messages)).response == ANSWERED
    assert found.marks == ()


def test_pairs_of_a_role_and_a_text_are_messages() -> None:
    found = read_messages({"messages": [["system", SYSTEM], ("human", ASKED)]}, "user")
    assert texts_of(Conversation(found.messages))._replace(response=None) == (ASKED, None, SYSTEM)
    near = read_messages(["system", "human"], "user").messages
    assert [one["content"] for one in near] == ["system", "human"]


TWICE = json.dumps(
    json.dumps([{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{ASKED} " * 9}])
)


@pytest.mark.parametrize("length", range(TWICE.index(ASKED) + 20, len(TWICE)))
def test_texts_are_recovered_from_json_that_was_encoded_twice_and_cut(length: int) -> None:
    found = read_messages(TWICE[:length], "user")
    texts = texts_of(Conversation(found.messages))
    assert (found.marks, texts.system) == ((Mark.TRUNCATED,), SYSTEM)
    assert texts.prompt is not None
    assert texts.prompt.startswith(ASKED)


@pytest.mark.parametrize("text", ['"[sic] he said', '"{name}, where is', '"[1] is it', '"Lyon'])
def test_a_quotation_that_is_not_closed_is_no_structure(text: str) -> None:
    found = read_messages(text, "user")
    assert ([one["content"] for one in found.messages], found.marks) == ([text], ())


BYTES = base64.b64encode(bytes(range(256)) * 8).decode()
ENCODED = {
    "alone": (BYTES, "[file 2048 bytes]"),
    "for addresses": (BYTES.replace("+", "-").replace("/", "_"), "[file 2048 bytes]"),
    "in an object": (json.dumps({"image": BYTES, "x": 1}), '{"image": "[file 2048 bytes]", "x": 1}'),
    "among words": (f"See {BYTES} there", "See [file 2048 bytes] there"),
}


@pytest.mark.parametrize(("text", "placed"), ENCODED.values(), ids=ENCODED)
def test_bytes_of_no_known_beginning_are_placeholders(text: str, placed: str) -> None:
    assert replace_media(text) == placed


@pytest.mark.parametrize(
    "text",
    [
        "x" * 3000,
        "0123456789abcdef" * 200,
        "ACGT" * 800,
        "Where is my parcel 7? " * 200,
        "https://a.example/" + "/Parcel7" * 60,
        "荷物はどこ" * 400,
        "ABCabc1" * 100,
    ],
)
def test_long_texts_without_spaces_stay(text: str) -> None:
    assert replace_media(text) == text


@pytest.mark.parametrize(
    "value",
    [
        {"data": [{"b64_json": BYTES}], "created": 1},
        [USER, {"role": "tool", "tool_call_id": "c", "content": json.dumps({"image": BYTES})}],
        [
            {
                "role": "assistant",
                "tool_calls": [{"function": {"name": "send", "arguments": json.dumps({"data": BYTES})}}],
            }
        ],
    ],
)
def test_bytes_stay_in_no_message(value: Any) -> None:
    for told in (value, json.dumps(value)):
        assert BYTES[:100] not in json.dumps(read_messages(told, "user").messages)
