from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from plotly.io.json import to_json_plotly

from app.filters import parse_filter
from app.schemas.saved_views import SavedView
from dashboard.drawing.views_menu import READY_VIEWS, ReadyView, saved_links

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("view", READY_VIEWS, ids=lambda view: view.name)
def test_every_ready_view_has_a_filter_that_can_be_read(view: ReadyView) -> None:
    assert parse_filter(view.filter).condition is not None


def test_saved_views_are_links_with_names_as_text_and_a_button_to_remove_them() -> None:
    evil = SavedView(
        project_id="p",
        view_id=UUID(int=7),
        name="<script>",
        path="/traces",
        query="?period=7d",
        created_at=NOW,
    )
    (row,) = saved_links([evil]).children
    link, button = row.children
    assert (link.children, link.href) == ("<script>", "/traces?period=7d")
    assert f'"data-view":"{UUID(int=7)}"' in to_json_plotly(button)


def test_without_saved_views_it_says_what_they_are() -> None:
    assert "everybody in the project" in saved_links([]).children
