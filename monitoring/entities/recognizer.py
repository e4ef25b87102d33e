"""What a recogniser is: a form, a check of that form, and the confidence of a match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

__all__ = ["Check", "Entity", "Grade", "Judge", "Nature", "Recognizer", "checked", "compact"]


class Entity(NamedTuple):
    """One entity: character offsets, type as Presidio names it, confidence 0..1, and a note.

    The note names special cases (`test_card`, `private`, `documentation`, `example_domain`,
    `fictional`, `placeholder`) or the vendor of an API key; usually it is empty. `reading` is the
    text of the place in plain characters, and empty if it is written plainly.
    """

    start: int
    end: int
    type: str
    confidence: float
    note: str = ""
    reading: str = ""


class Grade(NamedTuple):
    """The confidence in a match that stands `bare` or `near` a word of its kind, and its note."""

    bare: float
    near: float
    note: str = ""


Judge = Callable[[str], Grade | None]
Check = Callable[[str], bool]
Nature = Literal["number", "host", "token"]


class Recognizer(NamedTuple):
    """Finds one type: `pattern` in RE2 syntax (its first group is the match), `judge`, and `words`.

    `judge` gets the matched text and returns None if a check fails. `words` are context words.
    `nature` says what the surroundings mean. A "number" may be part of a longer one, and has less
    confidence inside a link or behind words such as "order". A "host" has less confidence behind
    those words. A "token" does not depend on its surroundings.
    """

    type: str
    pattern: str
    judge: Judge
    words: tuple[str, ...] = ()
    nature: Nature = "number"


def compact(text: str) -> str:
    """Return the letters and digits of a match, in upper case."""
    return "".join(filter(str.isalnum, text)).upper()


def checked(check: Check, bare: float, near: float) -> Judge:
    """Return a judge that gives one grade to all matches whose compact form passes a check."""
    grade = Grade(bare, near)

    def judge(text: str) -> Grade | None:
        return grade if check(compact(text)) else None

    return judge
