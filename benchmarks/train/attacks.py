"""Makes attacks in four languages, and about as many harmless texts with the same words.

Most attacks are mild changes of the task. The phrases of `attacks.yaml` are our own. Some attacks
stand alone, some follow an ordinary request, and some stand inside a passage as a tool or a page
would return it. One seed always gives the same texts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

SEED = 11
PHRASES = Path(__file__).parent / "attacks.yaml"
PER_PHRASE = 8
AFTER_A_REQUEST = 0.35


class Made(NamedTuple):
    """One text, its label (1 for an attack), its language, and the phrase that it was made of."""

    text: str
    label: int
    language: str
    phrase: str


def make_attacks(languages: tuple[str, ...] = ("en", "de", "fr", "es")) -> Iterator[Made]:
    """Yield attacks and look-alikes of every language.

    In each language, the two numbers differ by at most a quarter.
    """
    content: dict[str, Any] = yaml.safe_load(PHRASES.read_text(encoding="utf-8"))
    chance = random.Random(SEED)  # noqa: S311 a sample, no secret
    for language in languages:
        lists = content[language]
        for label, name in ((1, "attacks"), (0, "look_alikes")):
            for phrase in lists[name]:
                for text in dict.fromkeys(
                    _fill(phrase, lists, chance, attack=bool(label)) for _ in range(PER_PHRASE)
                ):
                    yield Made(text, label, language, phrase)


def _fill(phrase: str, lists: dict[str, Any], chance: random.Random, *, attack: bool) -> str:
    task = chance.choice(lists["tasks"])
    if phrase.startswith("{task}") or ". {task}" in phrase:
        task = task[:1].upper() + task[1:]
    text: str = phrase.format(
        task=task, persona=chance.choice(lists["personas"]), topic=chance.choice(lists["topics"])
    )
    if chance.random() < AFTER_A_REQUEST:
        # A request that is followed by another harmless one is harmless, so two requests alone
        # prove nothing.
        first = chance.choice(lists["look_alikes"]).format(topic=chance.choice(lists["topics"]))
        return f"{first} {text}" if attack else f"{first}\n{text}"
    return text
