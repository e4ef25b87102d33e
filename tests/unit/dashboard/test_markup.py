from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
import pytest
from dash import dcc, html

from dashboard.drawing.components import aria, attributes, icon
from dashboard.drawing.markup import compact

CELL = html.Td("a", className="less")


def tree_of(shown: Any) -> Any:
    assert (shown["namespace"], shown["type"]) == ("llm_monitor", "Markup")
    return shown["props"]["tree"]


@pytest.mark.parametrize(
    ("shown", "tree"),
    [
        (html.Td("<b>bold</b>"), ["td", None, "<b>bold</b>"]),
        (html.Td(0), ["td", None, 0]),
        (html.P(), ["p", None]),
        (
            html.P([None, "a", html.B(["b", html.I("c")])]),
            ["p", None, None, "a", ["b", None, "b", ["i", None, "c"]]],
        ),
        (html.Tr([CELL, CELL]), ["tr", None, *[["td", {"className": "less"}, "a"]] * 2]),
        (dcc.Link("to", href="/traces"), ["Link", {"href": "/traces"}, "to"]),
        (html.A("to", href="/csv", title=None), ["a", {"href": "/csv"}, "to"]),
        (
            html.Details([html.Summary("more")], open=True),
            ["details", {"open": True}, ["summary", None, "more"]],
        ),
        (html.Button("x", n_clicks=0, **attributes(data_view="7")), ["button", {"data-view": "7"}, "x"]),
        (html.Div(tabIndex="0", **aria(label="rows")), ["div", {"tabIndex": "0", "aria-label": "rows"}]),
        ([html.B("a"), ["b", "c"]], ["", None, ["b", None, "a"], ["", None, "b", "c"]]),
    ],
    ids=str,
)
def test_plain_elements_become_one_component(shown: Any, tree: Any) -> None:
    assert tree_of(compact(shown)) == tree


def test_what_has_an_id_or_another_library_stays_and_its_inside_becomes_compact() -> None:
    row = html.Tr([CELL])
    listened = html.Div([row, dmc.Button("go", id="go"), html.Div([row], id="part"), row], className="all")
    kept = compact(listened)
    assert isinstance(kept, html.Div)
    first, button, part, last = kept.children
    assert tree_of(first) == tree_of(last) == ["tr", None, ["td", {"className": "less"}, "a"]]
    assert (button.id, button.children) == ("go", "go")
    assert tree_of(part.children) == ["", None, ["tr", None, ["td", {"className": "less"}, "a"]]]
    assert part.id == "part"
    assert listened.children[2].children == [row], "what was drawn is not changed"


@pytest.mark.parametrize(
    "shown", [None, "", "text", 7, [], (), {"data": []}, [{"row": 1}], dmc.Badge("b")], ids=str
)
def test_all_else_is_as_it_was(shown: Any) -> None:
    assert compact(shown) == shown


def test_an_icon_keeps_its_shape() -> None:
    tag, props = tree_of(compact(icon("close")))
    assert (tag, props["className"], props["aria-hidden"]) == ("span", "icon", "true")
    assert props["style"] == {"--shape": "url(/assets/icons/close.svg)"}
