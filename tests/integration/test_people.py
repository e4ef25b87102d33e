from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.privacy import Privacy
from app.storage.traces.listing import count_of_user
from app.storage.traces.owners import read_turns
from dashboard.data.changes import Changes
from dashboard.data.people import read_list
from dashboard.data.queries import Queries
from dashboard.data.sources import Sources
from dashboard.data.view import View
from dashboard.pages.users import _erase
from tests.integration.api_rig import ApiRig

CALLS: list[dict[str, Any]] = [
    {
        "prompt": "first",
        "response": "yes",
        "user_id": "jane",
        "session_id": "s",
        "timestamp": "2026-11-01T10:00:00Z",
    },
    {"prompt": "third", "response": "danger here", "user_id": "jane", "session_id": "s", "error": "late"},
    {
        "prompt": "second",
        "response": "yes",
        "user_id": "jane",
        "session_id": "s",
        "timestamp": "2026-11-01T11:00:00Z",
    },
    {"prompt": "other", "response": "yes", "user_id": "../bob?x=1", "session_id": "t"},
    {"prompt": "nobody's", "response": "yes"},
]


@pytest.fixture
async def queries(api: ApiRig, engine: AsyncEngine) -> Queries:
    await api.store(*({"model_name": "gpt-4", **call} for call in CALLS))
    return Queries(engine, api.worker.redis, Privacy(None), api_url="http://api")


async def test_users_and_sessions_are_those_of_the_view(queries: Queries) -> None:
    view = View(period="1h")
    report = await read_list(queries, view, "session_id", "latest")
    found = {one.owner: one for one in report.activities}
    assert sorted(found) == ["s", "t"]
    assert (found["s"].user_id, found["s"].calls, found["s"].errors) == ("jane", 1, 1)
    assert found["s"].flags
    narrowed = await read_list(queries, view._replace(filter="status = error"), "session_id", "latest")
    assert [one.owner for one in narrowed.activities] == ["s"]
    assert (await read_list(queries, View("bank"), "user_id", "latest")).activities == []


@pytest.mark.parametrize("order", ["cost", "requests", "violations"])
async def test_users_are_in_order_of_a_figure(queries: Queries, order: Any) -> None:
    report = await read_list(queries, View(period="1h"), "user_id", order)
    assert sorted(report.figures) == ["../bob?x=1", "jane"]
    assert {one.owner for one in report.activities} == set(report.figures)
    assert report.figures["jane"].requests == 1


async def test_a_conversation_is_in_order_of_time_and_has_parts(queries: Queries) -> None:
    async def prompts(project: str, begin: int = 0, limit: int = 10) -> list[str]:
        found = await queries.read(
            project, lambda one: read_turns(one, project, ["s"], "live", begin=begin, limit=limit)
        )
        return [turn.prompt for turn in found]

    assert await prompts("default") == ["first", "second", "third"]
    assert await prompts("default", 1, 1) == ["second"]
    assert await prompts("bank") == []


async def test_a_user_is_erased_by_the_api_whatever_the_name_is(api: ApiRig, queries: Queries) -> None:
    assert await queries.read("default", lambda one: count_of_user(one, "default", ["jane"])) == 3
    said = await _erase(Sources(queries, Changes(api.client)), "default", "../bob?x=1")
    assert said.title == "Erasure has begun"
    jobs = (await api.get("/jobs"))["jobs"]
    assert [job["kind"] for job in jobs] == ["erase"]
    named = text("SELECT parameters -> 'user_ids' ->> 0 FROM jobs")
    assert await queries.read("default", lambda one: one.scalar(named)) == "../bob?x=1"
