"""Views of the dashboard that people save for everybody in their project."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

__all__ = ["LONGEST_QUERY", "LONGEST_VIEW_NAME", "MOST_VIEWS", "PATH_PATTERN", "SavedView"]

LONGEST_VIEW_NAME: Final = 80
LONGEST_QUERY: Final = 8_192
MOST_VIEWS: Final = 100
"""Saved views of one project."""
PATH_PATTERN: Final = r"^/(?!/)[a-z0-9/_-]{0,100}(?![\s\S])"


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the dashboard and what it shows: `query` is the query part of its address."""

    project_id: str
    view_id: UUID
    name: str
    path: str
    query: str
    created_at: datetime
