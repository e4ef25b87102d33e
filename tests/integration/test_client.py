from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from monitoring.client import Monitor
from tests.clients.listening import listening
from tests.integration.api_rig import running_api


class Answers:
    """A monitor that answers as it is told, and what it was sent."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.bodies: list[list[dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.url = ""


@pytest.fixture
def answers() -> Iterator[Answers]:
    told = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
            told.gate.wait(10)
            status = told.statuses.pop(0) if told.statuses else 202
            told.headers.append({name.lower(): value for name, value in self.headers.items()})
            if status == 202:
                told.bodies.append([json.loads(line) for line in body.splitlines()])
            answer = json.dumps({"rejected": 0, "errors": []}).encode()
            self.send_response(status)
            self.send_header("retry-after", "0")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    told.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def monitor(answers: Answers, **options: Any) -> Iterator[Monitor]:
    with Monitor(answers.url, **{"pause_seconds": 0.01, **options}) as found:
        yield found


async def test_records_reach_a_real_api(database_url: str, redis_url: str) -> None:
    async with running_api(database_url, redis_url) as rig, listening(rig.app) as url:
        found = Monitor(url, pause_seconds=0.01)

        @found.trace(model_name="gpt-4")
        def answer(question: str) -> str:
            return f"{question} answered"

        with found.about(session_id="s1"):
            for number in range(500):
                answer(f"question {number}")
        assert await found.aflush()
        assert (found.sent, found.dropped) == (500, 0)
        await asyncio.to_thread(found.close)
        await rig.worker.drain()
        rows = await rig.worker.rows("SELECT prompt, response, session_id, model_name FROM traces")
    assert len({row["prompt"] for row in rows}) == 500
    assert rows[0]["response"] == f"{rows[0]['prompt']} answered"
    assert {(row["session_id"], row["model_name"]) for row in rows} == {("s1", "gpt-4")}


@pytest.mark.parametrize("statuses", [[503], [429, 502, 504], [503] * 6])
def test_what_cannot_be_taken_now_is_sent_again_under_the_same_id(
    answers: Answers, statuses: list[int]
) -> None:
    answers.statuses = list(statuses)
    with monitor(answers, api_key="secret") as found:
        identity = found.record("a", "b")
        assert found.flush(20)
        assert (found.sent, found.dropped) == (1, 0)
    assert [record["id"] for body in answers.bodies for record in body] == [identity]
    assert len(answers.headers) == len(statuses) + 1
    assert answers.headers[0]["authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [400, 401, 413, 422, 500])
def test_what_is_refused_for_good_is_dropped_aloud(
    answers: Answers, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    answers.statuses = [status]
    with monitor(answers) as found:
        found.record("a", "b")
        assert found.flush(10)
        assert (found.sent, found.dropped) == (0, 1)
    assert f"HTTP {status}" in caplog.text


def test_a_full_queue_drops_aloud_and_never_blocks(
    answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    answers.gate.clear()
    with monitor(answers, max_records=10, batch_records=5) as found:
        for number in range(25):
            found.record(str(number), "b")
        assert found.dropped == 15
        answers.gate.set()
        assert found.flush(10)
        assert found.sent == 10
        found.record("again", "b")
        assert found.flush(10)
    assert [record["prompt"] for body in answers.bodies for record in body] == [*map(str, range(10)), "again"]
    assert "15 records were not sent" in caplog.text or "14 records were not sent" in caplog.text
    lost: list[Any] = [r.args for r in caplog.records if r.name == "monitoring.client"]
    assert sum(int(arguments[0]) for arguments in lost) == 15


def test_memory_is_bounded_in_bytes_too(answers: Answers) -> None:
    answers.gate.clear()
    with monitor(answers, max_bytes=10_000) as found:
        found.record("a" * 9_000, "b")
        found.record("a" * 9_000, "b")
        assert found.dropped == 1
        answers.gate.set()


def test_closing_without_a_server_says_what_was_lost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    found = Monitor("http://127.0.0.1:9", exit_seconds=0.2)
    found.record("a", "b")
    found.close()
    found.record("later", "b")
    assert found.dropped == 2
    assert "not delivered within 0.2 s" in caplog.text


def test_leaving_the_process_delivers_what_waits(answers: Answers) -> None:
    program = (
        "import sys; from monitoring.client import Monitor; m = Monitor(sys.argv[1], pause_seconds=60); "
        "[m.record(str(n), 'b') for n in range(1000)]"
    )
    subprocess.run([sys.executable, "-c", program, answers.url], check=True, timeout=60)
    assert sum(map(len, answers.bodies)) == 1000


def test_a_forked_process_sends_its_own_records(answers: Answers) -> None:
    program = (
        "import os, sys; from monitoring.client import Monitor; m = Monitor(sys.argv[1], pause_seconds=0.01); "
        "m.record('parent', 'b'); m.flush(); child = os.fork(); "
        "m.record('child' if child == 0 else 'again', 'b'); ok = m.flush(); "
        "os._exit(not ok) if child == 0 else sys.exit(os.waitpid(child, 0)[1])"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, answers.url], check=True, timeout=60, env=os.environ
    )
    assert sorted(r["prompt"] for body in answers.bodies for r in body) == ["again", "child", "parent"]
