"""Parts of a page that nobody listens to, sent as one component instead of one for each element.

Dash tells every component of a page of every change of its state, of which one change of the
address makes more than fifty. Tables of a thousand cells took a second of the browser for that.
`assets/markup.js` makes the elements of such a part with React, as Dash would.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from dash.development.base_component import Component

__all__ = ["compact"]

_ELEMENTS: Final = "dash_html_components"
_LINKS: Final = ("dash_core_components", "Link")
_LINK: Final = "Link"
_GROUP: Final = ""
# Properties of Dash that say nothing to a browser.
_LEFT_OUT: Final = {"children", "n_clicks", "n_clicks_timestamp", "disable_n_clicks", "refresh"}


class _Listened(Exception):
    """A part has a component that a callback may listen to, or that is more than an element."""


def compact(shown: Any) -> Any:
    """Return what is shown, its largest parts of plain elements as one component each.

    `shown` is anything that Dash shows: text, a component, a list of both, nothing. A component
    with an id stays, and so do those of other libraries; what is inside of them becomes compact.
    """
    if isinstance(shown, list | tuple):
        try:
            return _component([_GROUP, None, *map(_node, shown)]) if shown else shown
        except _Listened:
            return [compact(one) for one in shown]
    if not isinstance(shown, Component):
        return shown
    try:
        return _component(_node(shown))
    except _Listened:
        return _with_compact_children(shown)


def _component(tree: Any) -> Any:
    # The form in which Dash sends a component; `assets/markup.js` defines the library.
    return {"namespace": "llm_monitor", "type": "Markup", "props": {"tree": tree}}


def _with_compact_children(shown: Component) -> Component:
    children = getattr(shown, "children", None)
    if children is None or isinstance(children, str | int | float):
        return shown
    kept = copy.copy(shown)
    kept.children = compact(children)
    return kept


def _node(shown: Any) -> Any:
    """Return [tag, properties, child, …] of an element, or a text; raises _Listened."""
    if shown is None or isinstance(shown, str | int | float):
        return shown
    if isinstance(shown, list | tuple):
        return [_GROUP, None, *map(_node, shown)]
    if not isinstance(shown, Component):
        raise _Listened
    found = shown.to_plotly_json()  # type: ignore[no-untyped-call]  # Dash declares no types
    props, kind = found["props"], (found["namespace"], found["type"])
    if "id" in props or (found["namespace"] != _ELEMENTS and kind != _LINKS):
        raise _Listened
    tag = _LINK if kind == _LINKS else found["type"].lower()
    given = {name: value for name, value in props.items() if name not in _LEFT_OUT and value is not None}
    children = props.get("children")
    inside = children if isinstance(children, list | tuple) else [] if children is None else [children]
    return [tag, given or None, *map(_node, inside)]
