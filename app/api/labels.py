"""Labels in the form that the API accepts."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.errors import InvalidRecord
from app.review.labelling import LabelRequest
from app.schemas.labels import Span, Verdict

__all__ = ["LabelIn"]

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class LabelIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says about a call.

    Either a `verdict` on a `finding`, which is a flag or an evaluator of the call, or a `score` of
    the whole call (0..1, 1 is good). `evidence` is one place of the finding that alone is meant.
    """

    finding: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    verdict: Verdict | None = None
    score: Annotated[float, Meta(ge=0, le=1)] | None = None
    evidence: Span | None = None
    comment: Annotated[str, Meta(max_length=10_000)] | None = None

    def to_request(self) -> LabelRequest:
        """Return the request as `give_label` takes it; raises InvalidRecord."""
        if (self.finding is None) != (self.verdict is None):
            raise _refused("verdict", "and finding are given together")
        if (self.score is None) == (self.verdict is None):
            raise _refused("score", "or a verdict on a finding must be given, and not both")
        if self.evidence is not None and (self.finding is None or self.evidence.start >= self.evidence.end):
            raise _refused("evidence", "must be a place of a finding: start before end")
        values = msgspec.structs.asdict(self)
        values["comment"] = (self.comment or "").replace("\0", _REPLACEMENT) or None
        return LabelRequest(**values)


def _refused(field: str, message: str) -> InvalidRecord:
    return InvalidRecord(
        f"The label was refused: {field} {message}.", errors=[{"field": field, "message": message}]
    )
