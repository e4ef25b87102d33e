"""Downloads of the dashboard: what it asks the API for, and what it passes on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from dashboard.data.view import read_view
from dashboard.downloads import downloads_router, parameters_of
from tests.unit.dashboard.settings_rig import signed_in

JOB = "0199f3a2-0000-4000-8000-000000000001"
NOW = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)
RESULTS = {
    "state": "done",
    "evaluated_count": 1,
    "errors": [{"line": 2, "field": "prompt", "message": "must be a text"}],
    "results": [
        {
            "trace_id": JOB,
            "quality_score": 0.5,
            "safety_score": 1.0,
            "is_safe": True,
            "safety_flags": [],
            "cost_usd": 0.0000012,
            "model_name": "=HYPERLINK(1)",
        }
    ],
    "failed": [],
}
Answering = Callable[[httpx.Request], httpx.Response]


class Asked:
    """A browser of the dashboard, whose API is a function."""

    def __init__(self, answer: Answering) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    def _api(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    async def get(self, path: str, **fields: str) -> httpx.Response:
        api = httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(self._api))
        server = FastAPI()
        server.include_router(downloads_router(api))
        async with (
            api,
            httpx.AsyncClient(base_url="http://here", transport=httpx.ASGITransport(server)) as browser,
        ):
            return await browser.get(path, params=fields)


def file(_: httpx.Request) -> httpx.Response:
    async def content() -> AsyncIterator[bytes]:
        yield b"a,b\r\n"
        yield b"1,2\r\n"

    headers = {"content-type": "text/csv", "content-disposition": 'attachment; filename="x.csv"'}
    return httpx.Response(200, headers=headers | {"set-cookie": "no"}, content=content())


async def test_a_file_is_passed_on_with_the_rights_of_the_session() -> None:
    asked = Asked(file)
    with signed_in():
        response = await asked.get("/download", format="csv", period="7d", filter="user = ada & co")
    assert (response.status_code, response.content) == (200, b"a,b\r\n1,2\r\n")
    assert response.headers["content-disposition"] == 'attachment; filename="x.csv"'
    assert "set-cookie" not in response.headers
    (request,) = asked.requests
    assert request.url.path == "/export"
    assert dict(request.url.params).keys() == {"from", "to", "source", "filter", "kind", "format"}
    assert request.url.params["filter"] == "user = ada & co"
    assert request.headers["authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", {"from": "2026-11-29T12:00:00+00:00", "to": "2026-11-30T13:00:00+00:00", "source": "live"}),
        (
            "?"
            + urlencode({"from": "2026-11-30T10:00:00Z", "to": "2026-11-30T11:00:00Z", "source": "import"}),
            {"from": "2026-11-30T10:00:00+00:00", "to": "2026-11-30T11:00:00+00:00", "source": "import"},
        ),
        (
            "?filter=quality+%3C+0.5&period=15m",
            {
                "from": "2026-11-30T12:15:00+00:00",
                "to": "2026-11-30T12:31:00+00:00",
                "source": "live",
                "filter": "quality < 0.5",
            },
        ),
    ],
)
def test_the_period_is_that_of_the_list(search: str, expected: dict[str, str]) -> None:
    assert parameters_of(read_view(search), NOW) == expected


async def test_what_the_api_refuses_is_told() -> None:
    asked = Asked(lambda _: httpx.Response(429, json={"detail": "Another export of this project runs."}))
    with signed_in():
        response = await asked.get("/download")
    assert (response.status_code, response.text) == (429, "Another export of this project runs.")


async def test_an_api_that_is_away_is_told() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with signed_in():
        for path, fields in (("/download", {}), ("/download/evaluation", {"job": JOB})):
            response = await Asked(away).get(path, **fields)
            assert (response.status_code, "try again" in response.text) == (503, True)


@pytest.mark.parametrize("fields", [{"format": "xlsx"}, {"kind": "keys"}])
async def test_other_formats_and_kinds_are_refused(fields: dict[str, str]) -> None:
    asked = Asked(file)
    with signed_in():
        assert (await asked.get("/download", **fields)).status_code == 422
    assert asked.requests == []


async def test_results_of_an_evaluation_are_a_file() -> None:
    asked = Asked(lambda _: httpx.Response(200, json=RESULTS))
    with signed_in():
        response = await asked.get("/download/evaluation", job=JOB, format="csv")
        lines = await asked.get("/download/evaluation", job=JOB)
    first, second = csv.DictReader(io.StringIO(response.text))
    assert (first["model_name"], first["cost_usd"]) == ("'=HYPERLINK(1)", "0.0000012")
    assert (second["line"], second["error"]) == ("2", "prompt: must be a text")
    assert [json.loads(line)["line"] for line in lines.text.splitlines()] == [1, 2]
    assert "evaluation.csv" in response.headers["content-disposition"]
    assert {request.url.path for request in asked.requests} == {f"/evaluate/{JOB}"}
