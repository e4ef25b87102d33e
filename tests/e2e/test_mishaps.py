"""Faults of a machine while records are on their way: nothing that was accepted is lost."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.long

RECOVERY_SECONDS = 40.0
WORKERS = 3  # two, and one for what is waited for
# How long Postgres is away; LLM_MONITOR_OUTAGE_SECONDS=300 is the long form.
OUTAGE_SECONDS = float(os.environ.get("LLM_MONITOR_OUTAGE_SECONDS", "2"))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest.fixture
def ready(stack: Stack) -> Stack:
    """The stack, after it has recovered from what the test before did to it."""
    wait_for(stack.is_ready, RECOVERY_SECONDS, "the stack to be ready")
    wait_for(lambda: len(stack.workers()) == WORKERS, RECOVERY_SECONDS, "all workers to run")
    stack.wait_until_settled(RECOVERY_SECONDS)
    return stack


def records(number: int) -> list[dict[str, Any]]:
    run = uuid.uuid4().hex[:8]
    return [
        {
            "id": f"{run}-{i}",
            "prompt": f"What does chapter {i} of the handbook say about rainfall?",
            "response": f"Chapter {i} says that rain fell on {i % 365} days. The rest of it is about wind. "
            * 3,
            "model_name": "gpt-4",
        }
        for i in range(number)
    ]


def stored_once(stack: Stack, trace_ids: list[str]) -> bool:
    """Tell whether each of these traces is stored once and under a client id of its own."""
    (row,) = stack.rows(
        "SELECT count(*), count(DISTINCT trace_id) AS traces, count(DISTINCT client_id) AS clients "
        "FROM traces WHERE trace_id = ANY($1::uuid[])",
        trace_ids,
    )
    return tuple(row) == (len(trace_ids),) * 3


class Poster:
    """Posts records one after the other without waiting for scores, and notes each answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.accepted: list[str] = []
        self.refusals: list[httpx.Response] = []
        self.broken: list[str] = []

    def _run(self) -> None:
        run = uuid.uuid4().hex[:8]
        with httpx.Client(base_url=self._url, timeout=30) as client:
            for number in count():
                if self._stop.is_set():
                    return
                record = {"id": f"{run}-{number}", "prompt": f"Question {number}?", "response": "An answer."}
                try:
                    answer = client.post(
                        "/monitor/inference", json=record, headers={"Prefer": "respond-async"}
                    )
                except httpx.TransportError as error:
                    self.broken.append(repr(error))
                    continue
                if answer.status_code == httpx.codes.ACCEPTED:
                    self.accepted.append(answer.json()["trace_id"])
                else:
                    self.refusals.append(answer)

    @contextmanager
    def posting(self) -> Iterator[Poster]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()


def test_records_of_a_killed_worker_are_stored_exactly_once(ready: Stack) -> None:
    before = ready.pipeline()
    answer = ready.post_many(records(6000))
    assert answer["accepted"] == 6000
    victim = ready.workers()[0]
    victim.kill()
    killed = time.monotonic()
    in_flight = ready.pipeline()["in_flight"]
    after = ready.wait_until_settled(RECOVERY_SECONDS)
    assert time.monotonic() - killed < RECOVERY_SECONDS
    assert in_flight > 0, "nothing was on its way any more when the worker was killed"
    assert after["stored"] - before["stored"] == 6000
    assert (after["duplicate"], after["dead"], after["unaccounted"]) == (
        before["duplicate"],
        before["dead"],
        0,
    )
    assert stored_once(ready, answer["trace_ids"])
    wait_for(lambda: len(ready.workers()) == WORKERS, 10, "the worker to be replaced")


@pytest.mark.parametrize("name", ["redis-server", "postgres"])
def test_nothing_accepted_is_lost_when_a_server_is_killed(ready: Stack, name: str) -> None:
    before = ready.pipeline()
    with Poster(ready.api).posting() as poster:
        wait_for(lambda: len(poster.accepted) > 50, 20, "records to be accepted")
        ready.server(name).kill()
        killed_at = len(poster.accepted)
        wait_for(
            lambda: len(poster.accepted) > killed_at + 50 and ready.is_ready(), RECOVERY_SECONDS, "recovery"
        )
    assert poster.broken == []
    assert {answer.status_code for answer in poster.refusals} <= {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in poster.refusals)
    after = ready.wait_until_settled(RECOVERY_SECONDS)
    assert stored_once(ready, poster.accepted)
    assert after["dead"] == before["dead"]


