"""Seeing through disguises: normalised text and decoded forms, in time linear in the text.

`normalise` undoes what changes the look of characters (compatibility forms, accents, invisible characters,
letters of other scripts among Latin ones); `decoded` finds what was encoded (base64, hex, ROT13, leet,
spaced-out letters, invisible tag characters). Neither judges: an evaluator reads the forms like any text.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from typing import Literal, NamedTuple

import re2

from monitoring.text.confusables import CONFUSABLES, INVISIBLE, LEET, LOOKS, ROT13_WORDS

__all__ = ["Decoded", "DecodedKind", "decoded", "normalise"]

DecodedKind = Literal["base64", "hex", "rot13", "leet", "spaced", "tags"]

# Bounds that keep hostile texts cheap: forms found in one text, and characters of one encoded run read.
MAX_FORMS = 24
MAX_RUN = 65_536
# A shorter run decodes to fewer than 12 characters: too little for an instruction, enough for chance.
_MIN_BASE64 = 16
_MIN_PLAIN_LETTERS = 0.6
_REPLACE_LIMIT = 64
_ROT13_HITS = 2
_SPACED_LETTERS = 6
_LEET_WORDS = 2
_LEET_SUBSTITUTIONS = 2
_LEET_MAX = 16
_HEX_DIGITS = frozenset("0123456789abcdef")
_TAG_BASE = 0xE0000

_ASCII = bytes(range(128))
_MIXED = "".join(sorted(CONFUSABLES))
_MIXED_WORD = re2.compile(
    f"[A-Za-z0-9{_MIXED}]*(?:[A-Za-z][{_MIXED}]|[{_MIXED}][A-Za-z])[A-Za-z0-9{_MIXED}]*"
)
_CONFUSABLE_TABLE = {ord(look): plain for look, plain in CONFUSABLES.items()}
_LEET_TABLE = {ord(look): plain for look, plain in LEET.items()}
_BASE64 = re2.compile(
    r"[A-Za-z0-9+/]{40,}(?:\r?\n[A-Za-z0-9+/]{4,})+={0,2}" rf"|[A-Za-z0-9+/_-]{{{_MIN_BASE64},}}={{0,2}}"
)
_HEX = re2.compile(
    r"(?i)(?:\\x[0-9a-f]{2}){6,}|(?:[0-9a-f]{2}[ :,]){7,}[0-9a-f]{2}|(?:0x)?(?:[0-9a-f]{2}){8,}"
)
_ROT13 = re2.compile(rf"(?i)\b(?:{'|'.join(ROT13_WORDS)})\b")
_LEET_WORD = re2.compile(
    r"\b[A-Za-z]+[0134578@$!]+[A-Za-z@$][A-Za-z0134578@$!]*|\b[0134578@$]+[A-Za-z]{2,}[A-Za-z0134578@$!]*"
)
_SPACED = re2.compile(rf"\b[A-Za-z](?:[ ._*|-]{{1,3}}[A-Za-z]\b){{{_SPACED_LETTERS - 1},}}")
_TAG_RUN = re2.compile("[\U000e0020-\U000e007e]{4,}")
_HINT = re2.compile(
    rf"[A-Za-z0-9+/_-]{{{_MIN_BASE64},}}|(?:[\\ :,]?x?[0-9A-Fa-f]{{2}}){{6}}"
    rf"|(?i:\b(?:{'|'.join(ROT13_WORDS)})\b)|[A-Za-z][0134578@$][A-Za-z]|\b[0134578@$][A-Za-z]{{2}}"
    rf"|\b[A-Za-z](?:[ ._*|-]{{1,3}}[A-Za-z]\b){{3}}|[\x{{e0020}}-\x{{e007e}}]"
)


class Decoded(NamedTuple):
    """A readable text found in an encoded form: `start`, `end` are character offsets of the encoded one."""

    kind: DecodedKind
    text: str
    start: int
    end: int


def normalise(text: str) -> str:
    """Return the text as it looks to a reader, in plain characters; case and ASCII stay as they are.

    Compatibility forms and accents become base letters, invisible characters vanish, typographic quotes
    and dashes become ASCII, and look-alike letters of other scripts become Latin where they touch Latin.
    Lone surrogates become question marks.
    """
    if text.isascii():
        return text
    text = _valid(text)
    changes = _changes(text)
    if len(changes) > _REPLACE_LIMIT:
        text = text.translate({ord(old): new for old, new in changes.items()})
    else:
        for old, new in changes.items():
            text = text.replace(old, new)
    return _normalise_mixed(text)


def decoded(text: str) -> tuple[Decoded, ...]:
    """Return the readable forms found in the text, at most `MAX_FORMS` of them, in order of their kind.

    A form within a form (base64 of base64) is followed once. Offsets refer to the text as given.
    """
    text = _valid(text)
    # For bytes RE2's wrapper need not count characters, which costs as much as the search.
    if _HINT.search(text.encode()) is None:
        return ()
    forms: list[Decoded] = []
    for find in (_find_tags, _find_base64, _find_hex, _find_rot13, _find_leet, _find_spaced):
        for form in find(text):
            forms.append(form)
            if len(forms) == MAX_FORMS:
                return tuple(forms)
    for outer in tuple(forms):
        for find in (_find_base64, _find_hex, _find_rot13):
            forms += [Decoded(form.kind, form.text, outer.start, outer.end) for form in find(outer.text)]
    return tuple(forms[:MAX_FORMS])


def _valid(text: str) -> str:
    """Replace lone surrogates, which UTF-8 has not, by one character each."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _changes(text: str) -> dict[str, str]:
    """Return the replacement of every distinct character of the text that normalising changes."""
    rest = text.encode("utf-8").translate(None, _ASCII).decode("utf-8")
    changes = {}
    for character in set(rest):
        plain = _normalise_character(character)
        if plain != character:
            changes[character] = plain
    return changes


