from typing import Any

import pytest
import re2

from monitoring.text.patterns import Hit, KeywordSet, PatternSet


class _Starved:
    """What RE2 does when a set's automaton ran out of memory: it answers that nothing matched."""

    def Match(self, text: str) -> Any:  # noqa: ARG002, N802 as RE2 has it
        return []


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("", []),
        ("nothing here", []),
        ("call 555 or 666", [Hit(0, 5, 8), Hit(0, 12, 15)]),
        ("é foobar 123", [Hit(0, 9, 12), Hit(1, 5, 8)]),
        ("ünïcödé 1234", [Hit(0, 8, 11)]),
        ("\ud800 123", [Hit(0, 2, 5)]),
    ],
)
def test_patterns_are_found_with_character_offsets(text: str, hits: list[Hit]) -> None:
    assert PatternSet([r"\d{3}", "foo(ba.)"]).find(text) == hits


def test_a_pattern_reports_its_first_group() -> None:
    (hit,) = PatternSet(["id: (\\d+)"]).find("an id: 42!")
    assert "an id: 42!"[hit.start : hit.end] == "42"


@pytest.mark.parametrize("text", ["", "call 555", "é foobar", "neither"])
def test_a_set_without_memory_still_finds_everything(text: str) -> None:
    healthy = PatternSet([r"\d{3}", "foo(ba.)"])
    starved = PatternSet([r"\d{3}", "foo(ba.)"])
    starved._set = _Starved()  # noqa: SLF001 memory cannot be made to run out on demand
    assert starved.find(text) == healthy.find(text)


def test_a_set_survives_patterns_that_blow_up_its_automaton() -> None:
    patterns = [f"[a-q][^u-z]{{{n}}}x" for n in range(10, 14)]
    text = "".join(chr(97 + (i * i + 7 * i) % 26) for i in range(20_000)) + "a" * 12 + "x"
    one_by_one = [n for n, pattern in enumerate(patterns) if re2.search(pattern, text)]
    assert one_by_one
    assert PatternSet(patterns, max_memory=1 << 16).matching(text) == one_by_one


def test_case_is_ignored_when_asked() -> None:
    assert PatternSet(["abc"], ignore_case=True).matching("xABCx") == [0]
    assert PatternSet(["abc"]).matching("xABCx") == []


def test_a_bad_pattern_is_named() -> None:
    with pytest.raises(ValueError, match=r"pattern 'a\(b': missing \)"):
        PatternSet(["fine", "a(b"])


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("New York", [Hit(0, 0, 3), Hit(1, 0, 8)]),
        ("the new yorkers", [Hit(0, 4, 7)]),
        ("renew", []),
        ("newer", []),
        ("new-born", [Hit(0, 0, 3)]),
        ("İİ new", [Hit(0, 3, 6)]),
        ("$5 off", [Hit(2, 0, 2)]),
        ("", []),
    ],
)
def test_keywords_are_found_as_whole_words(text: str, hits: list[Hit]) -> None:
    assert KeywordSet(["new", "new york", "$5"]).find(text) == hits


def test_keywords_inside_words_are_found_when_asked() -> None:
    assert KeywordSet(["new"], whole_words=False).find("renewed") == [Hit(0, 2, 5)]
