"""A worker and an ingest over real servers, with evaluators made for the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from app.config import Settings
from app.ingest import Ingest
from app.privacy import Privacy
from app.projects import Projects
from app.queue.claims import Claims
from app.queue.loop import ArqRedis, connect, make_loop
from app.schemas.projects import DEFAULT_PROJECT, ProjectSettings
from app.storage.access.projects import save_settings
from app.storage.engine import create_engine, writing
from app.storage.rollups.folding import fold_batches
from monitoring.evaluator import Category, Evaluator
from monitoring.models import Record, Score, TextField
from monitoring.text.prepared import Prepared
from monitoring.verdict import Policy, assess
from workers.cardinality import CardinalityCaps
from workers.evaluation.deadline import ScoringThread
from workers.evaluation.isolation import Isolation
from workers.evaluation.last_job import LastJob
from workers.evaluation.processing import Processing
from workers.evaluation.storing import Storing
from workers.evaluation.task import Evaluation
from workers.process import unix_ms
from workers.scoring import Scoring

_GOOD = Score(value=1.0, label="counted", version="1")
_POOR = Score(value=0.25, label="counted", version="1", parts={"repetition": 0.1})
# What overall_quality is where this is all that is known.
ORDINARY, POOR = (
    assess(Record(prompt="", response=""), {"coherence": score}, (), Policy()).overall_quality or 0.0
    for score in (_GOOD, _POOR)
)


class WordCount:
    """A quality evaluator: 1 for responses of two words and more, else 0.25."""

    name = "coherence"
    version = "1"
    category: Category = "quality"
    needs: frozenset[TextField] = frozenset({"response"})
    flag = None
    threshold = 0.5

    def evaluate(self, batch: Prepared) -> list[Score]:
        return [_GOOD if len(record.response.split()) > 1 else _POOR for record in batch.records]


class Alarm:
    """A safety evaluator that flags the word `danger` and raises on the word `poison`."""

    name = "alarm"
    version = "1"
    category: Category = "safety"
    needs: frozenset[TextField] = frozenset({"response"})
    flag = "toxicity"
    threshold = 0.5

    def evaluate(self, batch: Prepared) -> list[Score]:
        if any("poison" in record.response for record in batch.records):
            raise ValueError("poisoned\0 text")
        return [
            Score(value=0.9 if "danger" in record.response else 0.1, label="looked", version="1")
            for record in batch.records
        ]


class Rig:
    """What a test holds in its hands: ingest, one evaluation, and SQL to look at the outcome."""

    def __init__(self, ingest: Ingest, evaluation: Evaluation, redis: ArqRedis, engine: Any) -> None:
        self.ingest = ingest
        self.evaluation = evaluation
        self.claims: Claims
        self.projects: Projects
        self.scoring: Scoring
        self.storing: Storing
        self.processing: Processing
        self.isolation: Isolation
        self.redis = redis
        self.engine = engine
        self.outages = 0

    async def accept(self, records: Sequence[Record], **options: Any) -> Any:
        return await self.ingest.accept(records, project_id="default", source="live", **options)

    async def drain(self, *, max_jobs: int = 1) -> None:
        """Run arq until the queue is empty."""
        worker = make_loop(self.redis, self.evaluation.evaluate, max_jobs=max_jobs, burst=True)
        await asyncio.wait_for(worker.async_run(), 30)

    def store_by(self, patch: pytest.MonkeyPatch, wrap: Callable[[Any], Any]) -> None:
        """Have jobs stored by what `wrap` makes of the storing of this rig."""
        wrapped = wrap(self.storing)
        for user in (self.processing, self.isolation):
            patch.setattr(user, "_storing", wrapped)

    async def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Query after stored calls were added to the rollups, as every reader of figures does."""
        async with self.engine.begin() as connection:
            while await fold_batches(connection):
                pass
        async with self.engine.connect() as connection:
            found = await connection.execute(text(statement), parameters)
            return [dict(row) for row in found.mappings()]

    async def value(self, statement: str) -> Any:
        return next(iter((await self.rows(statement))[0].values()))


async def decide(rig: Rig, **settings: Any) -> None:
    async with writing(rig.engine) as connection:
        assert await save_settings(connection, DEFAULT_PROJECT, ProjectSettings(**settings))


@asynccontextmanager
async def running_rig(
    database_url: str,
    redis_url: str,
    *,
    evaluators: Sequence[Evaluator] = (WordCount(), Alarm()),
    clock: Callable[[], int] = unix_ms,
    **settings: Any,
) -> AsyncIterator[Rig]:
    redis = connect(redis_url)
    engine = create_engine(database_url, application="test")
    executor = ThreadPoolExecutor(1)
    configured = Settings(database_url=database_url, redis_url=redis_url, **settings)
    privacy = Privacy(configured.secret_key)
    ingest = Ingest(redis, configured, Projects(engine), privacy, clock=clock)
    rig = Rig(ingest, None, redis, engine)

    def outage() -> None:
        rig.outages += 1

    rig.projects = Projects(engine)
    rig.storing = Storing(engine, evaluators, CardinalityCaps(engine))
    rig.scoring = Scoring(evaluators, privacy)
    thread = ScoringThread(executor, rig.scoring, LastJob().note)
    rig.processing = Processing(redis, rig.storing, thread, rig.projects, clock)
    rig.isolation = Isolation(redis, rig.storing, clock)
    rig.claims = Claims(redis, "test:1")
    rig.evaluation = Evaluation(rig.claims, rig.processing, rig.isolation, outage=outage)
    try:
        async with rig.ingest.running():
            await rig.ingest.waiting.listening.wait()
            yield rig
    finally:
        executor.shutdown()
        await engine.dispose()
        await redis.aclose(close_connection_pool=True)
