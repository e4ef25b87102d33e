"""Reading disguised places of a text in plain characters, and mapping them back to the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import re2
from numpy.typing import NDArray

from monitoring.entities.kernels_escapes import DROPPED
from monitoring.entities.kernels_places import find_places, find_spelled
from monitoring.entities.kernels_reveal import reveal
from monitoring.entities.positions import Characters, Place
from monitoring.entities.recognizer import Entity
from monitoring.models import TextField
from monitoring.text.confusables import INVISIBLE, LOOKS
from monitoring.text.kernels import scan_words
from monitoring.text.prepared import Encoded, Prepared

__all__ = ["Revealed", "is_address", "locate", "places_of", "reveal_place"]

# HTML entities of signs in identifiers. Numeric entities are read for every character.
_ENTITIES = {
    "commat": "@", "period": ".", "lowbar": "_", "plus": "+", "hyphen": "-", "dash": "-", "ndash": "-", "mdash": "-",
    "minus": "-", "nbsp": " ", "ensp": " ", "emsp": " ", "thinsp": " ", "colon": ":", "equals": "=", "sol": "/",
    "lpar": "(", "rpar": ")", "quot": '"', "apos": "'", "amp": "&", "lt": "<", "gt": ">", "num": "#", "percnt": "%",
}  # fmt: skip
# The endings of names of secrets, directly before the sign that sets them.
_SECRET_NAMES = (
    "password", "passwd", "passwort", "kennwort", "passphrase", "passcode", "contraseña", "clave", "passe", "pwd", "pass",
    "pw", "secret", "token", "key", "credential", "credentials", "bearer", "auth", "authorization", "cookie", "пароль", "Пароль",
    "密码", "密碼", "口令", "パスワード", "비밀번호", "المرور",
)  # fmt: skip
_DASHES = "\u2043\u2212\u2796\ufe58\ufe63\uff0d\u058a\u1806\u2e3a\u2e3b"
_DOTS = "\u00b7\u2022\u2024\u2027\u30fb\uff65\uff61\u2219\u22c5"
_SCRIPTS_END = 0x1FC00
_TAGS = range(0xE0000, 0xE0080)


class Revealed(NamedTuple):
    """A part of a text in plain characters, with the place of each character in its source.

    `firsts` and `lasts` are byte positions in the field's buffer at which the sources begin and
    end.
    """

    text: str
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]


class _Table(NamedTuple):
    words: NDArray[np.uint8]
    bounds: NDArray[np.int64]


def places_of(batch: Prepared, field: TextField) -> list[Place]:
    """Return the places around at signs, named secrets and disguises; see `kernels_places`."""
    encoded = batch.encoded(field)
    names, values = _entities()
    found = find_places(encoded.buffer, encoded.starts, _plain(), *names, values, *_secret_names())
    places = list(map(Place._make, found.tolist()))
    words = batch.words(field)
    spelled = find_spelled(
        encoded.buffer, encoded.starts, words.ids, words.begins, words.offsets, _spelled_words()
    )
    places += map(Place._make, spelled.tolist())
    return places


def reveal_place(encoded: Encoded, begin: int, end: int) -> Revealed:
    """Return the text between two byte positions in plain characters."""
    names, values = _entities()
    shown, firsts, lasts = reveal(encoded.buffer, begin, end, _plain(), *names, values)
    if shown.size and int(shown.max()) < 0x80:  # noqa: PLR2004 ASCII ends here
        return Revealed(shown.tobytes().decode("ascii"), firsts, lasts)
    text = shown.tobytes().decode("utf-8", "replace")
    return Revealed(text, *_by_character(text, firsts, lasts, shown))


def _by_character(
    text: str, firsts: NDArray[np.int64], lasts: NDArray[np.int64], shown: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Turn positions by byte into positions by character."""
    begins = np.flatnonzero((shown & 0xC0) != 0x80)  # noqa: PLR2004 UTF-8
    if len(begins) != len(text):
        # Percent escapes need not be UTF-8. Then the characters that the decoder returned count.
        sizes = [1 if one == "\ufffd" else len(one.encode()) for one in text]
        begins = np.minimum(np.cumsum([0, *sizes[:-1]]), max(len(shown) - 1, 0))
    ends = np.append(begins[1:], len(shown)) - 1
    return firsts[begins], lasts[np.maximum(ends, begins)]


