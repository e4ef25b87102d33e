"""A query parameter that a route does not read is refused at every address that has parameters."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.api.access import ACCESS
from tests.integration.api_rig import PROBLEM, ApiRig, own_servers, running_api

NOBODY = "00000000-0000-0000-0000-000000000000"
CHOOSING = sorted(
    place for place, need in ACCESS.items() if need not in {"open", "ingest"} and not place.startswith("WS")
)


@pytest.fixture(scope="module")
async def api(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as (database_url, redis),
        running_api(database_url, redis) as rig,
    ):
        yield rig


def address(place: str) -> tuple[str, str]:
    method, _, path = place.partition(" ")
    for name, value in {"{project_id}": "default", "{prefix}": "lm_none", "{user_id:path}": "nobody"}.items():
        path = path.replace(name, value)
    return method, path.replace("{trace_id}", NOBODY).replace("{job_id}", NOBODY)


@pytest.mark.parametrize("place", CHOOSING)
async def test_an_unknown_parameter_is_refused_at_every_address(api: ApiRig, place: str) -> None:
    method, path = address(place)
    response = await api.client.request(method, path, params={"colour": "red"})
    assert (response.status_code, response.headers["content-type"]) == (422, PROBLEM), response.text
    assert [entry["field"] for entry in response.json()["errors"]] == ["colour"]


@pytest.mark.parametrize(
    "query",
    [
        "/metrics/quality?user_id=u",
        "/metrics/cost?time_period=1h&tag=a",
        "/metrics/safety?from=2026-11-26T00:00:00Z",
        "/metrics/relevance?Time_period=1h",
        "/metrics/quality?time_period=1h&",
        "/feedback?source=live",
        "/metrics?name[]=up",
        "/pipeline?source=live",
        "/jobs?state=running",
    ],
)
async def test_what_would_narrow_figures_is_never_ignored(api: ApiRig, query: str) -> None:
    response = await api.client.get(query)
    assert response.status_code == (200 if query.endswith("&") else 422), response.text


@pytest.mark.parametrize(
    "query",
    [
        "/metrics",
        "/metrics/quality?time_period=7d&source=import",
        "/traces?from=2026-11-26T00:00:00Z&to=2026-11-27T00:00:00Z&model=m&limit=2",
        "/feedback?time_period=1h",
        "/pipeline/dead?reason=deadline&limit=5",
        "/jobs?limit=5",
        "/audit?limit=5",
        "/health?probe=1",
        "/docs?x=1",
        "/openapi.json?x=1",
    ],
)
async def test_what_a_route_reads_passes(api: ApiRig, query: str) -> None:
    assert (await api.client.get(query)).status_code == 200


async def test_an_exporter_may_add_what_it_likes(api: ApiRig) -> None:
    response = await api.client.post("/v1/traces?api-version=3", json={"resourceSpans": []})
    assert response.status_code == 200
