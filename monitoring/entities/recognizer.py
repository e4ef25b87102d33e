"""What a recogniser is: a form, the check the form allows, and how sure a match makes us."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

__all__ = ["Check", "Entity", "Grade", "Judge", "Nature", "Recognizer", "checked", "compact"]


class Entity(NamedTuple):
    """One finding: character offsets, a type named as Presidio names it, 0..1 confidence, and a note.

    The note tells special cases apart (`test_card`, `private`, `documentation`, `example_domain`,
    `fictional`, `placeholder`) and names the vendor of an API key; it is empty for most. `reading` is what
    the place says in plain characters, empty where that is how it is written.
    """

    start: int
    end: int
    type: str
    confidence: float
    note: str = ""
    reading: str = ""


class Grade(NamedTuple):
    """Confidence in a match standing `bare`, and with a word of its kind `near` it; and its note."""

    bare: float
    near: float
    note: str = ""


Judge = Callable[[str], Grade | None]
Check = Callable[[str], bool]
Nature = Literal["number", "host", "token"]


class Recognizer(NamedTuple):
    """Finds one type: `pattern` in RE2 syntax (its first group is the match), `judge`, context `words`.

    `judge` sees the matched text and returns None when its check fails. `nature` says what its surroundings
    mean: a "number" may be a piece of a longer one, and counts for less inside a link or behind words such
    as "order"; a "host" counts for less behind those words; a "token" speaks for itself.
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
    """Grade matches whose compact form passes a check, all alike."""
    grade = Grade(bare, near)

    def judge(text: str) -> Grade | None:
        return grade if check(compact(text)) else None

    return judge
