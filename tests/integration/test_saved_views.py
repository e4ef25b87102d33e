"""Views that people save for their project: kept, listed, removed, and bounded."""

from __future__ import annotations

from typing import Any

import pytest

from app.access.administration import Line
from app.access.saved_views import save_view
from app.errors import Conflict, NotFound
from app.schemas.saved_views import MOST_VIEWS
from app.storage.engine import writing
from tests.integration.api_rig import ApiRig

SLOW = {"name": "Slow calls", "path": "/traces", "query": "?filter=latency+%3E+10000&period=7d"}


async def test_a_view_is_saved_listed_by_name_and_removed(api: ApiRig) -> None:
    made = await api.client.post("/views", json=SLOW)
    assert made.status_code == 201
    await api.client.post("/views", json={"name": "All"})
    views = (await api.client.get("/views")).json()["views"]
    assert [(one["name"], one["path"], one["query"]) for one in views] == [
        ("All", "/", ""),
        tuple(SLOW.values()),
    ]
    place = f"/views/{made.json()['view_id']}"
    assert (await api.client.delete(place)).status_code == 204
    assert (await api.client.delete(place)).status_code == 404
    assert [one["name"] for one in (await api.client.get("/views")).json()["views"]] == ["All"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"name": "two\nlines"},
        {"path": "traces"},
        {"path": "//elsewhere.example"},
        {"path": "/Traces"},
        {"query": "filter=a"},
        {"query": "?a b"},
        {"query": "?" + "a" * 8_192},
        {"more": 1},
        {"name": None},
    ],
)
async def test_a_view_that_is_none_is_refused(api: ApiRig, change: dict[str, Any]) -> None:
    assert (await api.client.post("/views", json=SLOW | change)).status_code == 422


async def test_a_project_has_a_bounded_number_of_views_and_must_exist(api: ApiRig) -> None:
    line = Line("default", "test", api.services.clock())
    async with writing(api.services.engine) as connection:
        for number in range(MOST_VIEWS):
            await save_view(connection, line, f"view {number}", "/", "")
        with pytest.raises(Conflict, match="at most 100 saved views"):
            await save_view(connection, line, "one more", "/", "")
        with pytest.raises(NotFound):
            await save_view(connection, Line("nobody", "test", line.now), "a view", "/", "")
