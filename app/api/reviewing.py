"""The calls that wait for a person, as the API shows them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.schemas.labels import Claimed

__all__ = ["ReviewList"]


class ReviewList(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that were claimed, the newest first, and when the claims expire."""

    traces: tuple[Claimed, ...]
    claimed_until: datetime
