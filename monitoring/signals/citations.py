"""Identifiers of publications and people that cannot exist.

Their check digits are wrong or their forms impossible. ISBN (ISO 2108) and ISSN (ISO 3297) weigh
their digits modulo 11, and ISBN-13 modulo 10. ORCID iDs have an ISO 7064 MOD 11-2 check digit. A
DOI (ISO 26324) is `10.` and a registrant of four to nine digits. arXiv numbers are YYMM.NNNN before
2015 and YYMM.NNNNN since then (https://info.arxiv.org/help/arxiv_identifier.html). An identifier
that passes need not exist, but one that fails cannot exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

import re2

__all__ = ["Citation", "check_citations"]

_ISBN = re2.compile(r"(?i)\bISBN(?:[ -]?1[03])?\s{0,2}[:#]?\s{0,2}([0-9](?:[ -]?[0-9]){8,16}(?:[ -]?[Xx])?)")
_ISSN = re2.compile(r"(?i)\b[ep]?-?ISSN\s{0,2}[:#]?\s{0,2}([0-9]{4}-?[0-9]{3}[0-9Xx])\b")
_ORCID = re2.compile(
    r"(?i)\bORCID(?:\.org/|\s{0,2}(?:iD)?\s{0,2}:?\s{0,2})([0-9]{4}(?:-[0-9]{4}){2}-[0-9]{3}[0-9X])\b"
)
_DOI = re2.compile(r"(?i)\bdoi(?:\.org/|\s{0,2}:\s{0,2})([0-9][^\s\"'<>)\]}]{0,200})")
_DOI_FORM = re2.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S")
_ARXIV = re2.compile(
    r"(?i)\barxiv(?:\.org/(?:abs|pdf)/|\s{0,2}:\s{0,2})([0-9]{4})\.([0-9]{4,5})(?:v[0-9]+)?\b"
)

_FIRST_ARXIV_MONTH, _FIVE_DIGITS_SINCE = 704, 1501
_ASCENDING = "01234567890123456789"


class Citation(NamedTuple):
    """One identifier: its character offsets in the text and its kind.

    `fault` says why it cannot exist, and is empty if it can.
    """

    start: int
    end: int
    kind: str
    fault: str


def check_citations(text: str, moment: datetime | None = None) -> Iterator[Citation]:
    """Yield every identifier of `text` that has a checkable form, in time linear in the text.

    `moment`, aware, is the time at which the text was written, so arXiv months after it cannot
    exist. Obvious placeholders (one repeated digit, 1234567890) are left out.
    """
    for kind, pattern, check in _CHECKS:
        for match in pattern.finditer(text):
            written = match.group(1)
            if not _is_placeholder(written):
                yield Citation(match.start(1), match.end(1), kind, check(written))
    for match in _ARXIV.finditer(text):
        fault = _check_arxiv(match.group(1), match.group(2), moment)
        yield Citation(match.start(1), match.end(2), "arxiv", fault)


def _is_placeholder(written: str) -> bool:
    digits = "".join(filter(str.isdigit, written))
    return len(set(digits)) <= 2 or digits[:9] in _ASCENDING or digits[3:12] in _ASCENDING  # noqa: PLR2004 one digit and a check digit


def _check_isbn(written: str) -> str:
    digits = [10 if c in "Xx" else int(c) for c in written if c not in " -"]
    if len(digits) == 10:  # noqa: PLR2004 ISBN-10
        total = sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=True))
        return "" if total % 11 == 0 else "ISBN with a wrong check digit"
    if len(digits) == 13:  # noqa: PLR2004 ISBN-13
        if digits[:3] not in ([9, 7, 8], [9, 7, 9]):
            return "ISBN that does not begin with 978 or 979"
        total = sum(digit * (3 if at % 2 else 1) for at, digit in enumerate(digits))
        return "" if total % 10 == 0 else "ISBN with a wrong check digit"
    return f"ISBN of {len(digits)} digits, where 10 or 13 are possible"


def _check_issn(written: str) -> str:
    digits = [10 if c in "Xx" else int(c) for c in written if c != "-"]
    total = sum(weight * digit for weight, digit in zip(range(8, 0, -1), digits, strict=True))
    return "" if total % 11 == 0 else "ISSN with a wrong check digit"


def _check_orcid(written: str) -> str:
    total = 0
    for digit in written.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    expected = (12 - total % 11) % 11
    return "" if written[-1].upper() == "0123456789X"[expected] else "ORCID iD with a wrong check digit"


def _check_doi(written: str) -> str:
    return "" if _DOI_FORM.match(written) else "DOI that is not of the form 10.registrant/name"


def _check_arxiv(month: str, number: str, moment: datetime | None) -> str:
    when = int(month)
    if not 1 <= when % 100 <= 12:  # noqa: PLR2004 months of a year
        return "arXiv number whose month does not exist"
    if when < _FIRST_ARXIV_MONTH:
        return "arXiv number of a month before this scheme began"
    if len(number) != (5 if when >= _FIVE_DIGITS_SINCE else 4):
        return "arXiv number with a wrong count of digits for its month"
    if moment is not None and when > moment.year % 100 * 100 + moment.month:
        return "arXiv number of a month that had not come"
    return ""


_CHECKS: tuple[tuple[str, re2._Regexp, Callable[[str], str]], ...] = (
    ("isbn", _ISBN, _check_isbn),
    ("issn", _ISSN, _check_issn),
    ("orcid", _ORCID, _check_orcid),
    ("doi", _DOI, _check_doi),
)
