"""What processes other than workers know of the evaluators, which only workers load."""

from __future__ import annotations

import msgspec

from monitoring.evaluator import Category

__all__ = ["Judge", "decode_judges", "encode_judges"]


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluator by name, its category, and its threshold unless a project decided otherwise.

    `threshold` is 0..1, None for an evaluator without one. `weight` is what its value counts for in
    overall_quality: 1 where it takes part as fitted, 0 where it does not.
    """

    name: str
    version: str
    category: Category
    flag: str | None
    threshold: float | None
    weight: float


encode_judges = msgspec.json.Encoder().encode
decode_judges = msgspec.json.Decoder(tuple[Judge, ...]).decode
