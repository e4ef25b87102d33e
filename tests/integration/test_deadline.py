"""Records that are not scored in time: the record is at fault, or the machine is."""

from __future__ import annotations

import threading
import time

import pytest

from monitoring.evaluator import Evaluator
from monitoring.models import Record, Score
from monitoring.text.prepared import Prepared
from tests.integration.worker_rig import Alarm, WordCount, running_rig


class Slow(WordCount):
    """Takes far longer than it may for a batch with the word `slow`."""

    name = "slow"

    def evaluate(self, batch: Prepared) -> list[Score]:
        if any("slow" in one.response for one in batch.records):
            threading.Event().wait(1.5)
        return super().evaluate(batch)


async def test_a_record_that_takes_too_long_is_buried_and_its_neighbours_are_stored(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.evaluation.deadline.DEADLINE_SECONDS", 0.5)
    async with running_rig(database_url, redis_url, evaluators=(WordCount(), Slow(), Alarm())) as rig:
        texts = ("slow one", "quick one", "another one")
        await rig.accept([Record(prompt="p", response=text) for text in texts])
        await rig.drain(max_jobs=2)
        assert [row["reason"] for row in await rig.rows("SELECT reason FROM dead_letters")] == ["deadline"]
        stored = await rig.rows("SELECT response FROM traces ORDER BY response")
    assert [row["response"] for row in stored] == ["another one", "quick one"]


class Starved(WordCount):
    """Takes longer than it may for its first batches, as if other processes used the processor."""

    name = "starved"

    def __init__(self, slow: int) -> None:
        self.slow = slow

    def evaluate(self, batch: Prepared) -> list[Score]:
        self.slow -= 1
        if self.slow >= 0:
            threading.Event().wait(0.8)
        return super().evaluate(batch)


class Busy(WordCount):
    """Computes for longer than it may, once."""

    name = "busy"
    calls = 0

    def evaluate(self, batch: Prepared) -> list[Score]:
        self.calls += 1
        begun = time.process_time()
        while self.calls == 1 and time.process_time() - begun < 1.5:
            pass
        return super().evaluate(batch)


@pytest.mark.parametrize(
    ("evaluator", "busy", "ends"),
    [(Starved(2), 0.9, "stored"), (Starved(3), 0.9, "deadline"), (Busy(), 0.1, "deadline")],
    ids=["starved twice", "starved thrice", "busy once"],
)
async def test_a_record_is_not_blamed_for_a_machine_without_a_free_processor(
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    evaluator: Evaluator,
    busy: float,
    ends: str,
) -> None:
    """The shares of processor time allow for a machine that runs other tests beside this one."""
    monkeypatch.setattr("workers.evaluation.deadline.DEADLINE_SECONDS", 0.5)
    monkeypatch.setattr("workers.evaluation.deadline._BUSY", busy)
    async with running_rig(database_url, redis_url, evaluators=(WordCount(), evaluator)) as rig:
        await rig.accept([Record(prompt="p", response="two words")])
        await rig.drain()
        dead = [row["reason"] for row in await rig.rows("SELECT reason FROM dead_letters")]
        stored = await rig.value("SELECT count(*) FROM traces")
    assert [*dead, *["stored"] * stored] == [ends]