_SPELLED = re2.compile("(?i) (?:at|@) ")
_SPELLED_DOT = re2.compile(r"(?i) dot |[\[({<] ?(?:dot|\.) ?[\])}>]")
# Words before a spelled "at" that are no names of persons: "look at example dot com".
_NO_NAMES = frozenset((
    "a", "all", "am", "an", "and", "are", "at", "available", "based", "be", "been", "buy", "by", "check",
    "contact", "download", "find", "for", "found", "from", "go", "here", "hosted", "i", "in", "is", "it",
    "join", "lives", "located", "look", "me", "more", "meet", "not", "now", "of", "on", "online", "only",
    "or", "order", "page", "read", "register", "see", "shop", "sign", "site", "start", "stay", "stop",
    "store", "that", "the", "them", "there", "this", "today", "up", "us", "visit", "was", "we", "website",
    "went", "were", "work", "worked", "works", "you",
))  # fmt: skip
_MAILBOXES = frozenset((
    "gmail", "googlemail", "yahoo", "hotmail", "outlook", "live", "icloud", "aol", "gmx", "web", "proton",
    "protonmail", "mail", "yandex", "zoho", "qq", "163", "126", "t-online", "orange", "free", "laposte",
    "libero", "wp", "seznam", "naver", "daum", "hey", "fastmail", "tutanota", "posteo", "mailbox",
))  # fmt: skip


def locate(entity: Entity, view: Revealed, character: Characters, text: str) -> Entity | None:
    """Return an entity of a revealed part at its place in the text, or None if it is not disguised.

    Entities that are written plainly are judged in the whole text, with all their surroundings.
    """
    start = character[int(view.firsts[entity.start])]
    end = character[int(view.lasts[entity.end - 1])]
    reading = view.text[entity.start : entity.end]
    written = text[start:end]
    if reading == written and not _is_freed(entity, view, start, end, text):
        return None
    return entity._replace(start=start, end=end, reading="" if reading == written else reading)


def _is_freed(entity: Entity, view: Revealed, start: int, end: int, text: str) -> bool:
    """Tell whether an entity stands alone only because a neighbouring character was disguised."""
    before = view.text[entity.start - 1] if entity.start else ""
    after = view.text[entity.end] if entity.end < len(view.text) else ""
    return (bool(before) and start > 0 and text[start - 1] != before) or (
        bool(after) and end < len(text) and text[end] != after
    )


def is_address(entity: Entity, written: str, *, near: bool) -> bool:
    """Tell a mail address that is spelled with words or spaces from a sentence that looks like one.

    `near` says whether words around it are about mail. Brackets and escapes leave no doubt. ` at `
    and ` @ ` need a name that is no word of a sentence, and one of three things: words about mail,
    a mail provider, or a form that only addresses have. ` at ` before a written dot counts only for
    mail providers.
    """
    if entity.type != "EMAIL_ADDRESS" or _SPELLED.search(written) is None:
        return True
    local, _, domain = entity.reading.lower().rpartition("@")
    mailbox = domain.partition(".")[0] in _MAILBOXES
    if local in _NO_NAMES or not (mailbox or "@" in written or _SPELLED_DOT.search(written)):
        return False
    return near or mailbox or not local.isalpha()


def _pack(words: Iterable[str]) -> _Table:
    encoded = [word.encode() for word in words]
    bounds = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(word) for word in encoded], out=bounds[1:])
    return _Table(np.frombuffer(b"".join(encoded), dtype=np.uint8), bounds)


@cache
def _entities() -> tuple[_Table, NDArray[np.uint8]]:
    return _pack(_ENTITIES), np.frombuffer("".join(_ENTITIES.values()).encode(), dtype=np.uint8)


@cache
def _spelled_words() -> NDArray[np.uint32]:
    """Return the hashes of "dot" and of the mail providers that people name in sentences."""
    words = _pack(
        ["dot", "gmail", "googlemail", "yahoo", "hotmail", "outlook", "icloud", "protonmail", "gmx"]
    )
    return scan_words(words.words, words.bounds)[0]


@cache
def _secret_names() -> _Table:
    return _pack(_SECRET_NAMES)


@cache
def _plain() -> NDArray[np.uint8]:
    """Return, by code, the ASCII character for each digit and look-alike of any script."""
    table = np.zeros(_TAGS.stop + 0x1F0, dtype=np.uint8)
    for code in range(0x80, _SCRIPTS_END):
        character = chr(code)
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            table[code] = ord(str(digit))
            continue
        same = unicodedata.normalize("NFKC", character)
        if len(same) == 1 and same.isascii():
            table[code] = ord(same)
    for look, sign in LOOKS.items():
        if len(sign) == 1 and ord(look) < _SCRIPTS_END:
            table[ord(look)] = ord(sign)
    for look in _DASHES:
        table[ord(look)] = ord("-")
    for look in _DOTS:
        table[ord(look)] = ord(".")
    for character in INVISIBLE:
        if ord(character) < len(table):
            table[ord(character)] = DROPPED
    return table
