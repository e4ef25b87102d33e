from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.queue import EVALUATE_QUEUE
from app.storage.rollups.covering import cover, fold_closed, forget_covered
from app.storage.upkeep.jobs import read_job
from monitoring.models import Record
from tests.integration.keeping import erase_user, eraser, fill
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import Rig, running_rig
from workers.upkeep.retention import Retention

NOW = datetime.now(UTC)
USERS = tuple(f"u{i}" for i in range(6))
ERASED = USERS[:2]


class Load:
    """Records that keep coming, and what happens beside them."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.acknowledged: dict[str, set[UUID]] = {user: set() for user in USERS}
        self.erasures: list[UUID] = []
        self.sent = asyncio.Event()

    async def send(self) -> None:
        for number in range(40):
            records = [call(number, i) for i in range(60)]
            submission = await self.rig.accept(records)
            for record, outcome in zip(records, submission.outcomes, strict=True):
                self.acknowledged[str(record.user_id)].add(outcome.trace_id)
            if number in {10, 20, 30}:
                self.erasures += [await erase_user(self.rig, user) for user in ERASED]
        self.sent.set()

    async def store(self) -> None:
        while not (self.sent.is_set() and await self.rig.redis.zcard(EVALUATE_QUEUE) == 0):
            await self.rig.drain(max_jobs=2)

    async def erase(self) -> None:
        runner = eraser(self.rig)
        still_open = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
        while not self.sent.is_set() or await self.rig.value(still_open):
            if not await runner.turn():
                await asyncio.sleep(0.02)

    async def fold(self) -> None:
        while not self.sent.is_set():
            for step in (fold_closed, cover, forget_covered):
                async with self.rig.engine.begin() as connection:
                    await step(connection, datetime.now(UTC) + timedelta(minutes=5))
            await asyncio.sleep(0.05)

    async def states(self) -> Mapping[UUID, str]:
        found = {}
        for job_id in self.erasures:
            async with self.rig.engine.connect() as connection:
                job = await read_job(connection, "default", job_id)
            found[job_id] = job.state if job else "gone"
        return found


def call(number: int, i: int) -> Record:
    return Record(
        prompt="p",
        response=["one", "two words", "danger ahead"][i % 3],
        user_id=USERS[i % len(USERS)],
        tags=(f"t{i % 4}",),
        timestamp=datetime.now(UTC) - timedelta(hours=number % 9),
    )


async def test_records_keep_coming_while_others_are_erased_folded_and_expire(
    database_url: str, redis_url: str
) -> None:
    async with running_rig(database_url, redis_url) as rig:
        async with rig.engine.begin() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO projects (project_id, name, settings) VALUES ('brief', '', '{\"retention_days\": 1}')"
            )
        await fill(rig, NOW - timedelta(days=3), 4000, "brief")
        load = Load(rig)
        retention = Retention(rig.engine, retention_days=90)
        beside = (load.store(), load.erase(), load.fold(), retention.turn(NOW))
        await asyncio.wait_for(asyncio.gather(load.send(), *beside), 60)

        assert set((await load.states()).values()) == {"done"}
        rows = await rig.rows("SELECT trace_id FROM traces WHERE project_id = 'default'")
        stored = {UUID(bytes=row["trace_id"].bytes) for row in rows}
        for user in USERS[2:]:
            assert load.acknowledged[user] <= stored, user
        for user in ERASED:
            assert len(load.acknowledged[user] - stored) >= 300, user  # of thirty posts at least
        assert await rig.value("SELECT count(*) FROM traces WHERE project_id = 'brief'") == 0
        assert await rig.value("SELECT count(*) FROM dead_letters") == 0
        await assert_rollups_equal_rows(rig)
