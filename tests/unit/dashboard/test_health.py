from __future__ import annotations

import httpx
import pytest
from plotly.io.json import to_json_plotly

from app.reports.readiness import Readiness
from dashboard.drawing.health import HealthReader, health_label, health_table

READY = {
    "status": "ready",
    "timestamp": "2026-11-23T12:00:00Z",
    "postgres": "ok",
    "redis": "ok",
    "workers": "ok",
    "queue": {"records": 1500, "jobs": 6, "oldest_age_seconds": 0.25, "workers": 2},
}


def _reader(answer: httpx.Response | Exception) -> HealthReader:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/health/ready"
        if isinstance(answer, Exception):
            raise answer
        return answer

    return HealthReader(httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://api"))


@pytest.mark.parametrize("status", [200, 503])
async def test_good_and_bad_news_are_both_read(status: int) -> None:
    assert await _reader(httpx.Response(status, json=READY)).read() == Readiness.model_validate(READY)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.Response(502, text="<html>"),
        httpx.Response(200, json={}),
    ],
)
async def test_an_api_that_gives_no_such_answer_is_away(answer: httpx.Response | Exception) -> None:
    assert await _reader(answer).read() is None


@pytest.mark.parametrize(
    ("changes", "words", "state"),
    [
        ({}, "Healthy", "good"),
        ({"status": "not_ready", "postgres": "unavailable"}, "No postgres", "warn"),
        (
            {"status": "not_ready", "redis": "unavailable", "workers": "unavailable", "queue": None},
            "No redis or workers",
            "warn",
        ),
        ({"status": "stopping"}, "Stopping", "warn"),
        ({"status": "degraded"}, "Degraded", "warn"),
        ({"disk": "ok"}, "Healthy", "good"),
        ({"disk": "full"}, "Disk full", "warn"),
        ({"disk": "full", "status": "not_ready", "redis": "unavailable"}, "No redis", "warn"),
    ],
)
def test_the_header_says_what_is_missing(changes: dict[str, object], words: str, state: str) -> None:
    label = health_label(Readiness.model_validate(READY | changes))
    assert label[-1].children == words
    assert f'"data-state":"{state}"' in to_json_plotly(label)


def test_before_the_first_answer_nothing_is_claimed() -> None:
    assert health_label(None, asked=False)[-1].children == "Checking"
    assert health_label(None)[-1].children == "No API"


def test_the_table_shows_the_queue_for_people() -> None:
    shown = to_json_plotly(health_table(Readiness.model_validate(READY)))
    assert "1.5k" in shown
    assert "250 ms" in shown
    assert "unavailable" in to_json_plotly(health_table(None))
    assert "Disk" not in shown
    full = to_json_plotly(health_table(Readiness.model_validate(READY | {"disk": "full"})))
    assert "full: new records are refused" in full


def test_the_table_names_the_tasks_that_fail() -> None:
    assert "Background tasks" in to_json_plotly(health_table(Readiness.model_validate(READY)))
    task = {
        "process": "worker a:1",
        "task": "cover",
        "failures": 4,
        "error": "DBAPIError",
        "last_success": None,
    }
    degraded = Readiness.model_validate(READY | {"status": "degraded", "failing_tasks": [task]})
    shown = to_json_plotly(health_table(degraded))
    assert "Task cover" in shown
    assert "failed 4 times in a row (DBAPIError) in worker a:1" in shown