def _normalise_character(character: str) -> str:
    if character in INVISIBLE or "\u0300" <= character <= "\u036f":
        return ""
    if character in LOOKS:
        return LOOKS[character]
    parts = unicodedata.normalize("NFKD", character)
    if len(parts) == 1:
        return parts
    return unicodedata.normalize("NFC", "".join(part for part in parts if not "\u0300" <= part <= "\u036f"))


def _normalise_mixed(text: str) -> str:
    """Replace look-alikes in words that also hold Latin letters, character for character."""
    if text.isascii() or _MIXED_WORD.search(text) is None:
        return text
    pieces = []
    last = 0
    for match in _MIXED_WORD.finditer(text):
        start, end = match.span()
        pieces += [text[last:start], text[start:end].translate(_CONFUSABLE_TABLE)]
        last = end
    return "".join([*pieces, text[last:]])


def _readable(raw: bytes) -> str | None:
    """Return the bytes as text when they are one that a person could have written."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    plain = sum(character.isalpha() or character == " " for character in text)
    if (
        not text.isprintable()
        and not text.replace("\n", " ").replace("\t", " ").replace("\r", " ").isprintable()
    ):
        return None
    return text if plain >= _MIN_PLAIN_LETTERS * len(text) else None


def _find_base64(text: str) -> Iterator[Decoded]:
    for match in _BASE64.finditer(text):
        start, end = match.span()
        # What follows a wrapped run may be a word of the next line: then the first line is read alone.
        for last in dict.fromkeys((end, start + len(text[start:end].splitlines()[0]))):
            plain = _decode_base64(text[start : min(last, start + MAX_RUN)])
            if plain is not None:
                yield Decoded("base64", plain, start, last)
                break


def _decode_base64(run: str) -> str | None:
    run = "".join(run.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(run + "=" * (-len(run) % 4)))
    except binascii.Error:
        return None


def _find_hex(text: str) -> Iterator[Decoded]:
    for match in _HEX.finditer(text):
        start, end = match.span()
        run = text[start : min(end, start + MAX_RUN)]
        digits = "".join(c for c in run.removeprefix("0x").replace("\\x", "") if c.isalnum())
        plain = _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        if plain is not None:
            yield Decoded("hex", plain, start, end)


def _find_rot13(text: str) -> Iterator[Decoded]:
    """Yield lines that hold at least two ROT13 words, neighbouring lines joined."""
    hits = [match.start() for match in _ROT13.finditer(text)]
    if len(hits) < _ROT13_HITS:
        return
    at = 0
    while at < len(hits):
        start = text.rfind("\n", 0, hits[at]) + 1
        end = text.find("\n", hits[at])
        end = len(text) if end < 0 else end
        following = bisect_left(hits, end, at)
        if following - at >= _ROT13_HITS:
            yield Decoded("rot13", codecs.decode(text[start:end], "rot13"), start, end)
        at = following


def _find_leet(text: str) -> Iterator[Decoded]:
    """Yield the stretch from the first to the last word in leet, when two words leave no doubt."""
    words = [match.span() for match in _LEET_WORD.finditer(text)]
    if sum(_is_leet(text[start:end]) for start, end in words) < _LEET_WORDS:
        return
    first, last = words[0][0], words[-1][1]
    pieces = []
    at = first
    for start, end in words:
        pieces += [text[at:start], text[start:end].translate(_LEET_TABLE)]
        at = end
    yield Decoded("leet", "".join(pieces), first, last)


def _is_leet(word: str) -> bool:
    """Tell a word written in leet from units, ordinals, hashes and identifiers."""
    if len(word) > _LEET_MAX or not (word.islower() or word.isupper() or word[1:].islower()):
        return False
    kinds = "".join("L" if character.isalpha() else "D" for character in word)
    groups = kinds.replace("LL", "L").split("L")
    substitutions = sum(bool(group) for group in groups)
    return (
        substitutions >= _LEET_SUBSTITUTIONS
        and "LDL" in kinds
        and kinds.count("L") >= kinds.count("D")
        and not set(word.lower()) <= _HEX_DIGITS
    )


def _find_spaced(text: str) -> Iterator[Decoded]:
    for match in _SPACED.finditer(text):
        start, end = match.span()
        letters = []
        gap = 0
        for character in text[start:end]:
            if character.isalpha():
                letters += [" ", character] if gap > 1 else [character]
                gap = 0
            else:
                gap += 1
        yield Decoded("spaced", "".join(letters), start, end)


def _find_tags(text: str) -> Iterator[Decoded]:
    for match in _TAG_RUN.finditer(text):
        start, end = match.span()
        yield Decoded("tags", "".join(chr(ord(c) - _TAG_BASE) for c in text[start:end]), start, end)
