"""docker-compose.yml: its commands and environments, started as processes, share the work."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.deployment.composed import Composed
from tests.e2e.stack import data_folder, wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

REPLICAS = 3
JOBS, RECORDS = 90, 10
PATIENCE = 120.0
CALL = {"prompt": "What is the capital of France?", "response": "The capital of France is Paris."}


@pytest.fixture
def composed() -> Iterator[Composed]:
    with data_folder() as folder, ExitStack() as stack:
        yield Composed(folder, stack)


def send(client: httpx.Client, first: int) -> int:
    """Post many small jobs; returns the number of records."""
    for job in range(first, first + JOBS):
        lines = [{**CALL, "id": f"record-{job}-{number}"} for number in range(RECORDS)]
        answer = client.post("/monitor/inferences", json=lines)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return JOBS * RECORDS


def worker_processes(client: httpx.Client) -> int:
    """Return how many workers reported; a replica has one for all jobs, which reports."""
    try:
        return int(client.get("/health/ready").json()["queue"]["workers"])
    except (httpx.TransportError, TypeError):
        return 0


def at_rest(client: httpx.Client) -> dict[str, int] | None:
    (ledger,) = client.get("/pipeline").raise_for_status().json()["projects"]
    return None if ledger["in_flight"] or ledger["unaccounted"] else ledger


def test_three_worker_replicas_share_the_work_and_the_end_of_one_loses_nothing(
    composed: Composed, report: Callable[[str], None]
) -> None:
    key = composed.migrate()
    composed.sql("ALTER TABLE settlements ADD settled_by text NOT NULL DEFAULT current_user")
    api = composed.start("api")
    workers = []
    for number in range(1, REPLICAS + 1):
        composed.sql(f"CREATE ROLE worker_{number} SUPERUSER LOGIN")
        own = composed.url_of(f"worker_{number}")
        workers.append(composed.start("worker", number, DATABASE_URL=own))
    dashboard = composed.start("dashboard")
    with httpx.Client(base_url=composed.api, headers={"X-API-Key": key}, timeout=30) as client:
        wait_for(lambda: worker_processes(client) == REPLICAS, PATIENCE, "all workers")
        wait_for(lambda: all(one.healthy() for one in (workers[0], dashboard)), PATIENCE, "health")
        sent = send(client, 0)
        wait_for(lambda: at_rest(client), PATIENCE, "the first records")
        shares = composed.jobs_of()
        report(f"jobs settled by replica: {shares}")
        assert set(shares) == {f"worker_{number}" for number in range(1, REPLICAS + 1)}
        assert min(shares.values()) > sum(shares.values()) / (4 * REPLICAS)
        sent += send(client, JOBS)
        workers[0].kill()
        sent += send(client, 2 * JOBS)
        ledger = wait_for(lambda: at_rest(client), PATIENCE, "the records of a killed replica")
        assert (ledger["accepted"], ledger["stored"], ledger["dead"]) == (sent, sent, 0)
    assert [one.stop() for one in workers[1:]] == [0, 0]
    # uvicorn ends its work and then gives the signal to itself, as programs should.
    assert [one.stop() for one in (dashboard, api)] == [-signal.SIGTERM, -signal.SIGTERM]
