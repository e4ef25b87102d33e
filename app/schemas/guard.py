"""A project's settings for the guard, and the guard's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import msgspec

from monitoring.models import Evidence

__all__ = ["GuardAnswer", "GuardFinding", "GuardPolicy", "GuardVerdict", "RedactedTexts"]

GuardVerdict = Literal["allow", "flag", "block"]


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the guard blocks: from which values of safety evaluators, and what after a failure.

    `block` maps an evaluator, or one of its parts such as `pii.prompt`, to the value from which a
    text is blocked, above 0 and at most 1. An evaluator that it does not name never blocks.
    `on_failure` is the verdict where scoring failed or took too long. Raises ValueError for values
    outside their range.
    """

    block: Mapping[str, float] = {}
    on_failure: Literal["allow", "block"] = "block"

    def __post_init__(self) -> None:
        for name, value in self.block.items():
            if not 0.0 < value <= 1.0:
                raise ValueError(f"the value from which {name} blocks must be above 0 and at most 1")


class GuardFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of one evaluator (or part): its strength, 0..1, and its place.

    `flag` is None for a part, and for an evaluator that blocks below its threshold. The places of
    evidence are in the texts as they were sent.
    """

    evaluator: str
    flag: str | None
    value: float
    blocks: bool
    label: str
    evidence: tuple[Evidence, ...] = ()


class RedactedTexts(msgspec.Struct, frozen=True, kw_only=True):
    """The texts without personal data; None for a text that was not sent or must be dropped."""

    prompt: str | None
    response: str | None


class GuardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a text. `failed` says that scoring failed and the verdict is `on_failure`.

    `recorded` says whether the record is durably queued. `trace_id` is then its id.
    """

    verdict: GuardVerdict
    flags: tuple[str, ...]
    findings: tuple[GuardFinding, ...]
    redacted: RedactedTexts
    failed: bool
    recorded: bool
    trace_id: UUID | None
