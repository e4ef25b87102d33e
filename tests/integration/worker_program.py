"""The workers as `python -m workers.main` runs them, as a program that a test starts."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import load_settings
from monitoring.evaluator import Category
from monitoring.models import Score, TextField
from monitoring.text.prepared import Prepared

SEGFAULT, OUT_OF_MEMORY, SLOW = "segfault", "out of memory", "slow"
SLOW_SECONDS = 4


class Deadly:
    """Ends its process as native code or the kernel can.

    It reads an invalid address, or it is killed as the kernel kills a process that uses too much
    memory. It also takes its time for a slow record.
    """

    name = "deadly"
    version = "1"
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"response"})
    flag = None
    threshold = 0.5

    def evaluate(self, batch: Prepared) -> list[Score]:
        for record in batch.records:
            if record.response == SEGFAULT:
                ctypes.string_at(0)
            if record.response == OUT_OF_MEMORY:
                os.kill(os.getpid(), signal.SIGKILL)
            if record.response == SLOW:
                threading.Event().wait(SLOW_SECONDS)
        return [Score(value=1.0, label="survived", version="1") for _ in batch.records]


@contextmanager
def running_workers(database_url: str, redis_url: str, log: Path, *, deadly: bool = False) -> Iterator[int]:
    """Run two worker processes under their parent until the block ends; yields its pid."""
    with log.open("ab") as output:
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.worker_program" if deadly else "workers.main"],
            cwd=Path(__file__).parents[2],
            env={
                **os.environ,
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "LLM_MONITOR_WORKERS": "2",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield program.pid
        finally:
            program.terminate()
            program.wait(20)


def main() -> None:
    from workers.main import WorkerProcesses

    WorkerProcesses(load_settings(), (Deadly(),)).run()


if __name__ == "__main__":
    main()
