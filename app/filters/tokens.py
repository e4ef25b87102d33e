"""The words and marks of a filter's text, each with its place."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from app.errors import InvalidParameter

__all__ = ["MOST_CHARACTERS", "Token", "TokenKind", "refuse", "tokenize"]

MOST_CHARACTERS: Final = 4_000
"""Characters of one filter."""
_SHOWN = 40


class TokenKind(StrEnum):
    """What a token is. Keywords are words, which the parser tells apart."""

    STRING = "string"
    OPERATOR = "operator"
    MARK = "mark"
    WORD = "word"
    END = "end"


class Token(NamedTuple):
    """One token: its text (of a string without quotes), and its place from `start` to `end`."""

    kind: TokenKind
    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return "the end" if self.kind is TokenKind.END else f"`{self.text[:_SHOWN]}`"


# The alternatives of each repetition begin with different characters, so reading takes linear time.
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator><=|>=|!=|<>|==|!~|=|<|>|~)
    |(?P<mark>[(),])
    |(?P<word>[^\s"'()<>=!~,]+)""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"\s*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r"}
_SAME = {"==": "=", "<>": "!="}


def refuse(position: int, message: str) -> InvalidParameter:
    """Return the refusal of a filter at a place in its text, counted from 0."""
    said = f"at character {position + 1}: {message}"
    return InvalidParameter(
        f"filter: {said}{'' if said.endswith('?') else '.'}",
        errors=[{"field": "filter", "message": said, "position": position + 1}],
    )


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a filter, the last one of kind END; raises InvalidParameter."""
    if len(text) > MOST_CHARACTERS:
        raise refuse(
            MOST_CHARACTERS, f"a filter may have {MOST_CHARACTERS} characters, and this one has more"
        )
    _refuse_odd_characters(text)
    tokens: list[Token] = []
    place = _skip(text, 0)
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _unreadable(text, place)
        kind = TokenKind(found.lastgroup or "")
        tokens.append(Token(kind, _meaning(kind, found.group()), place, found.end()))
        place = _skip(text, found.end())
    return [*tokens, Token(TokenKind.END, "", len(text), len(text))]


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _meaning(kind: TokenKind, written: str) -> str:
    if kind is TokenKind.STRING:
        return _ESCAPED.sub(lambda found: _MEANINGS.get(found[1], found[1]), written[1:-1])
    return _SAME.get(written, written)


def _refuse_odd_characters(text: str) -> None:
    for place, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise refuse(place, "no text holds a NUL character or half of a character")


def _unreadable(text: str, place: int) -> InvalidParameter:
    if text[place] in "\"'":
        return refuse(place, "this text has no closing quote")
    return refuse(place, f"`{text[place]}` means nothing here; write `!=`, `!~` or `not`")
