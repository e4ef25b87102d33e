"""Kill -9 for everything at random moments under full load.

What was acknowledged must be stored once, and all sums must be right. `make chaos KILLS=50` is the
long form. LLM_MONITOR_CHAOS_SEED determines the moments and the victims.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.chaos.clients import MODELS, Clients
from tests.chaos.machine import RECOVERY_SECONDS, Machine, running_machine
from tests.chaos.proof import Proof, prove
from tests.e2e.stack import data_folder, wait_for

KILLS = int(os.environ.get("LLM_MONITOR_CHAOS_KILLS", "5"))
SEED = int(os.environ.get("LLM_MONITOR_CHAOS_SEED", "1"))
BETWEEN_KILLS = 1_000
LONGEST_WAIT = 2.0
SETTLE_SECONDS = 240.0
VICTIMS = ("api", "worker", "redis", "postgres", "workers")
LEDGER = ("accepted", "stored", "duplicate", "dead", "in_flight", "unaccounted")


@pytest.fixture
def machine() -> Iterator[Machine]:
    # The limit keeps the backlog small, and with it the time to settle. Senders therefore meet
    # refusals too.
    with (
        data_folder() as folder,
        running_machine(folder, LLM_MONITOR_BACKLOG_MAX_RECORDS="10000") as machine,
    ):
        yield machine


def victims(choose: random.Random) -> Iterator[str]:
    """Yield each victim in turn, in a new order for every round."""
    while True:
        yield from choose.sample(VICTIMS, len(VICTIMS))


def ledger(machine: Machine) -> dict[str, int] | None:
    try:
        answer = httpx.get(f"{machine.api}/pipeline", timeout=10)
    except httpx.TransportError:
        return None
    if not answer.is_success:
        return None
    (project,) = answer.json()["projects"]
    return {name: project[name] for name in LEDGER}


def at_rest(machine: Machine) -> dict[str, int] | None:
    found = ledger(machine)
    return found if found and not found["in_flight"] and not found["unaccounted"] else None


def kill_at_random(machine: Machine, clients: Clients, choose: random.Random) -> list[int]:
    """Kill KILLS times.

    Returns how many records were acknowledged before each kill and after the last one.
    """
    between: list[int] = []
    order = victims(choose)
    for number in range(1, KILLS + 1):
        between.append(wait_for_records(clients))
        time.sleep(choose.uniform(0, LONGEST_WAIT))
        victim = next(order)
        print(f"kill {number}: {victim} after {len(clients.acknowledged):,} records", flush=True)
        machine.kill(victim, choose)
    between.append(wait_for_records(clients))
    return between[1:]


def wait_for_records(clients: Clients) -> int:
    before = len(clients.acknowledged)

    def enough() -> int:
        assert not clients.failed(), "the clients gave up"
        found = len(clients.acknowledged) - before
        return found if found >= BETWEEN_KILLS else 0

    return wait_for(enough, RECOVERY_SECONDS * 2, f"{BETWEEN_KILLS} records to be acknowledged")


def make_budget(machine: Machine, name: str, **subject: str) -> None:
    body = {"name": name, "amount_usd": 1000, **subject}
    assert httpx.post(f"{machine.api}/budgets", json=body, timeout=30).status_code == httpx.codes.CREATED


async def replay(machine: Machine, clients: Clients) -> None:
    """Send every tenth acknowledged request again, now that everything is stored."""
    async with httpx.AsyncClient(base_url=machine.api, timeout=30) as client:
        for sent in clients.sample[::10]:
            await clients.send_again(client, sent)


def describe(machine: Machine, clients: Clients, found: dict[str, int], proof: Proof, fewest: int) -> str:
    kills = " ".join(f"{name} {count}" for name, count in sorted(machine.killed.items()))
    return (
        f"\nkilled {sum(machine.killed.values())} ({kills}), seed {SEED}; at least {fewest:,} records "
        f"acknowledged between two kills\n"
        f"acknowledged {len(clients.acknowledged):,} in {clients.requests:,} requests, of which "
        f"{clients.repeated:,} were refused or broken off; sent again {clients.sent_again:,} records\n"
        f"stored {found['stored']:,}  redelivered {proof.redelivered:,} jobs  duplicate {found['duplicate']:,}  "
        f"dead {found['dead']:,}  accepted {found['accepted']:,}\n"
        f"missing {proof.missing}  doubled {proof.doubled}  unasked {proof.unasked}  "
        f"unaccounted {found['unaccounted']}  rollups that differ {len(proof.differences)}"
    )


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_whatever_is_killed_every_acknowledged_record_is_there_once(machine: Machine) -> None:
    choose = random.Random(SEED)
    clients = Clients(machine.api, SEED)
    make_budget(machine, "all calls")
    with clients.sending():
        wait_for_records(clients)
        make_budget(machine, "one model", by="model", value=MODELS[0])
        between = kill_at_random(machine, clients, choose)
    wait_for(lambda: at_rest(machine), SETTLE_SECONDS, "everything to be settled")
    asyncio.run(replay(machine, clients))
    found = wait_for(lambda: at_rest(machine), SETTLE_SECONDS, "everything to be settled again")

    proof = asyncio.run(prove(machine.postgres.url, machine.redis.url, clients.acknowledged))
    print(describe(machine, clients, found, proof, min(between)))
    assert (proof.missing, proof.doubled, proof.unasked) == (0, 0, 0)
    assert proof.differences == {}
    assert (found["stored"], found["in_flight"], found["unaccounted"]) == (proof.rows, 0, 0)
    assert found["accepted"] == found["stored"] + found["duplicate"] + found["dead"]
    assert proof.rows + proof.letters == len(clients.acknowledged)
    assert min(between) >= BETWEEN_KILLS
