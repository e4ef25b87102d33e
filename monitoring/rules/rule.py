"""What a file of rules says, as its evaluators read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from monitoring.evaluator import Category
from monitoring.models import TextField

__all__ = ["BiasAdditions", "BiasPattern", "Pattern", "Rule", "RuleError", "Rules"]


class RuleError(ValueError):
    """What is wrong in a file of rules, and in which `line`, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class Pattern(NamedTuple):
    """What a rule looks for: RE2 `regex`, the `score` 0..1 of a hit, its `label` and the `reason` shown."""

    regex: str
    score: float
    label: str
    reason: str


class Rule(NamedTuple):
    """One evaluator of a file; see docs/how-to/add-your-own-rules.md. `version` follows from the content."""

    name: str
    category: Category
    flag: str | None
    threshold: float | None
    fields: tuple[TextField, ...]
    patterns: tuple[Pattern, ...]
    version: str
    line: int


class BiasPattern(NamedTuple):
    """A pattern that the bias evaluator reads as well: its `kind`, and how sure it is, `strength` 0..1."""

    kind: str
    regex: str
    strength: float


class BiasAdditions(NamedTuple):
    """What a file adds to the bias evaluator: words by name of group, patterns, and a `version` of both."""

    groups: Mapping[str, tuple[str, ...]]
    patterns: tuple[BiasPattern, ...]
    version: str


class Rules(NamedTuple):
    """All that a file says."""

    rules: tuple[Rule, ...] = ()
    bias: BiasAdditions | None = None

    @property
    def additions(self) -> Mapping[str, BiasAdditions]:
        """What is added to evaluators, by the name of each."""
        return {} if self.bias is None else {"bias": self.bias}
