from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.privacy import Privacy
from app.storage.traces.listing import Neighbours, count_traces, read_neighbours, read_values
from dashboard.data.listed import listed
from dashboard.data.queries import Queries
from dashboard.data.view import View
from dashboard.pages.traces import _read_on
from tests.integration.api_rig import ApiRig

RECORDS: list[dict[str, Any]] = [
    {
        "prompt": "one",
        "response": "yes",
        "model_name": "a",
        "user_id": "jane",
        "metadata": {"team": "x", "n": [1]},
    },
    {"prompt": "two", "response": "danger here", "model_name": "b"},
    {"prompt": "three", "response": "yes", "model_name": "a", "session_id": "s", "error": "late"},
]


@pytest.fixture
async def queries(api: ApiRig, engine: AsyncEngine) -> Queries:
    await api.store(*RECORDS)
    return Queries(engine, api.worker.redis, Privacy(None), api_url="http://api")


async def prompts(queries: Queries, **fields: str) -> list[str]:
    answer, _, problem = await _read_on(queries, 0, f"?{urlencode(fields)}", None)
    assert problem is None
    return [row["prompt"] for row in answer["rowData"]]


async def test_the_list_is_filtered_within_its_project(queries: Queries) -> None:
    assert sorted(await prompts(queries, period="1h")) == ["one", "three", "two"]
    assert sorted(await prompts(queries, filter="model = a")) == ["one", "three"]
    assert await prompts(queries, filter="user = jane") == ["one"]
    assert await prompts(queries, filter="session = s and model = b") == []
    assert await prompts(queries, filter="is_safe = false") == ["two"]
    assert await prompts(queries, filter="status = error") == ["three"]
    assert await prompts(queries, project="bank") == []


async def test_the_list_is_read_on_where_it_ended(queries: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await prompts(queries)
    monkeypatch.setattr("dashboard.pages.traces.ROWS", 2)
    answer, places, _ = await _read_on(queries, 0, "?period=24h&trace=x", None)
    assert ([row["prompt"] for row in answer["rowData"]], answer["rowCount"]) == (whole[:2], None)
    # An open trace is no other list; another filter is, and knows no places.
    answer, _, _ = await _read_on(queries, 2, "?period=24h", places)
    assert ([row["prompt"] for row in answer["rowData"]], answer["rowCount"]) == (whole[2:], 3)
    answer, _, _ = await _read_on(queries, 2, "?period=24h&filter=model+%3D+a", places)
    assert (answer["rowData"], answer["rowCount"]) == ([], 2)


async def test_chosen_columns_are_read(queries: Queries) -> None:
    search = urlencode({"columns": "metadata.team,metadata.n,score.relevance,error", "filter": "user = jane"})
    answer, _, _ = await _read_on(queries, 0, f"?{search}", None)
    (row,) = answer["rowData"]
    assert row["metadata.team"] == "x"
    assert (row["metadata.n"], row["error"]) == ("–", "–")  # noqa: RUF001 the sign for unknown


async def test_a_list_has_a_number_and_its_traces_have_neighbours(queries: Queries) -> None:
    chosen = listed(View(), queries.clock(), queries.privacy)
    answer, _, _ = await _read_on(queries, 0, None, None)
    newest, middle, oldest = (UUID(row["id"]) for row in answer["rowData"])

    async def ask(trace_id: UUID) -> Neighbours:
        return await queries.read("default", lambda one: read_neighbours(one, "default", chosen, trace_id))

    assert await ask(middle) == Neighbours(newest, oldest)
    assert await ask(newest) == Neighbours(None, middle)
    assert await queries.read("default", lambda one: count_traces(one, "default", chosen)) == len(RECORDS)
    assert await queries.read("bank", lambda one: count_traces(one, "bank", chosen)) == 0
    read = await queries.read("bank", lambda one: read_values(one, "bank", [newest], ["metadata.team"]))
    assert read == {}
