"""Undoing disguises of text: normalised text and decoded forms, in time linear in the text.

`normalise` undoes changes to the look of characters (compatibility forms, accents, invisible
characters, letters of other scripts among Latin ones). `decoded` finds encoded text (base64, hex,
ROT13, leet, spaced-out letters, invisible tag characters, escapes of links, HTML and JSON, and text
written backwards). Neither judges; evaluators read the results like any text.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import unicodedata
import urllib.parse
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import re2

from monitoring.text.confusables import CONFUSABLES, INVISIBLE, LEET, LOOKS, REVERSED_WORDS, ROT13_WORDS

__all__ = ["Decoded", "DecodedKind", "decoded", "normalise"]

DecodedKind = Literal[
    "base64", "hex", "rot13", "leet", "spaced", "tags", "percent", "entities", "escapes", "reversed"
]

# Bounds that keep hostile texts cheap: forms found in one text, and characters read of one encoded
# run.
MAX_FORMS = 24
MAX_RUN = 65_536
# A shorter run decodes to fewer than 12 characters, which may happen by chance and hold no
# instruction.
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
# Any link or page may have two or three escapes. In a hidden instruction, all blanks or all letters
# are escaped.
_PERCENT = re2.compile(r"[A-Za-z0-9._~+-]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9._~+-]*){4,}")
_ENTITIES = re2.compile(r"(?:&#(?:[0-9]{2,6}|[xX][0-9A-Fa-f]{2,5});[^\s&]{0,16}\s{0,2}){6,}")
_ESCAPES = re2.compile(r"(?:\\u[0-9A-Fa-f]{4}[^\s\\]{0,16}\s{0,2}){6,}")
_ESCAPE = re2.compile(r"\\u([0-9A-Fa-f]{4})")
_REVERSED = re2.compile(rf"(?i)\b(?:{'|'.join(REVERSED_WORDS)})\b")
_TAG_RUN = re2.compile("[\U000e0020-\U000e007e]{4,}")
_HINT = re2.compile(
    rf"[A-Za-z0-9+/_-]{{{_MIN_BASE64},}}|(?:[\\ :,]?x?[0-9A-Fa-f]{{2}}){{6}}"
    rf"|(?i:\b(?:{'|'.join((*ROT13_WORDS, *REVERSED_WORDS))})\b)|%[0-9A-Fa-f]{{2}}|&#[0-9xX]|\\u[0-9A-Fa-f]{{4}}|[A-Za-z][0134578@$][A-Za-z]|\b[0134578@$][A-Za-z]{{2}}"
    rf"|\b[A-Za-z](?:[ ._*|-]{{1,3}}[A-Za-z]\b){{3}}|[\x{{e0020}}-\x{{e007e}}]"
)


class Decoded(NamedTuple):
    """A readable text in an encoded form; `start` and `end` are character offsets of that form."""

    kind: DecodedKind
    text: str
    start: int
    end: int


def normalise(text: str) -> str:
    """Return the text as a reader sees it, in plain characters; case and ASCII stay as they are.

    Compatibility forms and accents become base letters, invisible characters are dropped, and
    typographic quotes and dashes become ASCII. Look-alike letters of other scripts become Latin if
    they touch Latin letters. Lone surrogates become question marks.
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
    """Return the readable forms in the text, at most `MAX_FORMS` of them, in order of their kind.

    One form within another (base64 of base64) is decoded too. Offsets are those of the given text.
    """
    text = _valid(text)
    # With bytes, RE2's wrapper need not count characters, which costs as much as the search.
    if _HINT.search(text.encode()) is None:
        return ()
    forms: list[Decoded] = []
    for find in (
        _find_tags,
        _find_base64,
        _find_hex,
        _find_rot13,
        _find_leet,
        _find_spaced,
        _find_escaped,
        _find_reversed,
    ):
        for form in find(text):
            forms.append(form)
            if len(forms) == MAX_FORMS:
                return tuple(forms)
    for outer in tuple(forms):
        for find in (_find_base64, _find_hex, _find_rot13):
            forms += [Decoded(form.kind, form.text, outer.start, outer.end) for form in find(outer.text)]
    return tuple(forms[:MAX_FORMS])


def _valid(text: str) -> str:
    """Replace each lone surrogate, which UTF-8 does not have, by one character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _changes(text: str) -> dict[str, str]:
    """Return the replacement for every distinct character of the text that normalising changes."""
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
    """Replace look-alikes in words that also hold Latin letters, one character by one."""
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
    """Return the bytes as text if a person could have written it."""
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
        # A word of the next line may follow a wrapped run. Then the first line is read alone.
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
    """Yield lines that hold at least two ROT13 words; neighbouring lines are joined."""
    for start, end in _lines_with(_ROT13, text):
        yield Decoded("rot13", codecs.decode(text[start:end], "rot13"), start, end)


def _find_reversed(text: str) -> Iterator[Decoded]:
    """Yield lines that hold at least two words written backwards, read from their end."""
    for start, end in _lines_with(_REVERSED, text):
        yield Decoded("reversed", text[start:end][::-1], start, end)


def _lines_with(words: Any, text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of lines that hold at least two of the words; neighbours are joined."""
    hits = [match.start() for match in words.finditer(text)]
    if len(hits) < _ROT13_HITS:
        return
    at = 0
    while at < len(hits):
        start = text.rfind("\n", 0, hits[at]) + 1
        end = text.find("\n", hits[at])
        end = len(text) if end < 0 else end
        following = bisect_left(hits, end, at)
        if following - at >= _ROT13_HITS:
            yield start, end
        at = following


def _find_escaped(text: str) -> Iterator[Decoded]:
    """Yield texts in which many characters are escaped as in links, in HTML or in JSON."""
    readers: tuple[tuple[DecodedKind, Any, Callable[[str], str]], ...] = (
        ("percent", _PERCENT, lambda run: urllib.parse.unquote_plus(run, errors="replace")),
        ("entities", _ENTITIES, html.unescape),
        ("escapes", _ESCAPES, lambda run: str(_ESCAPE.sub(lambda one: chr(int(one.group(1), 16)), run))),
    )
    for kind, pattern, read in readers:
        for match in pattern.finditer(text):
            start, end = match.span()
            plain = _readable(_valid(read(text[start : min(end, start + MAX_RUN)])).encode())
            if plain is not None:
                yield Decoded(kind, plain, start, end)


def _find_leet(text: str) -> Iterator[Decoded]:
    """Yield the text from the first to the last word in leet, if at least two are certain."""
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
    """Tell words in leet from units, ordinals, hashes and identifiers."""
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
