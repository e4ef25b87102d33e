"""Who said something, under the names of every provider and framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

__all__ = ["LANGCHAIN_TYPES", "is_pair", "read_role"]

_ROLES: Final[Mapping[str, str]] = {
    "human": "user",
    "end_user": "user",
    "ai": "assistant",
    "aimessagechunk": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "developer": "system",
    "instruction": "system",
    "function": "tool",
    "ipython": "tool",
    "tool_response": "tool",
}
# LangChain's messages name their role by `type`, as does the class in what `dumpd` writes.
LANGCHAIN_TYPES: Final[Mapping[str, str]] = {
    "human": "user",
    "HumanMessage": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "SystemMessage": "system",
    "tool": "tool",
    "ToolMessage": "tool",
    "ToolMessageChunk": "tool",
    "function": "tool",
    "FunctionMessage": "tool",
    "chat": "user",
    "ChatMessage": "user",
}

_PAIRED: Final = frozenset({"system", "human", "ai", "user", "assistant"})


def read_role(value: Any, default: str) -> str:
    """Return the role that a value names: in any case, as a member of an enum, or inside an object."""
    if isinstance(value, dict):
        value = value.get("label") or value.get("Label") or value.get("value")
    if not isinstance(value, str) or not value:
        return default
    name = value.rpartition(".")[2].lower()
    return _ROLES.get(name, name)


def is_pair(value: Any) -> TypeGuard[Sequence[str]]:
    """Tell whether a value is a role and a text, as LangChain takes them for a message."""
    return (
        isinstance(value, list | tuple)
        and len(value) == 2  # noqa: PLR2004 the role and the text
        and all(isinstance(one, str) for one in value)
        and value[0] in _PAIRED
    )
