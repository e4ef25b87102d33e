"""Words that name groups of people: which they are, and the table that reads them as one token."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from monitoring.kernels_linear import ABSORBED
from monitoring.lexicon import WordTable, build_table

__all__ = ["GROUP", "PRONOUN", "group_expression", "group_words", "mask_table"]

GROUP, PRONOUN = 1, 2

_NO_GROUPS = frozenset({"ambiguous", "people", "pronouns"})


@cache
def group_words() -> dict[str, tuple[str, ...]]:
    """Return the words of each dimension, and of `ambiguous`, `people` and `pronouns`."""
    text = (files("monitoring") / "lexicons" / "groups.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    dimensions = content.pop("groups")
    return {name: tuple(words.split()) for name, words in {**dimensions, **content}.items()}


@cache
def mask_table() -> WordTable:
    """Return the table of hashed words that every linear model reads by class.

    Words of any group, ambiguous ones included, are class GROUP; third-person pronouns are PRONOUN;
    "people" and the like are dropped after a group, so that "Jews" and "Jewish people" read alike.
    """
    classes = dict.fromkeys(group_words()["people"], ABSORBED)
    for name, words in group_words().items():
        if name not in {"people", "pronouns"}:
            classes.update(dict.fromkeys(words, GROUP))
    classes.update(dict.fromkeys(group_words()["pronouns"], PRONOUN))
    return build_table(classes)


@cache
def group_expression() -> str:
    """Return an RE2 expression, without groups of its own, that matches a mention of a group of people.

    An ambiguous word counts only before a word for people ("black people").
    """
    words = group_words()
    people = "|".join(words["people"] + ("men", "man", "women", "woman", "girls", "boys", "kids", "guys"))
    plain = sorted(
        {word for name, listed in words.items() if name not in _NO_GROUPS for word in listed}, reverse=True
    )
    ambiguous = "|".join(words["ambiguous"])
    return f"(?:(?:{'|'.join(plain)})(?: (?:{people}))?|(?:{ambiguous}) (?:{people}))"
