from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.errors import StartupError
from app.guard import GUARD_TASK
from app.queue import WORKERS_KEY
from app.schemas.tasks import TaskState
from app.supervision import in_background
from app.task_reports import read_tasks, report_tasks
from tests.integration.api_rig import PROBLEM, ApiRig, bury, own_servers, running_api, serving
from tests.integration.worker_rig import ORDINARY
from workers.process import unix_ms

CALL = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
NO_REDIS = "unix:///nonexistent/redis.sock"
NO_POSTGRES = "postgresql://nobody@/none?host=/nonexistent"


@pytest.fixture(scope="module")
async def shared(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    """An API for tests that keep nothing."""
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls) as rig,
    ):
        yield rig


async def beat(api: ApiRig, age_ms: int = 0) -> None:
    await api.worker.redis.hset(WORKERS_KEY, "host:1", str(unix_ms() - age_ms))


async def test_health_answers_whatever_the_servers_do() -> None:
    async with serving(NO_POSTGRES, NO_REDIS) as (client, _):
        answer = (await client.get("/health")).json()
    assert (answer["status"], answer["service"]) == ("healthy", "llm-monitoring-framework")
    assert set(answer) == {"status", "timestamp", "service", "version"}


async def test_readiness_needs_a_worker_that_was_heard_of_lately(api: ApiRig) -> None:
    response = await api.client.get("/health/ready")
    assert (response.status_code, response.json()["workers"]) == (503, "unavailable")
    await beat(api, age_ms=60_000)
    assert (await api.client.get("/health/ready")).status_code == 503
    await beat(api)
    answer = await api.get("/health/ready")
    assert (answer["status"], answer["postgres"], answer["redis"]) == ("ready", "ok", "ok")
    assert answer["queue"] == {"records": 0, "jobs": 0, "oldest_age_seconds": None, "workers": 1}


async def test_readiness_counts_what_waits_and_for_how_long(api: ApiRig) -> None:
    await beat(api)
    await api.post("/monitor/inferences", [CALL] * 600)
    queue = (await api.get("/health/ready"))["queue"]
    assert (queue["records"], queue["jobs"]) == (600, 2)
    assert 0 <= queue["oldest_age_seconds"] < 30


async def test_readiness_ends_when_the_process_is_told_to_stop(api: ApiRig) -> None:
    await beat(api)
    api.services.stopping = True
    response = await api.client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "stopping")


async def test_readiness_waits_for_the_guard_and_goes_on_without_one_that_cannot_be_loaded(
    api: ApiRig,
) -> None:
    await beat(api)
    turns: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def load() -> float:
        if error := await turns.get():
            raise error
        return 60.0

    async with in_background(api.services.tasks.repeat(GUARD_TASK, load, 0.0)):
        for outcome, guard, status in (
            ((), "loading", "not_ready"),
            ((StartupError("rules.yaml:5: score is 9"),), "unavailable", "degraded"),
            ((None,), "ok", "ready"),
        ):
            for one in outcome:
                await turns.put(one)
            async with asyncio.timeout(10):
                while (answer := (await api.client.get("/health/ready")).json())["guard"] != guard:
                    pass
            assert answer["status"] == status


async def test_tasks_that_fail_show_and_take_the_api_out_only_where_nothing_can_be_accepted(
    api: ApiRig,
) -> None:
    await beat(api)
    redis, moment = api.worker.redis, unix_ms()
    failing = TaskState("cover", failures=2, failed=9, succeeded_at=1e9, error="DBAPIError")
    await report_tasks(redis, "worker a:1", [failing, TaskState("retention", succeeded_at=2e9)], moment)
    await report_tasks(redis, "worker b:2", [failing], moment - 30_000)  # not heard of since
    answer = await api.get("/health/ready")
    assert answer["status"] == "degraded"
    assert answer["failing_tasks"] == [
        {
            "process": "worker a:1",
            "task": "cover",
            "failures": 2,
            "error": "DBAPIError",
            "last_success": "2001-09-09T01:46:40Z",
        }
    ]
    scrape = (await api.client.get("/metrics")).text
    assert 'llm_monitor_task_failures{process="worker a:1",task="cover"} 2.0' in scrape
    assert 'llm_monitor_task_failures{process="worker a:1",task="retention"} 0.0' in scrape
    assert 'task="admission"' in scrape

    async def fail() -> None:
        raise LookupError

    await api.services.tasks.attempt("queue_writes", fail)
    response = await api.client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "not_ready")


