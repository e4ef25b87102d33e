"""Whether each type of personal data was found in the texts that hold it, and only there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from monitoring.benchmarking.feeds import Row
from monitoring.models import Score

__all__ = ["EntityCount", "count_entities", "find_types", "named_value"]

# How others name what the evaluator finds, beside the names of Presidio.
_SYNONYMS: Mapping[str, str] = {
    "ADDRESS": "STREET_ADDRESS",
    "BITCOINADDRESS": "CRYPTO",
    "CREDITCARDNUMBER": "CREDIT_CARD",
    "CREDIT_DEBIT_CARD": "CREDIT_CARD",
    "DOB": "DATE_OF_BIRTH",
    "EMAIL": "EMAIL_ADDRESS",
    "ETHEREUMADDRESS": "CRYPTO",
    "IBAN": "IBAN_CODE",
    "IP": "IP_ADDRESS",
    "IPV4": "IP_ADDRESS",
    "IPV6": "IP_ADDRESS",
    "MAC": "MAC_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "PHONENUMBER": "PHONE_NUMBER",
    "PH_MOBILE_NUMBER": "PHONE_NUMBER",
    "SSN": "US_SSN",
    "TR_PHONE_NUMBER": "PHONE_NUMBER",
}


class EntityCount(msgspec.Struct, frozen=True):
    """Texts that hold a type (`n`), those of them where it was found and missed, and false findings."""

    n: int
    tp: int
    fp: int
    fn: int


def find_types(score: Score) -> dict[str, float]:
    """Return the types found in the response with the confidence of the surest finding of each."""
    found: dict[str, float] = {}
    for evidence in score.evidence:
        if evidence.field == "response":
            kind, confidence = evidence.reason.split()[:2]
            found[kind] = max(found.get(kind, 0.0), float(confidence))
    return found


def count_entities(rows: Sequence[Row], scores: Sequence[Score]) -> dict[str, EntityCount]:
    """Count per type, as its source names it, the texts where it was found.

    A row whose `meta` names an `entity` speaks about that type alone. Elsewhere its spans name all types
    that the source labels; findings of types that the source labels nowhere are not judged, unless it
    labels none at all and every finding is false.
    """
    labelled = {span[2] for row in rows for span in row.get("spans") or ()}
    counts: dict[str, list[int]] = {}
    for row, score in zip(rows, scores, strict=True):
        found = set(find_types(score))
        entity = (row.get("meta") or {}).get("entity")
        if entity:
            present, judged = ({entity} if row["label"] else set()), {entity}
        else:
            present = {span[2] for span in row.get("spans") or ()}
            judged = labelled or found
        for kind in judged:
            count = counts.setdefault(kind, [0, 0, 0])
            hit = _translate(kind) in found
            count[0] += hit and kind in present
            count[1] += hit and kind not in present
            count[2] += not hit and kind in present
    return {kind: EntityCount(tp + fn, tp, fp, fn) for kind, (tp, fp, fn) in sorted(counts.items())}


def named_value(row: Row, score: Score) -> float | None:
    """Return the score's value, or the confidence in the one type that the row is about."""
    entity = (row.get("meta") or {}).get("entity")
    return find_types(score).get(_translate(entity), 0.0) if entity else score.value


def _translate(kind: str) -> str:
    return "PASSPORT" if kind.endswith("_PASSPORT") else _SYNONYMS.get(kind, kind)
