"""The content of a file of rules, as the evaluators read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from monitoring.evaluator import Category
from monitoring.models import TextField

__all__ = ["BiasAdditions", "BiasPattern", "Pattern", "Rule", "RuleError", "Rules"]


class RuleError(ValueError):
    """A mistake in a file of rules, and its `line`, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class Pattern(NamedTuple):
    """What a rule looks for: RE2 `regex`, `score` 0..1 of a hit, `label` and shown `reason`."""

    regex: str
    score: float
    label: str
    reason: str


class Rule(NamedTuple):
    """One evaluator of a file, as docs/how-to/add-your-own-rules.md explains it.

    `version` follows from the content.
    """

    name: str
    category: Category
    flag: str | None
    threshold: float | None
    fields: tuple[TextField, ...]
    patterns: tuple[Pattern, ...]
    version: str
    line: int


class BiasPattern(NamedTuple):
    """A pattern for the bias evaluator: its `kind`, and its `strength` 0..1 as evidence."""

    kind: str
    regex: str
    strength: float


class BiasAdditions(NamedTuple):
    """What a file adds to the bias evaluator: words by group, patterns, and a `version` of both."""

    groups: Mapping[str, tuple[str, ...]]
    patterns: tuple[BiasPattern, ...]
    version: str


class Rules(NamedTuple):
    """The whole content of a file of rules."""

    rules: tuple[Rule, ...] = ()
    bias: BiasAdditions | None = None

    @property
    def additions(self) -> Mapping[str, BiasAdditions]:
        """What the file adds to evaluators, by their names."""
        return {} if self.bias is None else {"bias": self.bias}
