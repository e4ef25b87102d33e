"""Measuring whether each type of personal data is found where it is, and only there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from monitoring.benchmarking.feeds import Row
from monitoring.models import Score

__all__ = ["CHECKABLE", "EntityCount", "add_checkable", "count_entities", "find_types", "named_value"]

CHECKABLE = frozenset(
    [
        "EMAIL_ADDRESS",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "IBAN_CODE",
        "US_SSN",
        "IP_ADDRESS",
        "MAC_ADDRESS",
        "CRYPTO",
        "US_ITIN",
        "US_NPI",
        "US_MBI",
        "ABA_ROUTING_NUMBER",
        "CA_SIN",
        "AU_ABN",
        "AU_ACN",
        "AU_MEDICARE",
        "UK_NHS",
        "UK_NINO",
        "DE_TAX_ID",
        "DE_VAT_ID",
        "DE_SOCIAL_SECURITY",
        "DE_HEALTH_INSURANCE",
        "ES_NIF",
        "ES_NIE",
        "FI_PERSONAL_IDENTITY_CODE",
        "SE_PERSONNUMMER",
        "SE_ORGANISATIONSNUMMER",
        "PL_PESEL",
        "IT_FISCAL_CODE",
        "IT_VAT_CODE",
        "IN_AADHAAR",
        "IN_PAN",
        "IN_GSTIN",
        "KR_RRN",
        "KR_BRN",
        "KR_FRN",
        "SG_FIN",
        "TH_TNIN",
        "TR_NATIONAL_ID",
        "ZA_ID_NUMBER",
        "PH_TIN",
    ]
)
"""Types that their form or check digit decides, without any words beside them."""

# Names that sources use for types of the evaluator, beside those of Presidio.
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
    """Texts that hold a type (`n`), true and missed ones among them, and false ones."""

    n: int
    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float | None:
        """The share of texts that hold the type among those where it was found."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """The share of texts where the type was found among those that hold it."""
        return _share(self.tp, self.n)

    @property
    def f2(self) -> float | None:
        """Recall and precision combined, with recall counting twice as much."""
        return _share(5 * self.tp, 5 * self.tp + 4 * self.fn + self.fp)


def find_types(score: Score) -> dict[str, float]:
    """Return the types found in the response, each with its highest confidence."""
    found: dict[str, float] = {}
    for evidence in score.evidence:
        if evidence.field == "response":
            kind, confidence = evidence.reason.split()[:2]
            found[kind] = max(found.get(kind, 0.0), float(confidence))
    return found


def count_entities(rows: Sequence[Row], scores: Sequence[Score]) -> dict[str, EntityCount]:
    """Count the texts where each type was found; types have the names of the source.

    A row whose `meta` names an `entity` is about that type alone. In other rows the spans name all
    types that the source labels. Types that the source never labels are not judged. If it labels no
    type at all, everything that is found is false.
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


def add_checkable(counts: Mapping[str, EntityCount]) -> EntityCount:
    """Return the sum over the types that their form or check digit decides."""
    chosen = [count for kind, count in counts.items() if _translate(kind) in CHECKABLE]
    return EntityCount(
        *(sum(getattr(count, name) for count in chosen) for name in EntityCount.__struct_fields__)
    )


def named_value(row: Row, score: Score) -> float | None:
    """Return the score's value, or the confidence in the one type that the row is about."""
    entity = (row.get("meta") or {}).get("entity")
    return find_types(score).get(_translate(entity), 0.0) if entity else score.value


def _translate(kind: str) -> str:
    return "PASSPORT" if kind.endswith("_PASSPORT") else _SYNONYMS.get(kind, kind)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
