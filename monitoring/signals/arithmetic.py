"""Equations written in a text, which are worked out again.

`7 * 8 = 54` is wrong whatever the world is like.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import re2

__all__ = ["Equation", "check_equations"]

_NUMBER = r"[$€£]?(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,15})(?:\.[0-9]{1,12})?"
_MINUS = "-\N{MINUS SIGN}\N{EN DASH}"
_TIMES = "*\N{MULTIPLICATION SIGN}\N{MIDDLE DOT}"
_DIVIDED = "/\N{DIVISION SIGN}"
# Without spaces, - and / are more often ranges, dates and fractions than operations.
_OPERATOR = rf"(?:\s?[+{_TIMES}{_DIVIDED[1]}]\s?|\s[{_MINUS}/x]\s|\s?\\(?:times|cdot|div)\s?)"
_EQUATION = re2.compile(rf"({_NUMBER}(?:{_OPERATOR}{_NUMBER}){{1,12}})\s?=\s?([{_MINUS}]?{_NUMBER})")
# 10.000 and 3,801 mean different numbers in different countries.
_AMBIGUOUS = re2.compile(r"\b[0-9]{1,3}\.[0-9]{3}\b")
_OPERAND = re2.compile(_NUMBER)
# If one of these signs stands directly before or after a match, it is part of something longer.
_OPEN_BEFORE = frozenset(f"+{_MINUS}{_TIMES}{_DIVIDED}^=(<>[{{_.,\\%")
_OPEN_AFTER = frozenset(f"+{_MINUS}{_TIMES}{_DIVIDED}^(%_!\\\N{DEGREE SIGN}")
_ODD_SPACES = frozenset("\u00a0\u2009\u202f'\u2019")  # they group digits in other countries
_LOOK = 4
_OTHER_SYSTEMS = re2.compile(
    r"(?i)\b(?:mod|modulo|modular|remainder|binary|hex\w*|octal|base|clock|boolean|xor|bits?)\b"
)
_NEIGHBOURHOOD = 200
_SLACK = Fraction(1, 100)


class Equation(NamedTuple):
    """One equation: character offsets in the text, and its value as computed."""

    start: int
    end: int
    computed: Fraction
    right: bool


def check_equations(text: str) -> Iterator[Equation]:
    """Yield the equations of `text` that stand alone and use ordinary numbers, in linear time.

    A result is right if it is the value rounded or cut off at its last written place, or within 1 %
    of the value (round figures). Equations beside words such as modulo or binary are left out. So
    are those that are part of a longer expression.
    """
    for match in _EQUATION.finditer(text):
        start, end = match.span()
        if not _stands_alone(text, start, end) or _AMBIGUOUS.search(match.group()):
            continue
        computed = _work_out(match.group(1))
        if computed is None:
            continue
        written = match.group(2)
        stated = _parse(written)
        unit = Fraction(1, 10 ** len(written.partition(".")[2]))
        difference = abs(computed - stated)
        cut_off = abs(stated) <= abs(computed) < abs(stated) + unit
        right = difference <= unit / 2 or cut_off or difference <= _SLACK * abs(computed)
        if not right and _OTHER_SYSTEMS.search(text[max(0, start - _NEIGHBOURHOOD) : end + _NEIGHBOURHOOD]):
            continue
        yield Equation(start, end, computed, right)


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _LOOK) : start]
    spaced = before.rstrip(" ")
    if before[-1:].isalnum() or spaced[-1:].isdigit() or before[-1:] in _ODD_SPACES:
        return False
    # "- 5 + 3 = 8" after a line break is an item of a list.
    item = before.endswith(" ") and spaced[-1:] in {"-", "*"} and not spaced[:-1].strip(" ").strip("\n")
    if spaced and spaced[-1] in _OPEN_BEFORE and not item:
        return False
    after = text[end : end + _LOOK]
    if after[:1].isalnum() or after[:1] in _ODD_SPACES or after[1:2].isdigit():
        return False
    return after.lstrip(" ")[:1] not in _OPEN_AFTER


def _parse(written: str) -> Fraction:
    sign = -1 if written[0] in _MINUS else 1
    return sign * Fraction(written.lstrip(_MINUS).lstrip("$€£").replace(",", ""))


def _work_out(expression: str) -> Fraction | None:
    """Return the value of a chain of operations, products first; None for a division by zero."""
    total, product, sign = Fraction(0), Fraction(0), 1
    end = 0
    for match in _OPERAND.finditer(expression):
        operator = expression[end : match.start()].strip().removeprefix("\\")
        end = match.end()
        value = _parse(match.group())
        if operator in {*_TIMES, "x", "times", "cdot"}:
            product *= value
        elif operator in {*_DIVIDED, "div"}:
            if value == 0:
                return None
            product /= value
        else:
            total += sign * product
            product, sign = value, -1 if operator in {*_MINUS} else 1
    return total + sign * product
