"""Telling whether a match stands alone or is part of something longer."""

from __future__ import annotations

from monitoring.entities.recognizer import Nature

__all__ = ["is_in_link", "stands_alone"]

_LINKS = ("://", "www.")
_AMOUNT_SIGNS = "$€£¥#_"
_PAIRS = "-./:,"
# How many characters before a match a link's scheme, and a hash's digits, are looked for.
_LINK_REACH, _HASH_REACH = 200, 8


def stands_alone(text: str, start: int, end: int, nature: Nature) -> bool:
    """Tell whether a match stands alone: it is no part of a number, an amount or a hash."""
    if nature == "token":
        return True
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    if _is_word(before) or _is_word(after):
        return False
    if nature == "host":
        return _is_host(text, start, end, before, after)
    return not (before in _AMOUNT_SIGNS or after == "%" or _is_piece(text, start, end, before, after))


def is_in_link(text: str, start: int) -> bool:
    """Tell whether the characters without white space that lead up to `start` are a link."""
    chunk = text[max(0, start - _LINK_REACH) : start].rsplit(maxsplit=1)
    return bool(chunk) and not text[start - 1].isspace() and any(link in chunk[-1] for link in _LINKS)


def _is_word(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalnum())


def _is_piece(text: str, start: int, end: int, before: str, after: str) -> bool:
    """Tell whether a separator joins the match to more digits, or a hyphen to parts of a hash."""
    if before in _PAIRS and start > 1 and text[start - 2].isdigit():
        return True
    if before == "-" and start > 1 and text[start - 2].isalnum() and _ends_with_hash(text, start - 1):
        return True
    return after in _PAIRS and end + 1 < len(text) and text[end + 1].isdigit()


def _is_host(text: str, start: int, end: int, before: str, after: str) -> bool:
    """Tell whether a match is no host address, but part of a version, an OID or more hextets."""
    if before == ":" and ":" in text[start:end]:
        return False
    if before == "." and start > 1 and text[start - 2].isalnum():
        return False
    following = text[end + 1] if end + 1 < len(text) else " "
    if after == ":" and ":" in text[start:end]:
        return not (following == ":" or following.isalnum())
    return not (after == "." and following.isalnum())


def _ends_with_hash(text: str, end: int) -> bool:
    """Tell whether the characters before a hyphen hold a digit, as the groups of a UUID do."""
    chunk = text[max(0, end - _HASH_REACH) : end].rsplit(maxsplit=1)
    return bool(chunk) and any(character.isdigit() for character in chunk[-1])
