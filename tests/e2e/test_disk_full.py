"""A disk that fills up under load.

Records are refused, readers can still read, and service comes back by itself.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.disk import RESERVE_BYTES, free_bytes
from tests.e2e.stack import Stack, free_ports, wait_for

MIB = 1024 * 1024
RECOVERY_SECONDS = 90.0
# A server notices when it needs a new page of its file. A heartbeat every two seconds fills a page
# in a minute.
NOTICED_SECONDS = 180.0


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of 600 MiB of its own."""
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600m,mode=0755", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"a disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


class Poster:
    """Posts small batches without pause, and keeps the answers."""

    def __init__(self, api: str) -> None:
        self._client = httpx.Client(base_url=api, timeout=30)
        self._stop = threading.Event()
        self.accepted: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.since: Counter[int] = Counter()
        self.sentences: dict[int, str] = {}
        self.broken = 0

    @contextmanager
    def posting(self) -> Iterator[Poster]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
            self._client.close()

    def watch(self) -> None:
        """Count the answers of a new phase."""
        self.since = Counter()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            run = uuid.uuid4().hex
            batch = [
                {"id": f"{run}-{i}", "prompt": "What is rain?", "response": "Rain is water. " * 40}
                for i in range(20)
            ]
            try:
                answer = self._client.post("/monitor/inferences", json=batch)
            except httpx.TransportError:
                self.broken += 1
                continue
            self.statuses[answer.status_code] += 1
            self.since[answer.status_code] += 1
            if answer.status_code == 202:
                self.accepted += answer.json()["trace_ids"]
            else:
                self.sentences[answer.status_code] = answer.json()["detail"]
                assert int(answer.headers["Retry-After"]) >= 1


def fill(disk: Path, name: str, *, left: int) -> Path:
    """Write a file that leaves `left` bytes; 0 writes until nothing more fits."""
    place = disk / name
    with place.open("wb", buffering=0) as file:
        try:
            os.posix_fallocate(file.fileno(), 0, max(1, free_bytes(disk) - left))
            while not left:
                file.seek(0, os.SEEK_END)
                file.write(bytes(4096))
        except OSError:
            pass
    return place


def reads(stack: Stack) -> bool:
    """Tell whether figures, traces and the ledger can be read."""
    try:
        answers = [
            httpx.get(f"{stack.api}{path}", timeout=10)
            for path in ("/metrics/quality", "/traces", "/pipeline")
        ]
    except httpx.TransportError:
        return False
    return all(answer.status_code == 200 for answer in answers)


def disk_state(stack: Stack) -> Any:
    return httpx.get(f"{stack.api}/health/ready", timeout=10).json()["disk"]


@pytest.mark.long
def test_a_full_disk_refuses_records_and_nothing_else_and_is_survived(disk: Path) -> None:
    data = disk / "data"
    stack = Stack(data, free_ports(), settings={"LLM_MONITOR_WORKERS": "2"})
    try:
        stack.wait()
        wait_for((data / "reserve").exists, 20, "the reserve to be made")
        assert (data / "reserve").stat().st_size == RESERVE_BYTES
        assert disk_state(stack) == "ok"
        with Poster(stack.api).posting() as poster:
            wait_for(lambda: len(poster.accepted) > 500, 60, "records to be accepted")
            _low(stack, disk, poster)
            _none(stack, disk, poster)
            _none_again(stack, disk, poster)
            _room(stack, disk, poster)
        ledger = stack.wait_until_settled(RECOVERY_SECONDS)
        # A post meets 503 while a server starts again, which need not happen in each run.
        assert {202, 507} <= set(poster.statuses) <= {202, 503, 507}, poster.statuses
        assert ledger["dead"] == 0
        assert stack.value(
            "SELECT count(*) FROM traces WHERE trace_id = ANY($1::uuid[])", poster.accepted
        ) == len(poster.accepted)
    finally:
        stack.close()


def _low(stack: Stack, disk: Path, poster: Poster) -> None:
    """There is too little room for more records.

    They get 507 before a server is hurt, and the queue is stored.
    """
    server = stack.server("redis-server").pid
    fill(disk, "low", left=110 * MIB)
    wait_for(lambda: disk_state(stack) == "full", 10, "the disk to be called full")
    poster.watch()
    wait_for(lambda: poster.since[507] > 20, 20, "records to be refused")
    assert set(poster.since) == {507}
    assert "MiB left" in poster.sentences[507]
    assert httpx.get(f"{stack.api}/health/ready", timeout=10).status_code == 200
    assert reads(stack)
    stack.wait_until_settled(60)
    assert stack.server("redis-server").pid == server


def _none(stack: Stack, disk: Path, poster: Poster) -> None:
    """No room is left: the servers end, get the reserve, and readers can still read."""
    fill(disk, "none", left=0)
    wait_for(lambda: not (disk / "data" / "reserve").exists(), NOTICED_SECONDS, "the reserve to be given up")
    wait_for(lambda: reads(stack), RECOVERY_SECONDS, "figures to be read")
    poster.watch()
    wait_for(lambda: poster.since[507] > 20, 20, "records to be refused")
    assert set(poster.since) <= {503, 507}
    assert reads(stack)


def _none_again(stack: Stack, disk: Path, poster: Poster) -> None:
    """The reserve is used up too.

    Everything is refused with a sentence, and the stack goes on trying.
    """
    fill(disk, "again", left=0)
    wait_for(
        lambda: "are started again until they run" in stack.errors(),
        NOTICED_SECONDS,
        "the servers to be tried again",
    )
    poster.watch()
    wait_for(lambda: poster.since[503] + poster.since[507] > 50, 30, "records to be refused")
    assert 202 not in poster.since
    assert stack.process.poll() is None


def _room(stack: Stack, disk: Path, poster: Poster) -> None:
    """There is room again, and nobody has to do anything else."""
    for name in ("low", "none", "again"):
        (disk / name).unlink()
    wait_for(stack.is_ready, RECOVERY_SECONDS, "the stack to be ready")
    accepted = len(poster.accepted)
    wait_for(lambda: len(poster.accepted) > accepted + 500, RECOVERY_SECONDS, "records to be accepted again")
    wait_for((disk / "data" / "reserve").exists, 20, "the reserve to be made again")
    assert disk_state(stack) == "ok"
