from __future__ import annotations

import pytest

from monitoring.bisection import Bisection, halves


def search(batch: str, culprits: str) -> tuple[list[str], list[str]]:
    """Return the parts that were tried, and the items that were found to fail."""
    tried: list[str] = []
    found: list[str] = []
    parts = Bisection(batch)
    for part in parts:
        tried.append("".join(part))
        if set(part) & set(culprits) and not parts.halve(part):
            found += part
    return tried, found


@pytest.mark.parametrize(
    ("batch", "culprits", "tried", "found"),
    [
        ("", "", [], []),
        ("a", "", ["a"], []),
        ("a", "a", ["a"], ["a"]),
        ("abcd", "", ["abcd"], []),
        ("ab", "b", ["ab", "a", "b"], ["b"]),
        ("abc", "a", ["abc", "a", "bc"], ["a"]),
        ("abcd", "c", ["abcd", "ab", "cd", "c", "d"], ["c"]),
        ("abcd", "ad", ["abcd", "ab", "a", "b", "cd", "c", "d"], ["a", "d"]),
    ],
)
def test_what_fails_is_found_in_order_and_nothing_else_is_tried_alone(
    batch: str, culprits: str, tried: list[str], found: list[str]
) -> None:
    assert search(batch, culprits) == (tried, found)


def test_one_culprit_among_a_thousand_takes_few_tries() -> None:
    batch = "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))
    tried, found = search(batch, batch[613])
    assert found == [batch[613]]
    assert len(tried) <= 21


@pytest.mark.parametrize(
    ("batch", "expected"),
    [("ab", ("a", "b")), ("abc", ("a", "bc")), ((1, 2, 3, 4), ((1, 2), (3, 4))), ("a", ("", "a"))],
)
def test_halves_are_of_the_kind_of_the_batch(batch: str, expected: tuple[str, str]) -> None:
    assert halves(batch) == expected