def test_a_file_that_is_being_sent_while_redis_is_killed_arrives_whole(ready: Stack, tmp_path: Path) -> None:
    number = 8000
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in records(number)))
    before = ready.pipeline()
    with ThreadPoolExecutor(1) as thread:
        sending = thread.submit(ready.command, "ingest", str(file))
        wait_for(
            lambda: ready.pipeline()["accepted"] > before["accepted"] or sending.done(),
            20,
            "the first records",
        )
        ready.server("redis-server").kill()
        assert not sending.done(), "the file was sent before Redis was killed"
        done = sending.result(RECOVERY_SECONDS + 20)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"sent {number:,} " in done.stdout
    assert "rejected 0" in done.stdout
    wait_for(ready.is_ready, RECOVERY_SECONDS, "the stack to be ready")
    after = ready.wait_until_settled(RECOVERY_SECONDS)
    assert (after["stored"] - before["stored"], after["dead"]) == (number, 0)


@contextmanager
def away(stack: Stack, name: str) -> Iterator[None]:
    """Kill a server and prevent its restart for the length of the block."""
    holder = stack.holder()
    holder.suspend()
    try:
        stack.server(name).kill()
        yield
    finally:
        holder.resume()


def test_without_redis_nothing_is_taken_and_clients_are_told_when_to_come_back(ready: Stack) -> None:
    stored = ready.value("SELECT count(*) FROM traces")
    with httpx.Client(base_url=ready.api, timeout=30) as client, away(ready, "redis-server"):
        record = records(1)[0]
        single = client.post("/monitor/inference", json=record)
        bulk = client.post("/monitor/inferences", json=[record, record])
        listed = client.post("/evaluate", json=[record])
        for answer in (single, bulk, listed):
            assert answer.status_code == 503
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert int(answer.headers["Retry-After"]) >= 1
        assert client.get("/health").status_code == 200
        readiness = client.get("/health/ready")
        assert (readiness.status_code, readiness.json()["redis"]) == (503, "unavailable")
        assert client.get("/metrics/quality").status_code == 200
    wait_for(ready.is_ready, RECOVERY_SECONDS, "the stack to be ready")
    again = httpx.post(f"{ready.api}/monitor/inference", json=record, timeout=30)
    assert again.status_code == 200
    assert ready.value("SELECT count(*) FROM traces") == stored + 1


def test_without_postgres_records_are_still_taken_and_stored_later(ready: Stack) -> None:
    """Meanwhile workers take no job, so no job is suspected and halved afterwards."""
    halved = ready.value("SELECT count(*) FROM settlements WHERE stored + duplicate + dead = 0")
    with httpx.Client(base_url=ready.api, timeout=30) as client:
        with away(ready, "postgres"):
            answers = [
                client.post("/monitor/inference", json=record, headers={"Prefer": "respond-async"})
                for record in records(20)
            ]
            assert {answer.status_code for answer in answers} == {202}
            unread = client.get("/metrics/quality")
            assert unread.status_code == 503
            assert int(unread.headers["Retry-After"]) >= 1
            threading.Event().wait(OUTAGE_SECONDS)
        wait_for(ready.is_ready, RECOVERY_SECONDS, "the stack to be ready")
        after = ready.wait_until_settled(RECOVERY_SECONDS)
        assert after["dead"] == 0
        assert stored_once(ready, [answer.json()["trace_id"] for answer in answers])
        assert ready.value("SELECT count(*) FROM settlements WHERE stored + duplicate + dead = 0") == halved


@contextmanager
def frozen(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def test_a_postgres_that_hangs_for_longer_than_a_job_may_take_buries_nothing(ready: Stack) -> None:
    server = ready.server("postgres")
    with httpx.Client(base_url=ready.api, timeout=30) as client:
        with frozen([server, *server.children()]):
            answers = [
                client.post("/monitor/inference", json=record, headers={"Prefer": "respond-async"})
                for record in records(20)
            ]
            assert {answer.status_code for answer in answers} == {202}
            threading.Event().wait(16)  # a job's deadline is 12 s, arq's own timeout 15 s
        after = ready.wait_until_settled(RECOVERY_SECONDS)
    assert after["dead"] == 0
    assert stored_once(ready, [answer.json()["trace_id"] for answer in answers])
