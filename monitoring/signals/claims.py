"""What the responses of a batch can be caught at without any source, found once and shared.

Dates that no calendar has, identifiers that cannot be, sentences that contradict each other, admissions
of invention, and equations that do not hold. Passes over the bytes of a batch look at every record; Python looks
closer only where they found something.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

import numpy as np
import re2
from numpy.typing import NDArray

from monitoring.signals import kernels_claims as kernels
from monitoring.signals.admissions import find_admission
from monitoring.signals.arithmetic import check_equations
from monitoring.signals.citations import check_citations
from monitoring.signals.dates import find_impossible_dates, find_suspects
from monitoring.signals.support import stems
from monitoring.text.kernels_lexicon import count_classes
from monitoring.text.lexicon import WordTable, build_table
from monitoring.text.prepared import Prepared

__all__ = ["ADMISSION", "CITATION", "CONTRADICTION", "DATE", "EQUATION", "ClaimFinding", "Claims", "examine"]

DATE, CITATION, CONTRADICTION, ADMISSION, EQUATION = (
    "date",
    "citation",
    "contradiction",
    "admission",
    "equation",
)

# A text that trips a check this often is a list of test data; looking on would cost without telling more.
_MOST_FINDINGS = 16
_MOST_CHECKS = 200
_FENCE = "```"
_DENIED = re2.compile(
    r"(?i)\b(?:not|no|never|invalid|impossible|incorrect|wrong|error|errors|fake|fictional|nonexistent|"
    r"isn't|doesn't|don't|can't|cannot|only has|has only|example|placeholder|dummy|test|exist|exists)\b"
)
_STATES = "born died founded established released discovered opened built"
_CONDITIONS = "if when unless otherwise while whether or either example case"
_FUNCTION = "a an the of in to and it this that he she they i you we"
_FORMS_OF_BE = {"do": "do does did", "be": "is are was were am", "have": "has have had"}
_MODALS = "can could will would should must may might"


class ClaimFinding(NamedTuple):
    """One thing that cannot be: `kind` is a constant of this module, offsets are characters of the response."""

    kind: str
    start: int
    end: int
    reason: str


class Claims(NamedTuple):
    """Findings in one response, and how many of its checkable claims (equations, check digits) held."""

    findings: tuple[ClaimFinding, ...] = ()
    held: int = 0


_NOTHING = Claims()


def _claim_words() -> WordTable:
    classes = dict.fromkeys(_STATES.split(), kernels.STATES) | dict.fromkeys(
        _CONDITIONS.split(), kernels.CONDITIONS
    )
    classes |= dict.fromkeys(_FUNCTION.split(), kernels.FUNCTION)
    classes |= dict.fromkeys(["not", "never", "no"], kernels.NOT)
    forms = [words.split() for words in _FORMS_OF_BE.values()] + [[word] for word in _MODALS.split()]
    classes |= {word: kernels.AUXILIARIES + at for at, group in enumerate(forms) for word in group}
    negated = {
        "do": "don't doesn't didn't",
        "be": "isn't aren't wasn't weren't",
        "have": "hasn't haven't hadn't",
    }
    for at, words in enumerate(negated.values()):
        classes |= dict.fromkeys(words.split(), kernels.CONTRACTIONS + at)
    for at, modal in enumerate(_MODALS.split(), start=len(_FORMS_OF_BE)):
        classes[{"can": "can't", "will": "won't"}.get(modal, f"{modal}n't")] = kernels.CONTRACTIONS + at
    classes["cannot"] = classes["can't"]
    del classes["may"]  # it is a month as well
    return build_table(classes)


_WORDS = _claim_words()
_IDENTIFIER, _INVENTION, _MADE, _UP = 1, 2, 3, 4
_TRIGGERS = build_table(
    dict.fromkeys(["isbn", "issn", "doi", "arxiv", "orcid"], _IDENTIFIER)
    | dict.fromkeys(["fabricated", "hallucinated", "invented", "fabrication", "hallucination"], _INVENTION)
    | dict.fromkeys(["fictitious", "fictional"], _INVENTION)
    | {"made": _MADE, "make": _MADE, "up": _UP}
)


def examine(batch: Prepared) -> tuple[Claims, ...]:
    """Return what the response of each record can be caught at, cached in the batch."""
    return batch.shared(("claims", "examine"), lambda: _examine(batch))


def _examine(batch: Prepared) -> tuple[Claims, ...]:
    words = batch.words("response")
    buffer, starts = batch.encoded("response")
    triggers = count_classes(words.ids, words.offsets, _TRIGGERS.keys, _TRIGGERS.classes, len(words.ids), 5)
    equations = set(_find_equations(batch))
    dated = set(find_suspects(buffer, starts))
    clashes = _find_contradictions(batch)
    results = [_NOTHING] * len(batch)
    counted = triggers.tolist()
    identified = {record for record, row in enumerate(counted) if row[_IDENTIFIER]}
    admits = {record for record, row in enumerate(counted) if row[_INVENTION] or (row[_MADE] and row[_UP])}
    for record in sorted({*identified, *admits, *equations, *dated, *clashes[:, 0].tolist()}):
        findings, held = _explain_contradictions(batch, record, clashes), 0
        if record in dated:
            findings += _find_dates(batch.texts("response")[record])
        if record in admits:
            findings += _find_admissions(batch.texts("response")[record])
        if record in identified:
            wrong, right = _check_identifiers(batch, record)
            findings, held = findings + wrong, held + right
        if record in equations:
            wrong, right = _check_sums(batch.texts("response")[record])
            findings, held = findings + wrong, held + right
        results[record] = Claims(tuple(sorted(findings, key=lambda finding: finding.start)), held)
    return tuple(results)


def _find_equations(batch: Prepared) -> list[int]:
    """Return the records whose response has an equals sign between digits."""
    if not any("=" in text for text in batch.texts("response")):
        return []
    buffer, starts = batch.encoded("response")
    found = kernels.find_equations(buffer, starts, np.flatnonzero(buffer == ord("=")))
    listed: list[int] = np.flatnonzero(found).tolist()
    return listed


def _find_contradictions(batch: Prepared) -> NDArray[np.int64]:
    words, sentences = batch.words("response"), batch.sentences("response")
    found: NDArray[np.int64] = kernels.find_contradictions(
        batch.encoded("response").buffer,
        words.ids,
        stems(batch, "response").stems,
        words.begins,
        words.offsets,
        sentences.begins,
        sentences.ends,
        sentences.offsets,
        _WORDS.keys,
        _WORDS.classes,
    )
    return found


def _rows_of(record: int, rows: NDArray[np.int64]) -> list[list[int]]:
    first, last = np.searchsorted(rows[:, 0], [record, record + 1])
    listed: list[list[int]] = rows[first : min(last, first + _MOST_FINDINGS)].tolist()
    return listed


def _find_dates(text: str) -> list[ClaimFinding]:
    found = islice(find_impossible_dates(text), _MOST_FINDINGS)
    return _keep_meant(
        text, [ClaimFinding(DATE, start, end, "a date that no calendar has") for start, end in found]
    )


def _explain_contradictions(batch: Prepared, record: int, clashes: NDArray[np.int64]) -> list[ClaimFinding]:
    sentences = batch.sentences("response")
    findings = []
    for _, earlier, later, kind in _rows_of(record, clashes):
        start, stop = batch.characters(
            "response", record, int(sentences.begins[later]), int(sentences.ends[later])
        )
        first, last = batch.characters(
            "response", record, int(sentences.begins[earlier]), int(sentences.ends[earlier])
        )
        text = batch.texts("response")[record]
        if text.count(_FENCE, 0, start) % 2 or any(mark in text[first:last] for mark in '"“|:'):
            continue
        reason = "another number than in the same statement before" if kind else "denies what was said before"
        findings.append(ClaimFinding(CONTRADICTION, start, stop, reason))
    return findings


def _find_admissions(text: str) -> list[ClaimFinding]:
    span = find_admission(text)
    return [ClaimFinding(ADMISSION, *span, "says that it made something up")] if span else []


def _check_identifiers(batch: Prepared, record: int) -> tuple[list[ClaimFinding], int]:
    text = batch.texts("response")[record]
    found = list(islice(check_citations(text, batch.records[record].timestamp), _MOST_CHECKS))
    wrong = [ClaimFinding(CITATION, each.start, each.end, each.fault) for each in found if each.fault]
    return _keep_meant(text, wrong), len(found) - len(wrong)


def _check_sums(text: str) -> tuple[list[ClaimFinding], int]:
    found = list(islice(check_equations(text), _MOST_CHECKS))
    wrong = [
        ClaimFinding(
            EQUATION, each.start, each.end, f"does not hold: the left side is {float(each.computed):.6g}"
        )
        for each in found
        if not each.right
    ]
    return _keep_meant(text, wrong), len(found) - len(wrong)


def _keep_meant(text: str, findings: list[ClaimFinding]) -> list[ClaimFinding]:
    return [
        finding
        for finding in findings[:_MOST_FINDINGS]
        if not _is_set_apart(text, finding.start, finding.end)
    ]


def _is_set_apart(text: str, start: int, end: int) -> bool:
    """Tell whether a place lies in a block of code, or in a line that says that it is wrong or a sample."""
    if text.count(_FENCE, 0, start) % 2:
        return True
    line_start = max(text.rfind("\n", max(0, start - 300), start) + 1, start - 300, 0)
    line_end = text.find("\n", end, end + 300)
    line = text[line_start : line_end if line_end >= 0 else end + 300]
    return _DENIED.search(line) is not None
