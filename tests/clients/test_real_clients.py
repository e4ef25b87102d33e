"""Unchanged applications with the usual instrumentation, which send to this API over a socket."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.local.redis_server import run_redis
from app.privacy import Privacy
from app.projects import Projects
from tests.clients.catalogue import CLIENTS
from tests.clients.client import Client
from tests.clients.environments import PROGRAMS, command_of, python_in
from tests.clients.listening import listening
from tests.clients.openai_server import ANSWER, QUESTION, Provider, openai_server
from tests.clients.page import PAGE, write_page
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.worker_rig import Alarm, WordCount
from workers.cardinality import CardinalityCaps
from workers.scoring import Scoring
from workers.spans.late_content import LateContent

pytestmark = pytest.mark.long
_PROGRAM_SECONDS = 120
_ARRIVED: dict[str, frozenset[str]] = {}


@pytest.fixture(scope="module")
def environments() -> Iterator[Path]:
    """Where clients are installed; CLIENT_ENVIRONMENTS names a folder that outlives the tests."""
    kept = os.environ.get("CLIENT_ENVIRONMENTS")
    if kept:
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        yield Path(folder)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openai_server() as server:
        yield server


def addresses(provider: Provider) -> dict[str, str]:
    """The address at which each provider's client finds it, and a key that the client requires."""
    url = provider.url
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "ANTHROPIC_BASE_URL": url,
        "GEMINI_BASE_URL": url,
        "MISTRAL_BASE_URL": url,
        "COHERE_BASE_URL": url,
        "OLLAMA_HOST": url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
        **dict.fromkeys(
            ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none"
        ),
    }


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[tuple[ApiRig, str]]:
    async with running_api(database_url, redis_url) as rig, listening(rig.app) as url:
        yield rig, url


async def start(command: list[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a program with PATH and HOME alone from our environment.

    It can also import from this repository.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    inherited["PYTHONPATH"] = str(PAGE.parents[2])
    return await asyncio.create_subprocess_exec(
        *command,
        env={**inherited, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def end(process: asyncio.subprocess.Process) -> None:
    output, _ = await asyncio.wait_for(process.communicate(), _PROGRAM_SECONDS)
    assert process.returncode == 0, output.decode()[-2000:]


async def settle(rig: ApiRig) -> list[dict[str, Any]]:
    """Score, store and join everything that was sent; returns the calls."""
    await rig.worker.drain()
    with ThreadPoolExecutor(1) as thread:
        engine = rig.worker.engine
        scoring = Scoring((WordCount(), Alarm()), Privacy(None))
        joining = LateContent(engine, thread, scoring, Projects(engine), CardinalityCaps(engine), frozenset())
        while await joining.turn():
            pass
    return await rig.worker.rows("SELECT * FROM traces WHERE kind = 'llm' ORDER BY occurred_at")


def arrived(rows: list[dict[str, Any]], client: Client, chats: int) -> frozenset[str]:
    """Return the columns of the page that arrived.

    Texts, tools, context and owners must arrive with at least one call, and the other columns with
    all.
    """
    calls = chats or 1  # a span by hand is of no provider
    counted = len(rows) == calls and sum(row["prompt_tokens"] or 0 for row in rows) <= 1200 * calls
    seen = {
        "prompt": any(row["prompt"] == QUESTION for row in rows),
        "response": any(row["response"] == ANSWER for row in rows),
        "model": all(row["model_name"].startswith(client.model) for row in rows),
        "tokens": all((row["prompt_tokens"], row["completion_tokens"]) == (1200, 45) for row in rows),
        "cached tokens": all(row["cache_read_tokens"] == 1024 for row in rows),
        "latency": all((row["response_time_ms"] or 0) > 0 for row in rows),
        "session": all(row["session_id"] for row in rows),
        "user": any(row["user_id"] == "user-1" for row in rows),
        "tags": any("weather" in row["tags"] for row in rows),
        "tool calls": any("get_weather" in str(row["messages"]) for row in rows),
        "context": any(row["context"] for row in rows),
        "price": all(row["pricing_status"] == "priced" for row in rows),
        "counted once": counted,
    }
    return frozenset(name for name, came in seen.items() if came)


async def are_scored(rig: ApiRig) -> bool:
    """Tell whether a user's verdict became feedback, and every verdict became a score."""
    scores = await rig.worker.rows("SELECT evaluator, value, label FROM scores ORDER BY evaluator")
    opinions = await rig.worker.rows("SELECT rating, comment FROM feedback")
    assert bool(scores) is bool(opinions)
    return [tuple(row.values()) for row in (*scores, *opinions)] == [
        ("speed", 0.9, ""),
        ("tone", None, "friendly"),
        ("user-feedback", 1.0, "true"),
        (5, "Thanks!"),
    ]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_a_client_works_with_environment_variables_alone(
    client: Client, api: tuple[ApiRig, str], provider: Provider, environments: Path
) -> None:
    rig, url = api
    command = await asyncio.to_thread(command_of, client, environments)
    told = {name: value.format(api=url) for name, value in client.environment.items()}
    await end(await start(command, {**addresses(provider), **told}))
    rows = [row for row in await settle(rig) if row["model_name"] != "rules"]
    assert rows
    silent = "prompt" not in client.arrives
    assert all(("no_content" in row["marks"]) is silent for row in rows)
    assert all((row["overall_quality"] is None) is silent for row in rows if row["response"] or silent)
    seen = arrived(rows, client, provider.chats) - ({"tool calls"} if silent else set())
    _ARRIVED[client.name] = seen | ({"scores"} if await are_scored(rig) else set())
    assert _ARRIVED[client.name] == client.arrives
    embedded = await rig.worker.rows(
        "SELECT prompt, response, prompt_tokens FROM traces WHERE kind = 'embedding'"
    )
    assert all(row["prompt_tokens"] < 100 and not row["response"] for row in embedded)
    ledger = (await rig.get("/pipeline"))["projects"][0]
    assert (ledger["dead"], ledger["in_flight"], ledger["unaccounted"]) == (0, 0, 0)


def test_the_page_says_what_arrived() -> None:
    if len(_ARRIVED) < len(CLIENTS):
        pytest.skip("not every client ran")
    if os.environ.get("CLIENTS_PAGE") == "write":
        PAGE.write_text(write_page(_ARRIVED), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == write_page(_ARRIVED)


async def test_the_sdk_delivers_everything_once_although_redis_was_away(
    database_url: str, environments: Path
) -> None:
    packages = next(client.packages for client in CLIENTS if client.name == "pydantic-ai")
    python = await asyncio.to_thread(python_in, packages, environments)
    with ExitStack() as servers:
        folder = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="llmt-")))
        first = servers.enter_context(ExitStack())
        redis_url = first.enter_context(run_redis(folder, maxmemory_mb=64))
        async with running_api(database_url, redis_url) as rig, listening(rig.app) as url:
            await asyncio.to_thread(first.close)
            told = {**CLIENTS[0].environment, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
            process = await start([str(python), str(PROGRAMS / "sdk_spans.py")], told)
            assert process.stdout is not None
            told_to_retry = await asyncio.wait_for(process.stdout.readline(), _PROGRAM_SECONDS)
            assert b"retrying in" in told_to_retry, told_to_retry
            assert servers.enter_context(run_redis(folder, maxmemory_mb=64)) == redis_url
            await end(process)
            rows = await settle(rig)
    assert sorted(row["prompt"] for row in rows) == sorted(f"{number}?" for number in range(20))
