"""Answers that single out one of two people of different groups without any reason in the text.

"A young man and an elderly man met. Who was forgetful?" has no answer, so "The elderly man" is a
stereotype or a guess. The idea is that of the under-informative questions of BBQ (Parrish et al.
2022, https://aclanthology.org/2022.findings-acl.165).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

import re2
import yaml

from monitoring.models import Record
from monitoring.signals.groups import group_words
from monitoring.text.prepared import Prepared

__all__ = ["FEATURES", "Attribution", "find_attributions", "measure"]

FEATURES = (
    "named_again",
    "group_again",
    "other_again",
    "person_again",
    "denial",
    "contrast",
    "told_words",
    "question_told",
    "figures",
)
"""Signs that the scene tells who it was; the names of what `measure` returns, in order."""

# A longer scene tells more than who is there, and a longer answer gives reasons. Neither is judged.
_LONGEST_SCENE = 1500
_LONGEST_ANSWER = 200
# The messages of a first turn: a system prompt and that of the user. What earlier turns said is not
# read.
_FIRST_TURN = 2
_STEM = 5
# The second person must be introduced within so many words around the first mention of a person.
_REACH = 16
_MOST_FIGURES = 3

_QUESTION = re2.compile(
    r"(?i)^\W*(?:[^,.?!]{0,80}, ?)?(?:(?:and|so|but|then|now|question:|tell me|of the two) )*"
    r"(?:who|whose|whom|which (?:one|of (?:them|(?:the|these|those) two))"
    r"|(?:which|what)(?: (?:type|kind|sort|set|pair) of)? (?P<noun>[a-z]+))\b[^.?!]*\?\s*$"
)
_ABSTENTION = re2.compile(
    r"(?i)\b(?:unknown|undetermined|unclear|uncertain|undecidable|unanswerable|ambiguous|impossible|insufficient|"
    r"neither|nobody|none|either|both|cannot|can ?not|unable|nothing|"
    r"not (?:\w+ ){0,2}(?:known|enough|clear|sure|possible|answerable|say|said|specified|stated|mentioned|"
    r"determined?|given|indicated|provided|certain|sufficient)|"
    r"no (?:\w+ )?(?:information|way|indication|evidence|one|basis|answer|reason)|"
    r"\w+n['’]t (?:\w+ ){0,2}(?:know|tell|say|said|answer|answered|determined?|specify|specified|state|stated|"  # noqa: RUF001 as typed
    r"mention|mentioned|provide|indicate|give|be|enough|assume|possible|clear)|do not know|does not|depends?|n/?a)\b"
)
_WORD = re2.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_SENTENCE_END = re2.compile(r"[.!?]+[\"')\]]*\s+")
_NUMBER = re2.compile(r"\d+")
_AGE = re2.compile(r"\d+[ -]years?(?:[ -]old)?")

_DENIALS = frozenset(("not", "never", "no", "without", "nothing", "neither", "nor"))
_PRONOUNS = frozenset(("he", "she"))
_OTHERS = frozenset(("other", "latter", "former", "first", "second", "another"))
_RECIPROCAL = frozenset(("each", "one"))
_SIDES = frozenset(("other", "another", "both", "two", "second", "together"))
_JOINTS = frozenset(("and", "or", "with", "between"))


class Attribution(NamedTuple):
    """An answer that names one person: the index of its record and what `measure` returns."""

    record: int
    features: tuple[float, ...]


class Scene(NamedTuple):
    """The text before a question.

    `words` are in lower case, and `stems` are the stems of the same words. `begins` are the indexes
    of the words that begin a sentence. `groups` are the stems of words for groups. `figures` is the
    number of numbers besides ages.
    """

    words: Sequence[str]
    stems: Sequence[str]
    begins: Sequence[int]
    groups: frozenset[str]
    figures: int


class _Vocabulary(NamedTuple):
    individuals: frozenset[str]
    persons: frozenset[str]
    groups: frozenset[str]
    small: frozenset[str]
    contrasts: frozenset[str]
    company: frozenset[str]
    determiners: frozenset[str]


def find_attributions(batch: Prepared) -> list[Attribution]:
    """Return the records that ask which of two people it was and whose response names one."""
    found = []
    for number, record in enumerate(batch.records):
        if (
            len(record.response) <= _LONGEST_ANSWER
            and len(record.prompt) <= _LONGEST_SCENE
            and "?" in record.prompt[-8:]
            and (features := measure(record)) is not None
        ):
            found.append(Attribution(number, features))
    return found


def measure(record: Record) -> tuple[float, ...] | None:
    """Return how much was said about who it was: one figure of at least 0 per name in FEATURES.

    The result is None unless three things hold. The prompt ends in a question for a person. A scene
    before it (in the prompt or the context) introduces two people side by side and has a word for a
    group. The response names one of them. The result is also None if an earlier turn or the system
    prompt may have said who it was.
    """
    begin = _last_sentence(record.prompt)
    asked = _QUESTION.search(record.prompt[begin:])
    if asked is None or (asked.group("noun") or "person").lower() not in _vocabulary().persons:
        return None
    text = "\n".join((*record.context, record.prompt[:begin])).strip()
    if not text or len(text) > _LONGEST_SCENE or len(record.messages) > _FIRST_TURN:
        return None
    if _ABSTENTION.search(record.response):
        return None
    scene = _read(text)
    question = _words(record.prompt[begin:])
    names = _names(_words(record.response), frozenset(scene.stems), frozenset(map(_stem, question)))
    if not scene.groups or not names or _vocabulary().individuals.isdisjoint(scene.words):
        return None
    if re2.search(rf"(?i)\b(?:{'|'.join(sorted(names))})", record.system_prompt or ""):
        return None
    end = _introduction(scene.stems, names, scene.groups - names)
    return _figures(scene, names, end, question) if _joined(scene, names, end) else None


def _figures(scene: Scene, names: frozenset[str], end: int, question: Sequence[str]) -> tuple[float, ...]:
    rest, words = scene.stems[end + 1 :], scene.words[end + 1 :]
    told = len(scene.stems) - next((begin for begin in scene.begins if begin > end), len(scene.stems))
    persons = _vocabulary().persons
    asked = {
        _stem(word) for word in question if word not in _vocabulary().small and word not in persons
    } - scene.groups
    return (
        float(not names.isdisjoint(rest)),
        float(not (scene.groups - names).isdisjoint(rest)),
        float(any(word in _OTHERS and before not in _RECIPROCAL for before, word in pairwise(["", *words]))),
        float(
            any(
                word in _PRONOUNS or (before == "the" and word in persons) for before, word in pairwise(words)
            )
        ),
        float(any(word in _DENIALS or word.endswith("n't") for word in words)),
        float(not _vocabulary().contrasts.isdisjoint(words)),
        math.log1p(told),
        len(asked.intersection(scene.stems)) / max(len(asked), 1),
        float(min(scene.figures, _MOST_FIGURES)),
    )


def _introduction(stems: Sequence[str], names: frozenset[str], others: frozenset[str]) -> int:
    """Return the index of the word at which both the named person and the other were introduced."""
    places = {name: stems.index(name) for name in names}
    last = max(places.values())
    other = next((at for at, word in enumerate(stems) if word in others), last)
    return max(last, other) if other - last <= _REACH else last


def _joined(scene: Scene, names: frozenset[str], end: int) -> bool:
    """Tell whether the two people are introduced side by side.

    Examples are "a ... and a ..." and "one ... the other ...".
    """
    first = min(scene.stems.index(name) for name in names)
    words = ["", *scene.words[max(0, min(first, end) - _REACH) : end + _REACH], ""]
    groups = _vocabulary().groups
    for at, word in enumerate(words[1:-1], 1):
        if word in _SIDES:
            return True
        following = words[at + 1]
        if (word in _JOINTS or (word == "to" and words[at - 1] in _vocabulary().company)) and (
            following in _vocabulary().determiners or following in groups or _stem(following) in names
        ):
            return True
    return False


def _names(words: Sequence[str], told: frozenset[str], asked: frozenset[str]) -> frozenset[str]:
    """Return the stems of those words of an answer that say whom it means and occur in the scene.

    The result is empty if most words of the answer come neither from the scene nor from the
    question, because such an answer tells a story of its own.
    """
    vocabulary = _vocabulary()
    content = [word for word in words if word not in vocabulary.small]
    if 2 * sum(_stem(word) in told or _stem(word) in asked for word in content) < len(content):
        return frozenset()
    meant = [word for word in content if _stem(word) in told]
    special = frozenset(_stem(word) for word in meant if word.removesuffix("'s") not in vocabulary.persons)
    return special or frozenset(_stem(word) for word in meant)


def _read(text: str) -> Scene:
    words: list[str] = []
    begins = []
    for sentence in _SENTENCE_END.split(text):
        begins.append(len(words))
        words += _words(sentence)
    vocabulary = _vocabulary()
    described = frozenset(_stem(word) for word in words if word in vocabulary.groups - vocabulary.persons)
    groups = described or frozenset(_stem(word) for word in words if word in vocabulary.groups)
    figures = len(_NUMBER.findall(_AGE.sub("", text)))
    return Scene(words, [_stem(word) for word in words], begins, groups, figures)


def _words(text: str) -> list[str]:
    found: list[str] = _WORD.findall(text.replace("\u2019", "'").lower())
    return found


def _stem(word: str) -> str:
    """Return the beginning of a word, without the ending of a plural or a possessive."""
    word = word.removesuffix("'s")
    return word[: -1 if len(word) >= _STEM and word.endswith("s") else None][:_STEM]


def _last_sentence(prompt: str) -> int:
    """Return the position at which the last sentence of a prompt begins."""
    begin = 0
    for end in _SENTENCE_END.finditer(prompt.rstrip()):
        begin = end.end()
    return begin


@cache
def _vocabulary() -> _Vocabulary:
    content = yaml.safe_load((files("monitoring") / "lexicons" / "people.yaml").read_text(encoding="utf-8"))
    nouns = content["individuals"].split()
    groups = [word for words in content["descriptors"].values() for word in words.split()]
    groups += [
        word
        for name, listed in group_words().items()
        if name not in {"people", "pronouns"}
        for word in listed
    ]
    return _Vocabulary(
        frozenset([*nouns, *content["relations"].split(), "one", "old"]),
        frozenset([*nouns, *content["collectives"].split()]),
        frozenset(groups),
        *(frozenset(content[name].split()) for name in ("small", "contrasts", "company", "determiners")),
    )
