"""Kill -9 for the API, PostgreSQL and the command itself while an export is fetched into a file.

The file must have each call that was accepted before its cut, once, whatever its format.
LLM_MONITOR_CHAOS_SEED determines the moments.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pyarrow.parquet as pq
import pytest

from app.schemas.ids import first_id
from benchmarks.performance.filling import Filler
from benchmarks.performance.traffic import make_lines, read_texts
from tests.chaos.machine import RECOVERY_SECONDS, Machine, running_machine
from tests.e2e.stack import ROOT, data_folder, wait_for

# Three pieces, in each of which something is killed.
CALLS = 60_000
LATER = 500
SEED = int(os.environ.get("LLM_MONITOR_CHAOS_SEED", "1"))
# NDJSON is appended as CSV is; tests/integration/test_export_command.py kills the end of all three.
FORMATS = ("csv", "parquet")
KILLS = (("api",), ("command",), ("api", "postgres", "command"))
PATIENCE_SECONDS = 300.0
LONGEST_WAIT = 0.2


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with data_folder() as folder, running_machine(folder) as machine:
        asyncio.run(fill(machine.postgres.url))
        yield machine


async def fill(url: str) -> None:
    filler = Filler(url, make_lines(read_texts(None), 1_000))
    await filler.prepare()
    await filler.fill(CALLS)


class Export:
    """`llm-monitor export` in a process of its own, which is started again when it was killed."""

    def __init__(self, machine: Machine, out: Path) -> None:
        self.out = out
        self.kills = 0
        self._machine = machine
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "export", "--out", self.out, "--url", self._machine.api],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def kill(self) -> None:
        self.close()
        self.kills += 1
        self._process = self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def amid(self, piece: int) -> bool:
        """Tell whether so many pieces are whole, and a part of the next one has come."""
        assert self._process.poll() is None, "the export ended before everything was killed"
        state = self.state()
        if state.get("pieces", 0) != piece:
            return False
        appended = self.out.with_name(f"{self.out.name}.part")
        single = self.out.with_name(f"{self.out.name}.part-{piece + 1}")
        if self.out.suffix == ".parquet":
            return single.exists() and single.stat().st_size > 0
        return appended.exists() and appended.stat().st_size > state.get("size", 0)

    def state(self) -> dict[str, Any]:
        path = self.out.with_name(f"{self.out.name}.part.json")
        found: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
        return found

    def wait(self) -> None:
        _, errors = self._process.communicate(timeout=PATIENCE_SECONDS)
        assert self._process.returncode == 0, errors.decode()


def send_later(machine: Machine) -> bool:
    """Send calls that belong to no export that has begun; returns whether the API took them."""
    body = "\n".join(json.dumps({"prompt": f"later {n}", "response": "yes"}) for n in range(LATER))
    headers = {"Content-Type": "application/x-ndjson"}
    try:
        return httpx.post(f"{machine.api}/monitor/inferences", content=body, headers=headers).is_success
    except httpx.TransportError:
        return False


def exported(out: Path) -> list[str]:
    """Return the ids in a file, each row of which must have all columns."""
    if out.suffix == ".parquet":
        found: list[str] = pq.read_table(out)["trace_id"].to_pylist()
        return found
    with out.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, strict=True) if out.suffix == ".csv" else map(json.loads, file)
        every = [(row["trace_id"], frozenset(row)) for row in rows]
    assert len({columns for _, columns in every}) == 1
    return [trace_id for trace_id, _ in every]


async def stored(url: str, until: UUID) -> list[str]:
    driver = await asyncpg.connect(url)
    try:
        rows = await driver.fetch(
            "SELECT trace_id FROM traces WHERE source = 'live' AND trace_id < $1 ORDER BY trace_id", until
        )
    finally:
        await driver.close()
    return [str(row["trace_id"]) for row in rows]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", FORMATS)
def test_whatever_is_killed_a_file_has_each_call_once(machine: Machine, tmp_path: Path, form: str) -> None:
    choose = random.Random(SEED)
    export = Export(machine, tmp_path / f"calls.{form}")
    cut = ""
    try:
        for piece, victims in enumerate(KILLS):
            wait_for(partial(export.amid, piece), PATIENCE_SECONDS, f"a part of piece {piece + 1}")
            cut = export.state().get("cut", cut)
            time.sleep(choose.uniform(0.0, LONGEST_WAIT))
            for victim in victims:
                if victim == "command":
                    export.kill()
                else:
                    machine.kill(victim, choose)
            wait_for(lambda: send_later(machine), RECOVERY_SECONDS, "later calls to be taken")
        export.wait()
    finally:
        export.close()
    found = exported(export.out)
    expected = asyncio.run(stored(machine.postgres.url, first_id(datetime.fromisoformat(cut))))
    print(f"\nkilled {machine.killed} and the command {export.kills} times; {len(found):,} rows of {form}")
    assert found == expected
    assert len(found) >= CALLS
    assert [path.name for path in tmp_path.iterdir()] == [export.out.name]
