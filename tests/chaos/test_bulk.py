"""Kill -9 for everything while an evaluation is uploaded and worked off.

No item may be lost or scored twice. LLM_MONITOR_CHAOS_SEED determines the moments and the victims.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.chaos.machine import RECOVERY_SECONDS, Machine, running_machine
from tests.e2e.stack import data_folder, wait_for

ITEMS = 20_000
SEED = int(os.environ.get("LLM_MONITOR_CHAOS_SEED", "1"))
VICTIMS = ("worker", "redis", "api", "workers", "worker", "postgres", "redis")
SETTLE_SECONDS = 600.0
LEDGER = ("accepted", "stored", "duplicate", "dead", "in_flight", "unaccounted")


@pytest.fixture
def machine() -> Iterator[Machine]:
    with data_folder() as folder, running_machine(folder) as machine:
        yield machine


def body(slowly: threading.Event) -> Iterator[bytes]:
    """Yield the lines; after half of them, wait until the event is set."""
    for start in range(0, ITEMS, 500):
        if start == ITEMS // 2:
            slowly.wait(RECOVERY_SECONDS)
        lines = (
            json.dumps({"prompt": f"What is {n}?", "response": f"It is the number {n}."})
            for n in range(start, start + 500)
        )
        yield "\n".join(lines).encode() + b"\n"


def send(machine: Machine, slowly: threading.Event) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "chaos"}
    return httpx.post(f"{machine.api}/evaluate", content=body(slowly), headers=headers, timeout=120)


def send_and_kill(machine: Machine, choose: random.Random) -> None:
    """Send half of the body, and kill the API: what it took is never evaluated."""
    half, failed = threading.Event(), threading.Event()

    def try_once() -> None:
        try:
            send(machine, half)
        except httpx.TransportError:
            failed.set()

    sending = threading.Thread(target=try_once)
    sending.start()
    time.sleep(2)
    machine.kill("api", choose)
    half.set()
    sending.join()
    assert failed.is_set()


def look(machine: Machine, place: str) -> Any:
    try:
        answer = httpx.get(f"{machine.api}{place}", timeout=30)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None


def accepted(machine: Machine) -> dict[str, Any] | None:
    ready = threading.Event()
    ready.set()
    try:
        answer = send(machine, ready)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None


def done(machine: Machine, job: str) -> bool:
    progress = look(machine, f"/evaluate/{job}")
    return progress is not None and progress["state"] == "done"


def at_rest(machine: Machine) -> dict[str, int] | None:
    found = look(machine, "/pipeline")
    if not found or not found["projects"]:
        return None
    (project,) = found["projects"]
    rest = not project["in_flight"] and not project["unaccounted"]
    return {name: project[name] for name in LEDGER} if rest else None


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_whatever_is_killed_every_item_is_scored_once(machine: Machine) -> None:
    choose = random.Random(SEED)
    send_and_kill(machine, choose)
    job = wait_for(lambda: accepted(machine), RECOVERY_SECONDS * 2, "the body to be accepted")["job_id"]
    wait_for(lambda: (look(machine, f"/jobs/{job}") or {}).get("done"), RECOVERY_SECONDS, "the first items")
    for victim in VICTIMS:
        time.sleep(choose.uniform(0.2, 2.0))
        if done(machine, job):
            break
        machine.kill(victim, choose)
    wait_for(lambda: done(machine, job), SETTLE_SECONDS, "the evaluation to end")
    assert wait_for(lambda: accepted(machine), RECOVERY_SECONDS, "the same evaluation")["job_id"] == job
    found = wait_for(lambda: at_rest(machine), SETTLE_SECONDS, "everything to be settled")

    answer = httpx.get(f"{machine.api}/evaluate/{job}/results?format=ndjson", timeout=120)
    rows = [json.loads(line) for line in answer.content.splitlines()]
    print(f"\nkilled {machine.killed}, seed {SEED}; {len(rows):,} results; {found}")
    assert [row["line"] for row in rows] == list(range(1, ITEMS + 1))
    assert {row["state"] for row in rows} == {"scored"}
    assert len({row["trace_id"] for row in rows}) == ITEMS
    assert (found["stored"], found["in_flight"], found["unaccounted"], found["dead"]) == (ITEMS, 0, 0, 0)
    assert found["accepted"] == found["stored"] + found["duplicate"]
    assert sum(machine.killed.values()) >= 3
