"""Saved views in the form that the API accepts and shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from app.schemas.keys import NAME_PATTERN
from app.schemas.saved_views import LONGEST_QUERY, LONGEST_VIEW_NAME, PATH_PATTERN, SavedView

__all__ = ["SavedViewIn", "SavedViewList", "SavedViewOut", "show_view"]


class SavedViewIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A view to be saved: a page of the dashboard, and the query part of its address."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_VIEW_NAME, pattern=NAME_PATTERN)]
    path: Annotated[str, Meta(pattern=PATH_PATTERN)] = "/"
    query: Annotated[str, Meta(max_length=LONGEST_QUERY, pattern=r"^(\?[!-~]*)?(?![\s\S])")] = ""


class SavedViewOut(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view, which everybody in the project sees."""

    view_id: UUID
    name: str
    path: str
    query: str
    created_at: datetime


class SavedViewList(msgspec.Struct, frozen=True):
    """The saved views of a project, by their names."""

    views: tuple[SavedViewOut, ...]


def show_view(view: SavedView) -> SavedViewOut:
    """Return a view as it is shown."""
    shown = msgspec.structs.asdict(view)
    del shown["project_id"]
    return SavedViewOut(**shown)
