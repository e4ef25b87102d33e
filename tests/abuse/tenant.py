"""The well-behaved tenant, which sends and asks at a fixed pace.

It notes how long each request took, and what was acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.abuse.traffic import BULK, SENTENCES, make_record, make_spans
from tests.unit.otlp.spans import protobuf_bytes

# Requests per second. Each is due at its own moment, whether or not earlier ones were answered.
RATES = {
    "waited": 6.0,
    "guard": 1.5,
    "figures": 1.5,
    "fresh": 1.0,
    "otlp": 1.0,
    "bulk": 0.5,
    "sign_in": 0.125,
}
FIGURES = (
    "/metrics/quality",
    "/metrics/safety",
    "/metrics/cost",
    "/metrics/relevance",
    "/pipeline",
    "/traces",
)
PATIENCE_SECONDS = 30.0
_LONGEST_PAUSE = 0.5
_LOOK_SECONDS = 0.1
_REFUSED = {429, 503, 507}


class Sample(NamedTuple):
    """One request: its kind, when it was due (time.monotonic), its seconds, and its fault."""

    kind: str
    due: float
    seconds: float
    fault: str


class Frame(NamedTuple):
    """One frame of the live feed, or `closed` if the feed ended."""

    moment: float
    kind: str


class Tenant:
    """The tenant, in a thread of its own from `running` on; its notes are only ever appended."""

    def __init__(self, api: str, project_id: str, key: str, password: str) -> None:
        self._api = api
        self._project_id = project_id
        self._key = key
        self._password = password
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._stopping = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._numbers = count(1)
        self._failure: BaseException | None = None
        self._open: dict[int, Sample] = {}
        self.samples: list[Sample] = []
        self.frames: list[Frame] = []
        self.acknowledged: dict[str, str] = {}
        self.spans: list[bytes] = []
        self.guarded: list[str] = []

    @contextmanager
    def running(self) -> Iterator[Tenant]:
        """Send for the length of the block; requests that are open at its end are waited for."""
        self._thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Send nothing more and wait for the answers; raises the error that ended the tenant."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(2 * PATIENCE_SECONDS)
        if self._failure:
            raise self._failure

    def between(self, begin: float, end: float) -> list[Sample]:
        """Return the samples that were due in [begin, end).

        A sample without an answer counts with the time it has taken so far.
        """
        now = time.monotonic()
        unanswered = [
            one._replace(seconds=now - one.due, fault="unanswered") for one in list(self._open.values())
        ]
        return [one for one in [*self.samples, *unanswered] if begin <= one.due < end]

    def is_waiting(self, before: float) -> bool:
        """Tell whether a request that was due before this moment has no answer yet."""
        return any(one.due < before for one in list(self._open.values()))

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        except BaseException as error:  # noqa: BLE001 raised where the tenant is stopped
            self._failure = error
        finally:
            self._loop.close()

    async def _live(self) -> None:
        options: dict[str, Any] = {
            "base_url": self._api,
            "timeout": PATIENCE_SECONDS,
            "headers": {"Authorization": f"Bearer {self._key}"},
        }
        lasting = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        single = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(limits=lasting, **options) as client,
            httpx.AsyncClient(limits=single, **options) as fresh,
        ):
            ways: dict[str, Callable[[int], Awaitable[str]]] = {
                "waited": lambda number: self._wait(client, number),
                "guard": lambda number: self._guard(client, number),
                "figures": lambda number: self._read(client, FIGURES[number % len(FIGURES)]),
                "fresh": lambda _: self._read(fresh, "/health"),
                "otlp": lambda number: self._export(client, number),
                "bulk": lambda number: self._send_many(client, number),
                "sign_in": lambda _: self._sign_in(fresh),
            }
            watching = asyncio.create_task(self._watch())
            async with self._group:
                for kind, way in ways.items():
                    self._group.create_task(self._repeat(kind, way))
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _repeat(self, kind: str, way: Callable[[int], Awaitable[str]]) -> None:
        begun = time.monotonic()
        for number in count():
            due = begun + number / RATES[kind]
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), max(0.0, due - time.monotonic()))
            if self._stopping.is_set():
                return
            self._group.create_task(self._measure(kind, due, number, way))

    async def _measure(
        self, kind: str, due: float, number: int, way: Callable[[int], Awaitable[str]]
    ) -> None:
        ticket = next(self._numbers)
        self._open[ticket] = Sample(kind, due, 0.0, "")
        try:
            fault = await way(number)
        except (httpx.TransportError, OSError) as error:
            fault = type(error).__name__
        self.samples.append(Sample(kind, due, time.monotonic() - due, fault))
        del self._open[ticket]

    async def _wait(self, client: httpx.AsyncClient, number: int) -> str:
        record = make_record(f"waited-{number}", number)
        answer, fault = await self._send(client, "/monitor/inference", json.dumps(record).encode())
        if answer is None:
            return fault
        self.acknowledged[record["id"]] = answer.json()["trace_id"]
        return fault or ("" if answer.status_code == httpx.codes.OK else "its scores did not come in time")

    async def _guard(self, client: httpx.AsyncClient, number: int) -> str:
        call = {"prompt": f"Question {number}?", "response": SENTENCES[number % len(SENTENCES)]}
        answer, fault = await self._send(client, "/guard", json.dumps(call).encode())
        if answer is None:
            return fault
        judged = answer.json()
        if judged["recorded"]:
            self.guarded.append(judged["trace_id"])
        if judged["failed"]:
            return fault or "the guard failed"
        return fault or ("" if judged["recorded"] else "the guard did not record")

    async def _read(self, client: httpx.AsyncClient, path: str) -> str:
        answer = await client.get(path)
        return "" if answer.status_code == httpx.codes.OK else f"{answer.status_code} {path}"

    async def _export(self, client: httpx.AsyncClient, number: int) -> str:
        spans = make_spans(number)
        answer, fault = await self._send(
            client, "/v1/traces", protobuf_bytes(*spans), "application/x-protobuf"
        )
        if answer is not None:
            self.spans += [one.span_id for one in spans]
        return fault

    async def _send_many(self, client: httpx.AsyncClient, number: int) -> str:
        """Send records in bulk and look until the last of them is stored.

        The wait until then is a sample of its own.
        """
        records = [make_record(f"bulk-{number}-{place}", place) for place in range(BULK)]
        body = "\n".join(json.dumps(record) for record in records).encode()
        begun = time.monotonic()
        answer, fault = await self._send(client, "/monitor/inferences", body, "application/x-ndjson")
        if answer is None:
            return fault
        found = answer.json()["trace_ids"]
        self.acknowledged |= zip((record["id"] for record in records), found, strict=True)
        self._group.create_task(self._look(client, begun, found[-1]))
        return fault

    async def _look(self, client: httpx.AsyncClient, due: float, trace_id: str) -> None:
        ticket = next(self._numbers)
        self._open[ticket] = Sample("stored", due, 0.0, "")
        fault = "not stored in time"
        while time.monotonic() - due < 2 * PATIENCE_SECONDS:
            try:
                answer = await client.get(f"/traces/{trace_id}")
            except (httpx.HTTPError, RuntimeError) as error:
                fault = type(error).__name__
            else:
                fault = "" if answer.is_success else f"{answer.status_code} /traces"
            if not fault or self._stopping.is_set():
                break
            await asyncio.sleep(_LOOK_SECONDS)
        del self._open[ticket]
        if not (fault and self._stopping.is_set()):
            self.samples.append(Sample("stored", due, time.monotonic() - due, fault))

    async def _sign_in(self, client: httpx.AsyncClient) -> str:
        asked = {"project_id": self._project_id, "password": self._password}
        answer = await client.post("/sessions", json=asked)
        return "" if answer.status_code == httpx.codes.CREATED else f"{answer.status_code} /sessions"

    async def _send(
        self, client: httpx.AsyncClient, path: str, body: bytes, content_type: str = "application/json"
    ) -> tuple[httpx.Response | None, str]:
        """Send until it is accepted, as a careful client does.

        Returns the answer and the first thing that went wrong.
        """
        fault, ends = "", time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            pause = _LONGEST_PAUSE
            try:
                answer = await client.post(path, content=body, headers={"Content-Type": content_type})
            except httpx.TransportError as error:
                fault = fault or f"{type(error).__name__} {path}"
            else:
                if answer.is_success:
                    return answer, fault
                fault = fault or f"{answer.status_code} {path}"
                if answer.status_code not in _REFUSED:
                    break
                pause = min(pause, float(answer.headers.get("Retry-After", pause)))
            await asyncio.sleep(pause)
        return None, fault

    async def _watch(self) -> None:
        address = f"{self._api.replace('http', 'ws', 1)}/ws/metrics"
        headers = {"Authorization": f"Bearer {self._key}"}
        while True:
            try:
                async with connect(
                    address, additional_headers=headers, open_timeout=PATIENCE_SECONDS
                ) as socket:
                    async for frame in socket:
                        self.frames.append(Frame(time.monotonic(), json.loads(frame)["type"]))
            except (WebSocketException, OSError):
                pass
            self.frames.append(Frame(time.monotonic(), "closed"))
            await asyncio.sleep(_LONGEST_PAUSE)
