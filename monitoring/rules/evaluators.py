"""Evaluators made of rules: what a file looks for, in texts, found for all rules in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from monitoring.evaluator import Category, Evaluator
from monitoring.models import Evidence, Score, TextField
from monitoring.rules.rule import Pattern, Rule
from monitoring.text.patterns import Hit, PatternSet
from monitoring.text.prepared import Prepared

__all__ = ["RuleEvaluator", "build_evaluators"]

_MOST_EVIDENCE = 20
# Of one pattern in one text; more tell nothing new.
_MOST_HITS = 100
_MEMORY = 32 << 20


class _Book:
    """The patterns of every rule as one set. Immutable, safe to share between threads."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._patterns = PatternSet(
            [pattern.regex for rule in rules for pattern in rule.patterns], max_memory=_MEMORY
        )

    def find(self, batch: Prepared, field: TextField) -> list[dict[int, list[Hit]]]:
        """Return the hits of each text of a field by number of pattern, cached in the batch."""
        return batch.shared(("rules", id(self), field), lambda: [*map(self._find, batch.texts(field))])

    def _find(self, text: str) -> dict[int, list[Hit]]:
        numbers = self._patterns.matching(text) if text else []
        return {number: [*islice(self._patterns.scan(text, number), _MOST_HITS)] for number in numbers}


@dataclass(frozen=True, slots=True)
class RuleEvaluator:
    """Finds what one rule of the installation's own file looks for, word by word and nothing beyond.

    The score of the strongest pattern that occurs is the value of a safety rule, 1 minus it that of a
    quality rule. A safety rule is 0 and a quality rule 1 where none occurs; a descriptive rule then knows
    nothing (`none`). The label is the strongest pattern's; the threshold is the file's.
    """

    rule: Rule
    book: _Book
    first: int

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.rule.name

    @property
    def version(self) -> str:
        """A digest of the rule, so that a changed one is another version."""
        return self.rule.version

    @property
    def category(self) -> Category:
        """The rule's category."""
        return self.rule.category

    @property
    def needs(self) -> frozenset[TextField]:
        """The fields that the rule reads."""
        return frozenset(self.rule.fields)

    @property
    def flag(self) -> str | None:
        """The flag that the rule raises."""
        return self.rule.flag

    @property
    def threshold(self) -> float | None:
        """The rule's threshold."""
        return self.rule.threshold

    def evaluate(self, batch: Prepared) -> list[Score]:
        """Return one score per record; see the class."""
        found = {field: self.book.find(batch, field) for field in self.rule.fields}
        columns = {field: batch.texts(field) for field in self.rule.fields}
        scores = []
        for record in range(len(batch)):
            if not any(column[record].strip() for column in columns.values()):
                scores.append(Score(value=None, label="empty", version=self.version))
                continue
            hits = [
                (pattern, field, hit)
                for field in self.rule.fields
                for pattern, hit in self._own(found[field][record])
            ]
            scores.append(self._score(hits))
        return scores

    def _own(self, hits: dict[int, list[Hit]]) -> Iterator[tuple[Pattern, Hit]]:
        for at, pattern in enumerate(self.rule.patterns, start=self.first):
            for hit in hits.get(at, ()):
                yield pattern, hit

    def _score(self, hits: Sequence[tuple[Pattern, TextField, Hit]]) -> Score:
        good = self.category == "quality"
        if not hits:
            value = {"safety": 0.0, "quality": 1.0, "descriptive": None}[self.category]
            return Score(value=value, label="none", version=self.version)
        strongest = max((pattern for pattern, _, _ in hits), key=lambda pattern: pattern.score)
        shown = sorted(hits, key=lambda found: -found[0].score)[:_MOST_EVIDENCE]
        return Score(
            value=1.0 - strongest.score if good else strongest.score,
            label=strongest.label,
            version=self.version,
            evidence=tuple(
                Evidence(field, hit.start, hit.end, pattern.reason)
                for pattern, field, hit in shown
                if hit.end > hit.start
            ),
        )


def build_evaluators(rules: Sequence[Rule]) -> tuple[Evaluator, ...]:
    """Return one evaluator per rule; they find what they look for together, in one pass over each text."""
    if not rules:
        return ()
    book, first, built = _Book(rules), 0, []
    for rule in rules:
        built.append(RuleEvaluator(rule, book, first))
        first += len(rule.patterns)
    return tuple(built)
