"""Translating calls of OpenAI's client into the fields of a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["Chunks", "describe_request", "describe_response"]


def describe_request(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return prompt, system prompt and messages of a chat completion or a response request."""
    messages = arguments.get("messages") or arguments.get("input") or ()
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    plain = [_plain(message) for message in messages]
    system = [_text(m.get("content")) for m in plain if m.get("role") in {"system", "developer"}]
    if arguments.get("instructions"):
        system.insert(0, str(arguments["instructions"]))
    users = [_text(m.get("content")) for m in plain if m.get("role") == "user"]
    return {
        "prompt": users[-1] if users else "",
        "system_prompt": "\n".join(system) or None,
        "messages": plain or None,
        "model_name": str(arguments.get("model") or "unknown"),
        "provider": "openai",
        **_tier(arguments.get("service_tier")),
    }


def describe_response(result: Any) -> dict[str, Any]:
    """Return response, model, tier and usage of a finished chat completion or response."""
    choices = getattr(result, "choices", None)
    if choices is not None:
        texts = [_text(getattr(choice.message, "content", None)) for choice in choices]
        response = "\n".join(text for text in texts if text)
    else:
        response = _text(getattr(result, "output_text", None))
    return _known(response=response) | _billed(result)


class Chunks:
    """Adds up the chunks of a stream; `begun` becomes true with the first text."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._seen: dict[str, Any] = {}

    @property
    def begun(self) -> bool:
        """Whether any text has come."""
        return bool(self._texts)

    def add(self, chunk: Any) -> None:
        """Take one chunk of a chat completion, or one event of a response."""
        if getattr(chunk, "type", None) == "response.output_text.delta":
            self._texts.append(chunk.delta)
        elif getattr(chunk, "type", None) == "response.completed":
            self._seen |= {k: v for k, v in describe_response(chunk.response).items() if k != "response"}
        elif isinstance(chunk, str):
            self._texts.append(chunk)
        else:
            for choice in getattr(chunk, "choices", None) or ():
                text = getattr(getattr(choice, "delta", None), "content", None)
                if text:
                    self._texts.append(text)
            self._seen |= _billed(chunk)

    def describe(self) -> dict[str, Any]:
        """Return what the stream contained, in the fields of a record."""
        return {**self._seen, "response": "".join(self._texts)}


def _billed(answer: Any) -> dict[str, Any]:
    """Return what decides the cost of an answer: its model, its tier and its usage object."""
    return _known(
        model_name=getattr(answer, "model", None), usage=_verbatim(getattr(answer, "usage", None))
    ) | _tier(getattr(answer, "service_tier", None))


def _tier(word: Any) -> dict[str, str]:
    """Return the service tier that was asked for, or the one that answered."""
    return {"service_tier": word} if isinstance(word, str) and word else {}


def _verbatim(usage: Any) -> dict[str, Any] | None:
    """Return a usage object with the names and numbers of the provider, None if it is none."""
    if isinstance(usage, Mapping):
        return dict(usage)
    dump = getattr(usage, "model_dump", None)
    if callable(dump):
        return dict(dump(mode="json", exclude_unset=True))
    if not hasattr(usage, "__dict__"):
        return None
    return {
        name: value if (inner := _verbatim(value)) is None else inner for name, value in vars(usage).items()
    }


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _plain(message: Any) -> dict[str, Any]:
    if isinstance(message, Mapping):
        return dict(message)
    dump = getattr(message, "model_dump", None)
    return dump(exclude_none=True) if callable(dump) else {"role": "user", "content": str(message)}


def _text(content: Any) -> str:
    """Return the text of a message's content: a string, or the texts of its parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    return "\n".join(_texts(content))


def _texts(parts: Iterable[Any]) -> Iterable[str]:
    for part in parts:
        text = part.get("text") if isinstance(part, Mapping) else getattr(part, "text", None)
        if isinstance(text, str):
            yield text
