"""The form that almost all conversations have, read in one go: JSON of messages that are a role and text, nothing else.

What this leaves to `reading.py` is everything that needs a look at names.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from monitoring.conversation.decoding import ESCAPED_NUL
from monitoring.conversation.media import replace_media
from monitoring.conversation.messages import Message

__all__ = ["read_plain"]

# A longer text may be cut, hold very many values, or take its time.
_MOST_CHARACTERS: Final = 128 * 1024
# A text that begins so may be parts that were encoded into it.
_STRUCTURED: Final = ("[", "{")


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["text"]
    content: str | UnsetType = UNSET
    text: str | UnsetType = UNSET


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant"]
    content: str | UnsetType = UNSET
    parts: list[_Part] | UnsetType = UNSET
    finish_reason: str | None = None


_decode = msgspec.json.Decoder(list[_Told]).decode


def read_plain(value: object) -> list[Message] | None:
    """Return the messages of a JSON text in which each is a role and text; None for any other value."""
    if not isinstance(value, str) or not value.startswith("[{") or len(value) > _MOST_CHARACTERS:
        return None
    if ESCAPED_NUL in value:
        return None
    try:
        told = _decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    messages: list[Message] = []
    for one in told:
        texts = _texts_of(one)
        if not texts or any(not text or text[0] in _STRUCTURED for text in texts):
            return None
        messages.append({"role": one.role, "content": "\n".join([replace_media(text) for text in texts])})
    return messages


def _texts_of(told: _Told) -> list[str]:
    """Return the texts of a message in their order, none where one is told in two places or nowhere."""
    if isinstance(told.parts, UnsetType):
        return [] if isinstance(told.content, UnsetType) else [told.content]
    if not isinstance(told.content, UnsetType):
        return []
    texts = []
    for part in told.parts:
        text = part.text if isinstance(part.content, UnsetType) else part.content
        if isinstance(text, UnsetType) or UNSET not in {part.content, part.text}:
            return []
        texts.append(text)
    return texts
