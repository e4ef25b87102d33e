"""Keeping a page up to date: what it reads, how often, and what it says when that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dash import Dash, Input, Output, State, dcc, html, no_update

from app.errors import InvalidParameter, Overloaded, Unavailable
from dashboard.data.live import NEWS
from dashboard.data.shared import Shared
from dashboard.data.view import View, read_fields, read_view
from dashboard.drawing.components import notice, unread
from dashboard.drawing.frame import CLOCK, PAUSED, SCHEME, URL, ZONE
from dashboard.drawing.markup import compact
from dashboard.drawing.redraw import only_changed
from dashboard.drawing.theme import Palette, palette, scheme_of

__all__ = ["LivePage", "keep_updated", "page_stores"]

Read = TypeVar("Read")
_CONTINUES = "This page continues by itself."


@dataclass(frozen=True, kw_only=True)
class LivePage(Generic[Read]):
    """A page whose parts are read from a view of the data, and drawn again when they changed.

    `parts` has the properties of components by name, such as `{"sum": ("sum", "children")}`. `read`
    gets the view and those other fields of the address that `fields` names. `draw` is a pure
    function from what was read to the values of the parts. `pushed` pages are asked again when
    something was stored, at most once a second, and all pages at the frame's interval. What was
    read is shown for `seconds`, to all browsers that ask the same.
    """

    name: str
    parts: Mapping[str, tuple[str, str]]
    read: Callable[[View, Mapping[str, str]], Awaitable[Read]]
    draw: Callable[[Read, View, Palette], dict[str, Any]]
    fields: Sequence[str] = ()
    pushed: bool = True
    seconds: float = 0.8
    shared: Shared[Read] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shared", Shared(self.seconds))

    async def answer(self, view: View, fields: Mapping[str, str]) -> Read:
        """Return what was read for a view within the last moments, or read it."""
        key: Hashable = (view, tuple(sorted(fields.items())))
        return await self.shared.get(key, lambda: self.read(view, fields))


def page_stores(name: str) -> list[Any]:
    """Return the parts of a layout that `keep_updated` needs: a store, and a place for notices."""
    return [dcc.Store(id=f"{name}-drawn"), html.Div(id=f"{name}-problem", role="status")]


def keep_updated(dash: Dash, page: LivePage[Any]) -> None:
    """Add the callback that draws a page when it is opened, when its address changes, and live.

    While updates are paused, only a changed address is drawn. What cannot be read leaves the drawn
    parts as they are, and a notice says why.
    """
    outputs = {name: Output(*target) for name, target in page.parts.items()}
    live = {"_ticks": Input(CLOCK, "n_intervals")}
    if page.pushed:
        live["_news"] = Input(NEWS, "data")

    @dash.callback(
        output=outputs
        | {
            "problem": Output(f"{page.name}-problem", "children"),
            "drawn": Output(f"{page.name}-drawn", "data"),
        },
        inputs=live
        | {
            "search": Input(URL, "search"),
            "scheme": Input(SCHEME, "data"),
            "zone": Input(ZONE, "data"),
            "paused": Input(PAUSED, "data"),
            "drawn": State(f"{page.name}-drawn", "data"),
        },
    )
    async def update(
        *,
        search: str | None,
        scheme: str | None,
        zone: str | None,
        paused: bool | None,
        drawn: dict[str, Any] | None,
        **_live: Any,
    ) -> dict[str, Any]:
        asked = f"{search or ''} {scheme} {zone}"
        # What was refused is not asked again: a search that took too long would be slow again.
        known = drawn or {}
        if known.get("asked") == asked and (paused or known.get("refused")):
            return dict.fromkeys([*page.parts, "problem", "drawn"], no_update)
        return await _update(page, search, zone, palette(scheme_of(scheme)), drawn, asked)


async def _update(
    page: LivePage[Any],
    search: str | None,
    zone: str | None,
    colors: Palette,
    drawn: dict[str, Any] | None,
    asked: str,
) -> dict[str, Any]:
    kept = dict.fromkeys(page.parts, no_update)
    view = read_view(search, zone)
    fields = {name: value for name, value in read_fields(search).items() if name in page.fields}
    try:
        found = await page.answer(view, fields)
    except (Overloaded, Unavailable) as error:
        # The page forgets what was drawn, so that the first answer draws everything.
        return kept | {"problem": unread(error, _CONTINUES), "drawn": None}
    except InvalidParameter as error:
        return kept | {
            "problem": notice("This cannot be shown", error.detail),
            "drawn": {"asked": asked, "refused": True},
        }
    parts = {"problem": None} | _compact(page.parts, page.draw(found, view, colors))
    changed, shown = only_changed(parts, (drawn or {}).get("parts"))
    return kept | changed | {"drawn": {"asked": asked, "parts": shown}}


def _compact(targets: Mapping[str, tuple[str, str]], parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: compact(part) if targets[name][1] == "children" else part for name, part in parts.items()}
