"""The matching engine that every rule uses: many patterns or keywords, one linear pass over a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import re2
from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

__all__ = ["Hit", "KeywordSet", "PatternSet"]

# Room for the automaton's states. Sets of thousands of patterns need more than RE2's 8 MiB.
MAX_MEMORY = 128 << 20


class Hit(NamedTuple):
    """One match: `item`, the number of the pattern or keyword as given, `start`, `end` character offsets."""

    item: int
    start: int
    end: int


class PatternSet:
    """Regular expressions in RE2 syntax, found together in time linear in the text.

    A set tells which patterns occur, then only those are run for their places. RE2 answers "no match" when
    a set's automaton runs out of memory; a pattern that matches the end of every text betrays that, and the
    patterns are then run one by one. Lone surrogates count as question marks. Raises ValueError naming the
    pattern that RE2 does not accept.
    """

    __slots__ = ("_groups", "_set", "_singles", "patterns")

    def __init__(
        self, patterns: Iterable[str], *, ignore_case: bool = False, max_memory: int = MAX_MEMORY
    ) -> None:
        self.patterns = tuple(patterns)
        options = re2.Options()
        options.case_sensitive = not ignore_case
        options.max_mem = max_memory
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._singles = []
        for pattern in self.patterns:
            try:
                self._singles.append(re2.compile(pattern, options))
                self._set.Add(pattern)
            except re2.error as error:
                raise ValueError(f"pattern {pattern!r}: {_reason(error)}") from error
        self._groups = [min(single.groups, 1) for single in self._singles]
        self._set.Add(r"\z")
        self._set.Compile()

    def matching(self, text: str) -> list[int]:
        """Return the indices of the patterns that occur in the text, in ascending order."""
        found = self._set.Match(text.encode("utf-8", "replace"))
        if not found:
            subject = text.encode("utf-8", "replace")
            return [number for number, single in enumerate(self._singles) if single.search(subject)]
        return sorted(number for number in found if number < len(self.patterns))

    def find(self, text: str) -> list[Hit]:
        """Return the non-overlapping matches of every pattern, by pattern, then by place.

        A pattern with a group reports its first group: what stands around it is only context.
        """
        return [hit for number in self.matching(text) for hit in self.scan(text, number)]

    def scan(self, text: str, number: int) -> Iterator[Hit]:
        """Yield the matches of one pattern as `find` reports them."""
        # For bytes RE2's wrapper need not turn positions into character offsets.
        subject = text.encode() if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
        group = self._groups[number]
        for match in self._singles[number].finditer(subject):
            start, end = match.span(group)
            if start >= 0:
                yield Hit(number, start, end)


class KeywordSet:
    """Words and phrases, found together without regard to case in time linear in the text.

    With `whole_words` (the default) a hit neither begins nor ends inside a word. Every occurrence counts,
    also one inside a longer keyword's.
    """

    __slots__ = ("_automaton", "_whole_words", "keywords")

    def __init__(self, keywords: Sequence[str], *, whole_words: bool = True) -> None:
        self.keywords = tuple(keywords)
        self._whole_words = whole_words
        self._automaton = AhoCorasick(
            [_lower(keyword) for keyword in self.keywords],
            matchkind=MatchKind.Standard,
            implementation=Implementation.DFA,
        )

    def find(self, text: str) -> list[Hit]:
        """Return every occurrence in the text, in the order of their ends."""
        lowered = _lower(text)
        hits = self._automaton.find_matches_as_indexes(lowered, overlapping=True)
        if not self._whole_words:
            return [Hit(*hit) for hit in hits]
        return [Hit(*hit) for hit in hits if _is_whole(lowered, hit[1], hit[2])]


def _is_whole(text: str, start: int, end: int) -> bool:
    before = start > 0 and _joins(text[start - 1]) and _joins(text[start])
    after = end < len(text) and _joins(text[end]) and _joins(text[end - 1])
    return not (before or after)


def _joins(character: str) -> bool:
    return character.isalnum() or character == "_"


def _lower(text: str) -> str:
    """Lower a text character for character, so that offsets keep their meaning."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
