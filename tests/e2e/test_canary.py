"""Known secrets are sent in every way, and then searched in everything that the stack holds."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import psutil
import pytest
import redis
from websockets.sync.client import connect

from monitoring.entities import find_entities
from monitoring.entities.finder import entity_types
from monitoring.privacy.redaction import Redaction
from tests.e2e.canaries import CANARIES, Canary, attributes_with, call_with, events_with
from tests.e2e.stack import Stack, data_folder, free_ports, wait_for
from tests.unit.otlp.spans import json_bytes, log_bytes, protobuf_bytes, span

KEY = "a key of this test alone, and longer than thirty-two characters"
GZIP = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
NDJSON = {"content-type": "application/x-ndjson"}
PROTOBUF = "application/x-protobuf"
ENCODINGS = {PROTOBUF: protobuf_bytes, "application/json": json_bytes}
SILENT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}


class Place(NamedTuple):
    """Something that was searched: its kind, the number of things, and the number of bytes."""

    things: int
    size: int
    found: frozenset[str]


def test_there_is_a_canary_of_every_type_that_can_be_found() -> None:
    """A type added to the finder fails here until it has one."""
    assert {canary.kind for canary in CANARIES} == entity_types()
    for canary in CANARIES:
        found = {
            entity.type
            for entity in find_entities(canary.text)
            if entity.confidence >= Redaction().confidence
        }
        assert canary.kind in found, canary


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with data_folder() as data_dir:
        running = Stack(data_dir, free_ports(), settings={"LLM_MONITOR_PRIVACY_KEY": KEY})
        try:
            yield running.wait()
        finally:
            running.close()


class Search:
    """Everything in which a secret could be, by place."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._printed = dict(line.split("=", 1) for line in stack.command("urls").stdout.splitlines())
        self.redis = redis.Redis.from_url(self._printed["REDIS_URL"])
        self.heard: dict[str, list[bytes]] = defaultdict(list)

    def sql(self, *statement: str) -> list[asyncpg.Record]:
        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self._printed["DATABASE_URL"])
            try:
                return list(await connection.fetch(*statement))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def waiting_parts(self) -> int:
        """Return how many texts and findings wait for their spans."""
        return int(self.sql("SELECT count(*) FROM span_parts WHERE payload IS NOT NULL")[0][0])

    def memory(self) -> list[bytes]:
        """Yield every key of Redis with everything in its value."""
        return [b"\0".join([key, *self._value(key)]) for key in self.redis.scan_iter(count=1000)]

    def _value(self, key: bytes) -> list[bytes]:
        redis: Any = self.redis
        match redis.type(key):
            case b"string":
                return [redis.get(key) or b""]
            case b"hash":
                return [part for pair in redis.hgetall(key).items() for part in pair]
            case b"zset":
                return list(redis.zrange(key, 0, -1))
            case b"set":
                return list(redis.smembers(key))
            case b"none":  # gone meanwhile
                return []
            case other:
                raise AssertionError(f"nobody reads a {other!r} here yet")

    def tables(self) -> list[bytes]:
        """Yield every value of every row of every table, except PostgreSQL's own tables."""
        tables = self.sql(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = [f"table {name}".encode() for (name,) in tables]
        for (name,) in tables:
            for row in self.sql(f"SELECT * FROM {name}"):  # noqa: S608 names from the catalogue
                found += [
                    value if isinstance(value, bytes) else str(value).encode() for value in row.values()
                ]
        return found

    def files(self) -> dict[str, list[bytes]]:
        """Yield every file of the data folder, and what the processes wrote to standard error."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for path in self._stack.data_dir.rglob("*"):
            if path.is_file():
                found[_kind(path)].append(path.read_bytes())
        found["standard error"].append(self._stack.errors().encode())
        return found

    def run(self) -> dict[str, Place]:
        """Search everything, after Postgres has written what it has only in memory to disk."""
        self.sql("CHECKPOINT")
        everything = {
            "tables": self.tables(),
            "redis memory": self.memory(),
            **self.files(),
            **self.heard,
        }
        return {name: _search(things) for name, things in sorted(everything.items())}


def _kind(path: Path) -> str:
    parts = set(path.parts)
    if "pg_wal" in parts:
        return "write-ahead log"
    if path.suffix in {".aof", ".rdb"}:
        return f"redis {path.suffix[1:]}"
    if path.suffix == ".log" or "logs" in parts:
        return "server logs"
    return "heap and index files" if "base" in parts else "other files"


def _search(things: Sequence[bytes]) -> Place:
    """Search for every secret, as it is and as JSON writes it; no secret lies across two things."""
    everything = b"\0".join(things)
    found = {
        canary.text
        for canary in CANARIES
        if any(
            form in everything for form in {canary.secret.encode(), json.dumps(canary.secret)[1:-1].encode()}
        )
    }
    return Place(len(things), sum(map(len, things)), frozenset(found))


@contextmanager
def listening(search: Search, stack: Stack) -> Iterator[None]:
    """Keep every live frame and every message on Redis' channels for the length of the block."""
    ended = threading.Event()
    pubsub = search.redis.pubsub()
    pubsub.psubscribe("*")

    def frames() -> None:
        with connect(stack.api.replace("http", "ws") + "/ws/metrics") as socket:
            while not ended.is_set():
                with suppress(TimeoutError):
                    search.heard["live frames"].append(str(socket.recv(timeout=0.1)).encode())

    def messages() -> None:
        while not ended.is_set():
            message = pubsub.get_message(timeout=0.1)
            if message and isinstance(message["data"], bytes):
                search.heard["redis channels"].append(message["data"])

    threads = [threading.Thread(target=work) for work in (frames, messages)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        pubsub.close()


@contextmanager
def halted(workers: Sequence[psutil.Process]) -> Iterator[None]:
    """Halt the workers, so that what is queued stays in Redis."""
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


def decide(stack: Stack, search: Search, settings: Mapping[str, Any]) -> None:
    """Give the default project other settings, and return when the API follows them."""
    search.sql("UPDATE projects SET settings = $1::jsonb WHERE project_id = 'default'", json.dumps(settings))
    mode = settings["redaction"]["mode"]
    marked = {
        "mask": "[EMAIL_ADDRESS]",
        "hash": "[EMAIL_ADDRESS:",
        "drop": "[EMAIL_ADDRESS:",
        "off": "probe@corp.net",
    }

    def follows() -> bool:
        # The answer to the sender has no pseudonym, so the stored record is read.
        probe = {"prompt": "", "response": "", "model_name": "probe@corp.net"}
        answer = httpx.post(
            f"{stack.api}/monitor/inference", json=probe, headers={"prefer": "wait=5"}, timeout=30
        )
        assert "[EMAIL_ADDRESS:" not in answer.text
        if not answer.is_success:
            return False
        stored = search.sql(
            "SELECT model_name FROM traces WHERE trace_id = $1::text::uuid", answer.json()["trace_id"]
        )
        return bool(stored) and str(stored[0][0]).startswith(marked[mode])

    wait_for(follows, 20, f"the API to follow the mode {mode}")


Send = Callable[[httpx.Client, str, Sequence[Canary]], list[httpx.Response]]


def _calls(tag: str, canaries: Sequence[Canary]) -> list[dict[str, Any]]:
    return [call_with(canary, id=tag) for canary in canaries]


def _one_by_one(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    answers: list[Any] = []
    for canary in canaries:
        headers = {"prefer": "respond-async", "idempotency-key": f"{tag} {len(answers)}"}
        answers.append(api.post("/monitor/inference", json=call_with(canary, id=tag), headers=headers))
        opinion = {
            "trace_id": answers[-1].json()["trace_id"],
            "rating": 1,
            "comment": canary.text,
            "user_id": canary.text,
            "categories": [canary.text],
        }
        answers.append(api.post("/feedback", json=opinion))
    return answers


def _as_array(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    return [api.post("/monitor/inferences", json=[*_calls(tag, canaries), {"prompt": 7}])]


def _lines(tag: str, canaries: Sequence[Canary]) -> bytes:
    return "\n".join(json.dumps(call) for call in _calls(tag, canaries)).encode()


def _as_lines(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    return [api.post("/monitor/inferences", content=_lines(tag, canaries), headers=NDJSON)]


def _as_gzip(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    return [api.post("/monitor/inferences", content=gzip.compress(_lines(tag, canaries)), headers=GZIP)]


def _to_evaluate(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    return [api.post("/evaluate", json=_calls(tag, canaries), headers={"prefer": "respond-async"})]


def _to_guard(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    return [api.post("/guard", json=call) for call in _calls(tag, canaries)]


def _trace_id(tag: str, canary: Canary) -> bytes:
    return blake2b(f"{tag} {canary.text}".encode(), digest_size=16).digest()


def _as_spans(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    answers: list[Any] = []
    for kind, encode in ENCODINGS.items():
        spans = [
            span(
                attributes_with(canary),
                trace_id=_trace_id(f"{tag} {kind}", canary),
                name=canary.text,
                events=[
                    ("exception", {"exception.message": canary.text}),
                    (canary.text, {"of": canary.text}),
                ],
                failed=True,
                message=canary.text,
            )
            for canary in canaries
        ]
        answers.append(api.post("/v1/traces", content=encode(*spans), headers={"content-type": kind}))
    return answers


def _as_events(api: httpx.Client, tag: str, canaries: Sequence[Canary]) -> list[httpx.Response]:
    """Send spans without a text, and log events with the texts and with findings of somebody."""
    spans = [span(SILENT, trace_id=_trace_id(tag, canary)) for canary in canaries]
    events = [
        event
        for canary, one in zip(canaries, spans, strict=True)
        for event in events_with(canary, trace_id=one.trace_id, span_id=one.span_id)
    ]
    headers = {"content-type": PROTOBUF}
    return [
        api.post("/v1/logs", content=log_bytes(*events), headers=headers),
        api.post("/v1/traces", content=protobuf_bytes(*spans), headers=headers),
    ]


WAYS: Mapping[str, Send] = {
    "POST /monitor/inference and /feedback": _one_by_one,
    "POST /monitor/inferences as JSON": _as_array,
    "POST /monitor/inferences as NDJSON": _as_lines,
    "POST /monitor/inferences as gzip": _as_gzip,
    "POST /evaluate": _to_evaluate,
    "POST /guard": _to_guard,
    "POST /v1/traces": _as_spans,
    "POST /v1/logs": _as_events,
}


def send_everything(stack: Stack, search: Search, tag: str) -> None:
    """Send every canary in every way, at times with halted workers, so that the queue is full."""
    with httpx.Client(base_url=stack.api, timeout=60) as api, listening(search, stack):
        with halted(stack.workers()):
            for number, send in enumerate(WAYS.values()):
                for answer in send(api, f"{tag}{number}", CANARIES):
                    assert answer.is_success, answer.text
                    search.heard["answers"].append(answer.content)
            search.heard["redis memory, queue full"] += search.memory()
        stack.wait_until_settled(60)
        wait_for(lambda: not search.waiting_parts(), 60, "what came as events to be joined")


def show(mode: str, places: Mapping[str, Place]) -> None:
    """Print what was searched, which is the result of this test."""
    lines = [f"{len(CANARIES)} secrets, {len(WAYS)} ways in, redaction {mode}"]
    lines += [
        f"  {name:26} {place.things:7} things {place.size:12} bytes  {len(place.found):3} secrets found"
        for name, place in places.items()
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_no_secret_is_anywhere_until_redaction_is_off(stack: Stack) -> None:
    search = Search(stack)
    # In this order each mode looks different from the one before, so `decide` knows when it is in
    # force.
    for mode in ("hash", "mask", "drop"):
        decide(stack, search, {"redaction": {"mode": mode}})
        send_everything(stack, search, mode)
    places = search.run()
    show("hash, mask and drop", places)
    assert {name: sorted(place.found) for name, place in places.items() if place.found} == {}
    dropped = search.sql("SELECT count(*) FROM traces WHERE 'text_dropped' = ANY (marks)")
    assert dropped[0][0] >= len(CANARIES) * len(WAYS)

    search.heard.clear()
    decide(stack, search, {"redaction": {"mode": "off"}})
    send_everything(stack, search, "off")
    places = search.run()
    show("off", places)
    seeing = (
        "tables",
        "redis memory, queue full",
        "redis aof",
        "write-ahead log",
        "heap and index files",
        "answers",
    )
    for name in seeing:
        assert len(places[name].found) == len(CANARIES), name
    # A frame carries names and figures, and at most the twenty newest calls of each second.
    assert {"live frames", "redis channels", "server logs", "standard error", "redis rdb"} <= places.keys()
    assert places["live frames"].found