async def test_processes_that_fell_silent_are_forgotten(api: ApiRig) -> None:
    redis, moment = api.worker.redis, unix_ms()
    await report_tasks(redis, "worker a:1", [TaskState("cover")], moment - 61_000)
    await report_tasks(redis, "worker b:2", [TaskState("cover")], moment)
    assert b"worker a:1" not in await redis.hkeys("llm-monitor:tasks")
    assert "worker b:2" in await read_tasks(redis, moment)


async def test_readiness_names_the_server_that_is_away(database_url: str, redis_url: str) -> None:
    async with serving(database_url, NO_REDIS) as (client, _):
        answer = (await client.get("/health/ready")).json()
        assert (answer["postgres"], answer["redis"], answer["queue"]) == ("ok", "unavailable", None)
    async with serving(NO_POSTGRES, redis_url) as (client, _):
        response = await client.get("/health/ready")
        assert response.status_code == 503
        assert (response.json()["postgres"], response.json()["redis"]) == ("unavailable", "ok")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/monitor/inference", CALL),
        ("/monitor/inferences", [CALL]),
        ("/evaluate", [CALL]),
        ("/pipeline", None),
    ],
)
async def test_without_redis_a_client_is_told_when_to_come_back(
    database_url: str, path: str, body: Any
) -> None:
    async with serving(database_url, NO_REDIS) as (client, _):
        response = await (client.post(path, json=body) if body else client.get(path))
    assert_unavailable(response)


@pytest.mark.parametrize(
    "path", ["/metrics/quality", "/metrics/cost", "/traces", "/feedback", "/pipeline", "/metrics"]
)
async def test_without_postgres_a_reader_is_told_when_to_come_back(redis_url: str, path: str) -> None:
    async with serving(NO_POSTGRES, redis_url) as (client, _):
        assert_unavailable(await client.get(path))


async def test_without_postgres_records_are_still_taken(database_url: str, redis_url: str) -> None:
    """Also by a process that starts meanwhile: what projects want is known to Redis."""
    for url in (database_url, NO_POSTGRES):
        async with serving(url, redis_url) as (client, _):
            response = await client.post("/monitor/inference", json=CALL, headers={"prefer": "respond-async"})
        assert response.status_code == 202


async def test_without_knowing_what_a_project_wants_nothing_of_it_is_taken(redis_url: str) -> None:
    async with serving(NO_POSTGRES, redis_url) as (client, _):
        assert_unavailable(await client.post("/monitor/inference", json=CALL))


def assert_unavailable(response: httpx.Response) -> None:
    assert response.status_code == 503
    assert response.headers["content-type"] == PROBLEM
    assert int(response.headers["retry-after"]) > 0
    assert "Error" not in response.text.replace("errors", "")


async def test_a_full_queue_refuses_and_takes_nothing(database_url: str, redis_url: str) -> None:
    async with running_api(database_url, redis_url, backlog_max_records=10) as api:
        response = await api.post("/monitor/inferences", [CALL] * 11)
        assert_unavailable(response)
        assert (await api.get("/pipeline"))["projects"] == []


async def test_the_pipeline_accounts_for_every_record(api: ApiRig) -> None:
    await api.store(CALL, {**CALL, "id": "a"}, {**CALL, "response": "x"})
    await api.post("/monitor/inferences", [CALL, {**CALL, "id": "a"}])
    (ledger,) = (await api.get("/pipeline"))["projects"]
    assert ledger == {
        "project_id": "default",
        "accepted": 5,
        "stored": 3,
        "duplicate": 0,
        "dead": 0,
        "in_flight": 2,
        "unaccounted": 0,
        "set_aside_batches": 0,
        "set_aside_days": 0,
    }
    await api.worker.drain()
    report = await api.get("/pipeline")
    (ledger,) = report["projects"]
    assert (ledger["stored"], ledger["duplicate"], ledger["in_flight"]) == (4, 1, 0)
    assert report["queue"]["jobs"] == 0


