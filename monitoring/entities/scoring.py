"""The score of personal data, which the evaluator and the redaction compute in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitoring.entities.recognizer import Entity
from monitoring.models import Evidence, Score, TextField

__all__ = ["MOST_FINDINGS", "PII", "VERSION", "score_findings"]

PII = "pii"
"""The name of this score. Its evaluator skips records that the redaction has scored already."""
VERSION = "1.2.0"
MOST_FINDINGS = 1000
"""So many entities of one type in one field count; more say nothing new and only cost time."""
_MOST_EVIDENCE = 50


def score_findings(filled: Sequence[TextField], found: Mapping[TextField, Sequence[Entity]]) -> Score:
    """Return the score of a record with text in the fields `filled`, from what was found."""
    parts: dict[str, float] = {
        field: max((entity.confidence for entity in found.get(field, ())), default=0.0) for field in filled
    }
    value = parts.pop("response", None)
    label = "empty" if value is None else "none"
    if value:
        surest = max(found["response"], key=lambda entity: entity.confidence)
        label = surest.note or surest.type.lower()
    return Score(value=value, label=label, version=VERSION, evidence=_evidence(found), parts=parts)


def _evidence(found: Mapping[TextField, Sequence[Entity]]) -> tuple[Evidence, ...]:
    """Return the evidence with the most confidence, the response first, in order of place."""
    ranked = sorted(
        (field != "response", -entity.confidence, field, entity)
        for field, entities in found.items()
        for entity in entities
    )[:_MOST_EVIDENCE]
    return tuple(
        Evidence(
            field, entity.start, entity.end, f"{entity.type} {entity.confidence:g} {entity.note}".rstrip()
        )
        for _, field, entity in sorted((other, field, entity) for other, _, field, entity in ranked)
    )
