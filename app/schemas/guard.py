"""What a project wants of the guard, and what the guard answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import msgspec

from monitoring.models import Evidence

__all__ = ["GuardAnswer", "GuardFinding", "GuardPolicy", "GuardVerdict", "RedactedTexts"]

GuardVerdict = Literal["allow", "flag", "block"]


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the guard blocks: by the values of safety evaluators, and what to say when it cannot tell.

    `block` maps an evaluator, or one of its parts as `pii.prompt`, to the value from which a text is
    blocked, above 0 and at most 1; what it does not name never blocks. `on_failure` is the verdict where
    scoring failed or took too long. Raises ValueError for values outside their range.
    """

    block: Mapping[str, float] = {}
    on_failure: Literal["allow", "block"] = "block"

    def __post_init__(self) -> None:
        for name, value in self.block.items():
            if not 0.0 < value <= 1.0:
                raise ValueError(f"the value from which {name} blocks lies above 0 and is at most 1")


class GuardFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found: by which evaluator (or part), how strongly 0..1, and where.

    `flag` is None for a part, and for an evaluator that blocks below its threshold. Evidence lies in the
    texts as they were sent.
    """

    evaluator: str
    flag: str | None
    value: float
    blocks: bool
    label: str
    evidence: tuple[Evidence, ...] = ()


class RedactedTexts(msgspec.Struct, frozen=True, kw_only=True):
    """The texts without personal data; None for one that was not sent or has to be dropped."""

    prompt: str | None
    response: str | None


class GuardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a text. `failed`: scoring did not succeed and the verdict is the project's `on_failure`.

    `recorded` says whether the record is durably queued; then `trace_id` is where it will be.
    """

    verdict: GuardVerdict
    flags: tuple[str, ...]
    findings: tuple[GuardFinding, ...]
    redacted: RedactedTexts
    failed: bool
    recorded: bool
    trace_id: UUID | None
