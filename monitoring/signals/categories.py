"""Lexicons of weighted words and patterns by category, measured over a batch in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from monitoring.models import Evidence, TextField
from monitoring.signals.groups import GROUP_PLACEHOLDER, group_expression
from monitoring.text.kernels_lexicon import add_surety, classify_words
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.patterns import PatternSet
from monitoring.text.prepared import Prepared

__all__ = ["Addition", "Lexicon", "build_lexicon", "load_lexicon"]

# A word that is repeated often is no more certain than one that occurs twice.
_MOST_REPEATS = 2


class Addition(NamedTuple):
    """A pattern from elsewhere for a category that a lexicon has; `strength` is 0..1."""

    category: str
    pattern: str
    strength: float


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Categories of words and patterns.

    `surety` float32 [word classes, categories] holds -log(1 - strength). The values of all findings
    are added up, and 1 - exp(-sum) is the probability that at least one of them is what it seems.
    `triggers` bool [word classes] marks words: without any of them no pattern needs to run. A
    lexicon without triggers, which is not `triggered`, always runs its patterns.
    """

    names: tuple[str, ...]
    classes: Mapping[str, int]
    table: WordTable
    surety: NDArray[np.float32]
    triggers: NDArray[np.bool_]
    triggered: bool
    patterns: PatternSet
    pattern_categories: tuple[int, ...]
    pattern_surety: tuple[float, ...]

    def measure(self, batch: Prepared, field: TextField) -> NDArray[np.float32]:
        """Return the strength 0..1 of every category [records, categories], cached in the batch."""
        return batch.shared(("categories", self.names, field), lambda: self._measure(batch, field))

    def find(self, batch: Prepared, field: TextField, record: int, most: int = 8) -> Iterator[Evidence]:
        """Yield up to `most` places where a record's text holds a word or pattern of a category."""
        words = batch.words(field)
        first, stop = words.offsets[record], words.offsets[record + 1]
        kinds = classify_words(words.ids[first:stop], self.table.keys, self.table.classes)
        listed = np.flatnonzero(self.surety.sum(axis=1)[kinds])[:most]
        for at in listed:
            begin, end = int(words.begins[first + at]), int(words.ends[first + at])
            place = batch.characters(field, record, begin, end)
            yield Evidence(field, *place, self.names[int(self.surety[kinds[at]].argmax())])
        most -= len(listed)
        if not most:
            return
        shown: set[Evidence] = set()
        for hit in self.patterns.find(batch.texts(field)[record]):
            one = Evidence(field, hit.start, hit.end, self.names[self.pattern_categories[hit.item]])
            if one not in shown:
                shown.add(one)
                yield one
            if len(shown) == most:
                return

    def words(self) -> Iterator[tuple[str, float]]:
        """Yield every word of a category with its greatest strength."""
        for word, kind in self.classes.items():
            strongest = float(self.surety[kind].max())
            if strongest > 0:
                yield word, 1 - np.exp(-strongest)

    def _measure(self, batch: Prepared, field: TextField) -> NDArray[np.float32]:
        words = batch.words(field)
        total: NDArray[np.float32]
        total, hopeful = add_surety(
            words.ids,
            words.offsets,
            self.table.keys,
            self.table.classes,
            self.surety,
            self.triggers,
            _MOST_REPEATS,
        )
        for record in hopeful.tolist() if self.triggered else range(len(batch)):
            for pattern in self.patterns.matching(batch.texts(field)[record]):
                total[record, self.pattern_categories[pattern]] += self.pattern_surety[pattern]
        return 1 - np.exp(-total) if total.any() else total


@cache
def load_lexicon(name: str) -> Lexicon:
    """Load `monitoring/lexicons/<name>.yaml`, once per process; see `build_lexicon`."""
    return build_lexicon(name)


def build_lexicon(name: str, additions: Sequence[Addition] = (), mentions: str | None = None) -> Lexicon:
    """Build the lexicon `monitoring/lexicons/<name>.yaml` with patterns added to its categories.

    `mentions` is the expression that GROUP stands for. The default is that of the groups that come
    with the evaluators. Raises ValueError for a pattern that RE2 does not accept and for an entry
    that is not one word; the message names it.
    """
    expression = mentions or group_expression()
    text = (files("monitoring") / "lexicons" / f"{name}.yaml").read_text(encoding="utf-8")
    content: Mapping[str, Any] = yaml.safe_load(text)["categories"]
    names = tuple(content)
    sureties, triggers = _read_words(content, names)
    kinds: dict[tuple[bytes, bool], int] = {(np.zeros(len(names), np.float32).tobytes(), False): 0}
    for word, row in sureties.items():
        kinds.setdefault((row.tobytes(), word in triggers), len(kinds))
    classes = {word: kinds[row.tobytes(), word in triggers] for word, row in sureties.items()}
    rules = [
        (pattern.replace(GROUP_PLACEHOLDER, expression), names.index(category), _surety(strength))
        for category, pattern, strength in (*_read_patterns(content), *additions)
    ]
    return Lexicon(
        names=names,
        classes=classes,
        table=build_table(classes),
        surety=np.array([np.frombuffer(row, dtype=np.float32) for row, _ in kinds]),
        triggers=np.array([trigger for _, trigger in kinds]),
        triggered=bool(triggers),
        patterns=PatternSet([pattern for pattern, _, _ in rules], ignore_case=True),
        pattern_categories=tuple(category for _, category, _ in rules),
        pattern_surety=tuple(surety for _, _, surety in rules),
    )


def _surety(strength: float) -> float:
    return float(-np.log1p(-strength))


def _read_words(
    content: Mapping[str, Any], names: Sequence[str]
) -> tuple[dict[str, NDArray[np.float32]], frozenset[str]]:
    """Return the surety of every word by category, and which words are triggers.

    The words include the triggers.
    """
    rows: dict[str, NDArray[np.float32]] = {}
    triggers: set[str] = set()
    for category, name in enumerate(names):
        triggers.update(content[name].get("triggers", "").split())
        for entry in content[name]["words"]:
            for word in entry["list"].split():
                row = rows.setdefault(word, np.zeros(len(names), dtype=np.float32))
                row[category] = max(row[category], _surety(entry["strength"]))
    for word in triggers:
        rows.setdefault(word, np.zeros(len(names), dtype=np.float32))
    return rows, frozenset(triggers)


def _read_patterns(content: Mapping[str, Any]) -> Iterator[Addition]:
    for category, entries in content.items():
        for entry in entries["patterns"]:
            for pattern in entry["list"]:
                yield Addition(category, pattern, entry["strength"])