async def test_a_lost_job_shows_as_unaccounted(api: ApiRig) -> None:
    await api.post("/monitor/inferences", [CALL] * 3)
    (key,) = [key async for key in api.worker.redis.scan_iter("arq:job:*")]
    await api.worker.redis.delete(key)
    (ledger,) = (await api.get("/pipeline"))["projects"]
    assert (ledger["accepted"], ledger["in_flight"], ledger["unaccounted"]) == (3, 0, 3)
    scraped = (await api.client.get("/metrics")).text
    assert 'llm_monitor_records_unaccounted{project="default"} 3.0' in scraped


async def test_a_dead_letter_is_listed_with_its_reason_and_can_be_replayed(api: ApiRig) -> None:
    (trace_id,) = await bury(api)
    (letter,) = (await api.get("/pipeline/dead"))["dead_letters"]
    assert (letter["trace_id"], letter["reason"], letter["attempts"]) == (trace_id, "deadline", 2)
    assert letter["replayed_at"] is None
    assert "payload" not in letter

    response = await api.client.post(f"/pipeline/dead/{trace_id}/replay")
    assert (response.status_code, response.headers["location"]) == (202, f"/traces/{trace_id}")
    (letter,) = (await api.get("/pipeline/dead"))["dead_letters"]
    assert letter["replayed_at"] is not None
    await api.worker.drain()
    assert (await api.get(f"/traces/{trace_id}"))["quality_score"] == ORDINARY
    assert (await api.get("/pipeline/dead"))["dead_letters"] == []
    (ledger,) = (await api.get("/pipeline"))["projects"]
    assert (ledger["accepted"], ledger["stored"], ledger["dead"], ledger["unaccounted"]) == (2, 1, 1, 0)


async def test_a_replay_of_nothing_is_404(shared: ApiRig) -> None:
    response = await shared.client.post("/pipeline/dead/5e9d8cbe-7e5e-4d5c-9be9-111111111111/replay")
    assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM)


async def test_prometheus_reads_requests_by_route_and_the_ledger(api: ApiRig) -> None:
    (trace_id,) = await api.store(CALL)
    await api.get(f"/traces/{trace_id}")
    await api.client.get("/nowhere/at/all")
    response = await api.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    text = response.text
    assert 'llm_monitor_records_stored{project="default"} 1.0' in text
    assert 'llm_monitor_records_unaccounted{project="default"} 0.0' in text
    assert 'llm_monitor_http_requests_total{method="GET",route="/traces/{trace_id}",status="200"} 1.0' in text
    assert 'route="(none)",status="404"} 1.0' in text
    assert "nowhere" not in text
    assert (await api.client.get("/metrics/quality")).status_code == 200


async def test_the_documentation_needs_no_other_server(shared: ApiRig) -> None:
    page = (await shared.client.get("/docs")).text
    links = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(r"url: '([^']+)'", page)
    assert links
    for link in links:
        assert not urlsplit(link).netloc, link
        response = await shared.client.get(link)
        assert response.status_code == 200, link


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/monitor/inference", 405),
        ("DELETE", "/traces", 405),
        ("PUT", "/feedback", 405),
        ("GET", "/metrics/quality/more", 404),
        ("GET", "/docs/assets/none.js", 404),
        ("GET", "/docs/assets/..%2f__init__.py", 404),
    ],
)
async def test_other_addresses_and_methods_are_problems(
    shared: ApiRig, method: str, path: str, status: int
) -> None:
    response = await shared.client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    assert response.json()["instance"].startswith("/")


async def test_an_unexpected_error_says_nothing_about_itself(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ValueError("secret of the house")

    monkeypatch.setattr("app.reports.answers.read_quality", fail)
    response = await api.client.get("/metrics/quality")
    assert (response.status_code, response.headers["content-type"]) == (500, PROBLEM)
    assert "secret" not in response.text
    assert "ValueError" not in response.text
