"""When a page is drawn again, and what it says while nothing can be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import pytest
from dash import no_update

from app.errors import InvalidParameter, MonitorError, Overloaded, Unavailable
from dashboard.data.view import View
from dashboard.drawing.theme import Palette
from dashboard.updating import LivePage, keep_updated, page_stores

if TYPE_CHECKING:
    from dash import Dash

Update = Callable[..., Awaitable[dict[str, Any]]]


class Source:
    """What a page reads: a count of the reads, or an error."""

    def __init__(self) -> None:
        self.asked: list[tuple[View, Mapping[str, str]]] = []
        self.error: MonitorError | None = None
        self.value = "one"

    async def read(self, view: View, fields: Mapping[str, str]) -> str:
        self.asked.append((view, fields))
        if self.error:
            raise self.error
        return self.value


def draw(found: str, view: View, colors: Palette) -> dict[str, Any]:
    return {"sum": found, "zone": view.zone, "color": colors.text}


@pytest.fixture
def source() -> Source:
    return Source()


class Wiring:
    """Stands for Dash, and remembers the function of the only callback and what starts it."""

    def callback(self, *, inputs: Mapping[str, Any], **_output: Any) -> Callable[[Update], Update]:
        self.inputs = inputs

        def keep(function: Update) -> Update:
            self.function = function
            return function

        return keep


def wire(source: Source, **options: Any) -> Wiring:
    parts = {name: (name, "children") for name in ("sum", "zone", "color")}
    wiring = Wiring()
    page = LivePage(
        name="p", parts=parts, read=source.read, draw=draw, fields=("team",), seconds=0, **options
    )
    keep_updated(cast("Dash", wiring), page)
    return wiring


@pytest.fixture
def update(source: Source) -> Update:
    """Returns what changes on the page."""
    function = wire(source).function

    async def ask(**changes: Any) -> dict[str, Any]:
        said = {"search": "", "scheme": "light", "zone": "UTC", "paused": False, "drawn": None}
        found = await function(**(said | changes))
        return {name: value for name, value in found.items() if value is not no_update}

    return ask


async def test_the_first_look_draws_everything(update: Update, source: Source) -> None:
    found = await update(search="?team=a&other=b&period=7d", zone="Europe/Madrid")
    assert (found["sum"], found["zone"], found["problem"]) == ("one", "Europe/Madrid", None)
    (asked,) = source.asked
    assert asked == (View(period="7d", zone="Europe/Madrid"), {"team": "a"})


async def test_only_what_changed_is_sent_again(update: Update, source: Source) -> None:
    drawn = (await update())["drawn"]
    assert set(await update(drawn=drawn)) == {"drawn"}
    source.value = "two"
    assert (await update(drawn=drawn)).keys() == {"sum", "drawn"}
    assert (await update(drawn=drawn, scheme="dark")).keys() == {"sum", "color", "drawn"}


@pytest.mark.parametrize(
    ("changes", "drawn_again"),
    [
        ({}, False),
        ({"search": "?period=7d"}, True),
        ({"scheme": "dark"}, True),
        ({"zone": "Asia/Tokyo"}, True),
        ({"paused": False}, True),
        ({"drawn": None}, True),
    ],
)
async def test_while_updates_are_paused_only_another_address_is_drawn(
    update: Update, source: Source, changes: dict[str, Any], *, drawn_again: bool
) -> None:
    drawn = (await update())["drawn"]
    source.value = "two"
    found = await update(**({"drawn": drawn, "paused": True} | changes))
    assert ("sum" in found) is drawn_again
    assert len(source.asked) == 1 + drawn_again


@pytest.mark.parametrize("error", [Unavailable("Away."), Overloaded("Busy.", retry_after=1)])
async def test_what_cannot_be_read_leaves_what_is_drawn_and_is_tried_again(
    update: Update, source: Source, error: MonitorError
) -> None:
    drawn = (await update())["drawn"]
    source.error = error
    found = await update(drawn=drawn)
    assert found.keys() == {"problem", "drawn"}
    assert error.detail in str(found["problem"])
    assert "continues by itself" in str(found["problem"])
    source.error = None
    back = await update(drawn=found["drawn"])
    assert (back["sum"], back["problem"]) == ("one", None)


async def test_what_was_refused_is_not_asked_again_until_something_else_is_asked(
    update: Update, source: Source
) -> None:
    source.error = InvalidParameter("This filter is wrong.")
    refused = await update(search="?filter=x")
    assert refused.keys() == {"problem", "drawn"}
    assert "This filter is wrong." in str(refused["problem"])
    assert await update(search="?filter=x", drawn=refused["drawn"]) == {}
    assert len(source.asked) == 1
    source.error = None
    assert (await update(search="", drawn=refused["drawn"]))["sum"] == "one"


@pytest.mark.parametrize(("options", "pushed"), [({}, True), ({"pushed": False}, False)])
def test_a_page_that_is_not_pushed_listens_to_the_clock_alone(
    source: Source, options: dict[str, Any], *, pushed: bool
) -> None:
    inputs = wire(source, **options).inputs
    assert ("_news" in inputs) is pushed
    assert "_ticks" in inputs


def test_a_layout_has_a_store_and_a_place_for_notices() -> None:
    assert [part.id for part in page_stores("p")] == ["p-drawn", "p-problem"]
