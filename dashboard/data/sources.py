"""Where pages get what they show, and where they send what people change."""

from __future__ import annotations

from typing import NamedTuple

from dashboard.data.changes import Changes
from dashboard.data.queries import Queries

__all__ = ["Sources"]


class Sources(NamedTuple):
    """What the callbacks of a page use."""

    queries: Queries
    changes: Changes
