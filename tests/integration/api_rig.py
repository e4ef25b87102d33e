"""The HTTP application over real servers, and a worker that a test runs when it likes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import redis
from arq.constants import job_key_prefix
from fastapi import FastAPI

from app.api.dependencies import Services
from app.config import Settings
from app.main import create_app
from app.queue import EVALUATE_QUEUE, deserialize, queued_jobs
from app.queue.loop import make_loop
from app.schemas.queued import decode_batch
from app.storage.ledger.dead_letters import DeadLetter
from tests.conftest import database_named
from tests.integration.worker_rig import Rig, running_rig
from workers.evaluation.storing import Job

PROBLEM = "application/problem+json"


class ApiRig:
    """A client of the API, and the worker behind it."""

    def __init__(self, client: httpx.AsyncClient, worker: Rig, app: FastAPI) -> None:
        self.client = client
        self.worker = worker
        self.app = app

    @property
    def services(self) -> Services:
        found: Services = self.app.state.services
        return found

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body, headers=names)

    async def get(self, path: str, **parameters: Any) -> Mapping[str, Any]:
        """The JSON of a successful answer."""
        response = await self.client.get(path, params=parameters)
        assert response.status_code == 200, response.text
        found: Mapping[str, Any] = response.json()
        return found

    async def store(self, *records: Mapping[str, Any], path: str = "/monitor/inferences") -> list[str]:
        """Post records and have them scored and stored; returns their trace ids."""
        response = await self.post(path, list(records), prefer="respond-async")
        assert response.status_code == 202, response.text
        await self.worker.drain()
        answer = response.json()
        if "results" in answer:
            return [result["trace_id"] for result in answer["results"]]
        ids: list[str] = answer["trace_ids"]
        return ids

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the worker for the length of the block."""
        worker = make_loop(self.worker.redis, self.worker.evaluation.evaluate)
        running = asyncio.create_task(worker.async_run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def serving(
    database_url: str, redis_url: str, **settings: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
    """Run the application alone; unexpected errors become answers, as they do over a socket."""
    app = create_app(Settings(database_url=database_url, redis_url=redis_url, **settings))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            yield client, app


@asynccontextmanager
async def running_api(database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[ApiRig]:
    async with (
        running_rig(database_url, redis_url, privacy_key=settings.get("privacy_key")) as worker,
        serving(database_url, redis_url, **settings) as (client, app),
    ):
        rig = ApiRig(client, worker, app)
        await rig.services.ingest.waiting.listening.wait()
        yield rig


@asynccontextmanager
async def own_servers(postgres_url: str, template: str, redis_url: str) -> AsyncIterator[tuple[str, str]]:
    """A database and an empty Redis for all tests of a module that leave nothing behind."""
    name = f"module_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        yield database_named(postgres_url, name), redis_url
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


async def bury(api: ApiRig, *reasons: str, payload: bytes | None = None) -> list[str]:
    """Accept records and leave them as dead letters, as a worker does; returns their trace ids."""
    given_up = []
    for reason in reasons or ("deadline",):
        response = await api.post(
            "/monitor/inference", {"prompt": "hello", "response": "two words"}, prefer="respond-async"
        )
        (job,) = await queued_jobs(api.worker.redis)
        key = f"{job_key_prefix}{job}"
        queued = bytes(decode_batch(deserialize(await api.worker.redis.get(key))["a"][0]).envelopes[0])
        await api.worker.redis.delete(key)
        await api.worker.redis.zrem(EVALUATE_QUEUE, str(job))
        letter = DeadLetter(
            project_id="default",
            trace_id=UUID(response.json()["trace_id"]),
            job_id=str(job),
            reason=reason,
            detail="took too long",
            attempts=2,
            payload=queued if payload is None else payload,
        )
        await api.worker.storing.store(Job("default", str(job), [], [letter], 0))
        given_up.append(str(letter.trace_id))
    return given_up
