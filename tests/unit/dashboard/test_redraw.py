from __future__ import annotations

from dash import html, no_update

from dashboard.drawing.redraw import only_changed

PARTS = {"tile": "12", "figure": {"data": [{"y": [1, None]}]}, "note": html.P("hello")}


def test_a_page_just_opened_gets_everything() -> None:
    kept, _ = only_changed(PARTS, None)
    assert kept == PARTS


def test_what_the_browser_has_is_not_sent_again() -> None:
    _, drawn = only_changed(PARTS, None)
    same = {"tile": "12", "figure": {"data": [{"y": [1, None]}]}, "note": html.P("hello")}
    kept, shown = only_changed(same, drawn)
    assert all(part is no_update for part in kept.values())
    assert shown == drawn


def test_only_what_changed_is_sent() -> None:
    _, drawn = only_changed(PARTS, None)
    figure = {"data": [{"y": [1, 2]}]}
    kept, shown = only_changed(PARTS | {"figure": figure}, drawn)
    assert kept == {"tile": no_update, "figure": figure, "note": no_update}
    assert shown["figure"] != drawn["figure"]
