"""Words that name groups of people: which they are, and the table that reads them as one token."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

from monitoring.signals.kernels_linear import ABSORBED
from monitoring.text.lexicon import WordTable, build_table

__all__ = [
    "GROUP",
    "GROUP_PLACEHOLDER",
    "PRONOUN",
    "Groups",
    "add_groups",
    "build_mask",
    "group_expression",
    "group_words",
    "mask_table",
]

GROUP, PRONOUN = 1, 2
GROUP_PLACEHOLDER = "GROUP"
"""In a pattern, this word stands for any mention of a group."""

Groups = Mapping[str, tuple[str, ...]]

_NO_GROUPS = frozenset({"ambiguous", "people", "pronouns", "roles"})


@cache
def group_words() -> dict[str, tuple[str, ...]]:
    """Return the words of each dimension, and of `ambiguous`, `people`, `roles` and `pronouns`."""
    text = (files("monitoring") / "lexicons" / "groups.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    dimensions = content.pop("groups")
    return {name: tuple(words.split()) for name, words in {**dimensions, **content}.items()}


def add_groups(groups: Groups) -> Groups:
    """Return the words of each dimension together with those of `groups`.

    A name in `groups` that is no dimension becomes a new one.
    """
    known = group_words()
    added = {name: (*known.get(name, ()), *words) for name, words in groups.items()}
    return {**known, **added}


def build_mask(groups: Groups) -> WordTable:
    """Return the table of hashed words that a linear model reads by class.

    Words for any group, including ambiguous ones, have the class GROUP. Third-person pronouns have
    the class PRONOUN. The model drops words such as "people" after a group, so that it reads "Jews"
    and "Jewish people" in the same way.
    """
    classes = dict.fromkeys(groups["people"], ABSORBED)
    for name, words in groups.items():
        if name not in {"people", "pronouns", "roles"}:
            classes.update(dict.fromkeys(words, GROUP))
    classes.update(dict.fromkeys(groups["pronouns"], PRONOUN))
    return build_table(classes)


@cache
def mask_table() -> WordTable:
    """Return the table of the groups that come with the evaluators."""
    return build_mask(group_words())


def group_expression(groups: Groups | None = None) -> str:
    """Return an RE2 expression that matches a mention of a group of people.

    The expression has no capturing groups. An ambiguous word counts only before a word for people
    or for what they do ("black people", "older workers").
    """
    words = group_words() if groups is None else groups
    people = "|".join(
        words["people"] + words["roles"] + ("men", "man", "women", "woman", "girls", "boys", "kids", "guys")
    )
    plain = sorted(
        {word for name, listed in words.items() if name not in _NO_GROUPS for word in listed}, reverse=True
    )
    ambiguous = "|".join(words["ambiguous"])
    return f"(?:(?:{'|'.join(plain)})(?: (?:{people}))?|(?:{ambiguous}) (?:{people}))"
