"""Chat messages in one shape, and the texts among them that are scored.

A message is `{"role", "content"}` with `tool_calls` (id, type, function: name, arguments), `tool_call_id`
and `reasoning` where there are any, as OpenAI's chat format has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Conversation", "Message", "Texts", "messages_of", "results_of", "texts_of"]

Message = dict[str, Any]


class Conversation(NamedTuple):
    """What went into a call and what came out of it.

    `system` are instructions given apart from messages; `marks` say what was noticed while reading.
    """

    inputs: Sequence[Message] = ()
    outputs: Sequence[Message] = ()
    system: str | None = None
    marks: tuple[str, ...] = ()


class Texts(NamedTuple):
    """The texts of a conversation that are scored; None where nothing was recorded."""

    prompt: str | None
    response: str | None
    system: str | None


def texts_of(conversation: Conversation) -> Texts:
    """Return the last user message as prompt, the answers as response, and the system messages.

    Without a user message the last message that is no system message is the prompt. Answers are all choices;
    where the output holds a whole conversation, they are what the model said after the last user or tool.
    """
    asked = [message for message in conversation.inputs if message["role"] != "system"]
    users = [message["content"] for message in asked if message["role"] == "user" and message["content"]]
    if users:
        prompt: str | None = users[-1]
    else:
        prompt = asked[-1]["content"] if asked else None
    instructions = [m["content"] for m in conversation.inputs if m["role"] == "system" and m["content"]]
    if conversation.system and conversation.system not in instructions:
        instructions.insert(0, conversation.system)
    return Texts(
        prompt,
        "\n".join(_answers(conversation.outputs)) if conversation.outputs else None,
        "\n".join(instructions) or None,
    )


def _answers(outputs: Sequence[Message]) -> list[str]:
    begin = 0
    for number, message in enumerate(outputs):
        if message["role"] in {"user", "tool"}:
            begin = number + 1
    last = [message["content"] for message in outputs[begin:] if message["content"]]
    said = (message for message in outputs if message["role"] not in {"user", "tool", "system"})
    return last or [message["content"] for message in said if message["content"]]


def messages_of(conversation: Conversation) -> tuple[Message, ...]:
    """Return the messages to keep: all that went in, and of the choices what is more than text.

    The text of the choices is the response; here it would be counted as prompt once more.
    """
    more = (message for message in conversation.outputs if message.keys() - {"role", "content"})
    return (*conversation.inputs, *({**message, "content": ""} for message in more))


def results_of(messages: Sequence[Message]) -> tuple[str, ...]:
    """Return what tools answered, in order: the model was given it, so an answer may rest on it."""
    results = (message["content"] for message in messages if message.get("role") == "tool")
    return tuple(dict.fromkeys(text for text in results if isinstance(text, str) and text.strip()))
