from __future__ import annotations

import gzip
import http.client
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.performance.processes import cpu_seconds, resident_bytes
from benchmarks.performance.stack import Stack, running
from tests.unit.mutations import delimited
from tests.unit.otlp.spans import START_NS, protobuf_bytes, span

# This is far above what was measured on an idle machine, so a busy one does not matter. Without
# limits, the smallest of these bodies cost seconds of CPU, and /health waited as long.
MOST_CPU_SECONDS = 1.0
MOST_BYTES = 64 * 1024 * 1024
LONGEST_WAIT_SECONDS = 1.0
NDJSON, JSON, PROTOBUF = "application/x-ndjson", "application/json", "application/x-protobuf"
RECORD = b'{"prompt":"a","response":"b"}'


def retrieval(count: int) -> bytes:
    """A trace of as many retrievers and as many calls after them."""
    found = [
        span(
            {"openinference.span.kind": "RETRIEVER", "retrieval.documents.0.document.content": f"d{number}"},
            number=number,
            milliseconds=1,
        )
        for number in range(1, count + 1)
    ]
    calls = [
        span(
            {"gen_ai.operation.name": "chat", "input.value": "q"},
            number=count + number,
            start_ns=START_NS + 10**9,
            end_ns=START_NS + 2 * 10**9,
        )
        for number in range(1, count + 1)
    ]
    return protobuf_bytes(*found, *calls)


REFUSED = {
    "500,000 lines": ("/monitor/inferences", NDJSON, b"x\n" * 500_000),
    "2,000,000 lines": ("/monitor/inferences", NDJSON, b"x\n" * 2_000_000),
    "200,000 good records": ("/monitor/inferences", NDJSON, (RECORD + b"\n") * 200_000),
    "300,000 elements": ("/monitor/inferences", JSON, b"[" + b"1," * 299_999 + b"1]"),
    "7,000,000 messages": (
        "/monitor/inference",
        JSON,
        b'{"prompt":"a","response":"b","messages":[' + b"{}," * 7_000_000 + b"{}]}",
    ),
    "500,000 empty spans": ("/v1/traces", PROTOBUF, delimited(1, delimited(2, b"\x12\x00" * 500_000))),
    "7,000,000 empty groups": ("/v1/traces", JSON, b'{"resourceSpans":[' + b"{}," * 7_000_000 + b"{}]}"),
    "10,000,000 empty metrics": (
        "/v1/metrics",
        PROTOBUF,
        delimited(1, delimited(2, b"\x12\x00" * 10_000_000)),
    ),
}
TAKEN = {
    "50,000 records": ("/monitor/inferences", NDJSON, (RECORD + b"\n") * 50_000),
    "50,000 elements": ("/monitor/inferences", JSON, b"[" + (RECORD + b",") * 49_999 + RECORD + b"]"),
    "4,000 calls after 4,000 documents": ("/v1/traces", PROTOBUF, retrieval(4_000)),
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as found:
        yield found


@contextmanager
def watching(port: int) -> Iterator[list[float]]:
    """Ask for /health all the time; holds the seconds of each answer."""
    waits: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not ended.wait(0.005):
            begun = time.perf_counter()
            client.request("GET", "/health")
            client.getresponse().read()
            waits.append(time.perf_counter() - begun)
        client.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join()


def send(port: int, path: str, media: str, body: bytes) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": media, "Content-Encoding": "gzip"}
    client.request("POST", path, gzip.compress(body, 6), headers)
    answer = client.getresponse()
    content = answer.read()
    client.close()
    return answer.status, content


@pytest.mark.long
@pytest.mark.parametrize("name", [*REFUSED, *TAKEN])
def test_a_small_body_is_little_work(stack: Stack, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, media, body = {**REFUSED, **TAKEN}[name]
    pid = stack.pids["api"]
    cpu, memory = cpu_seconds(pid), resident_bytes(pid)
    with watching(stack.port) as waits:
        status, answer = send(stack.port, path, media, body)
    cpu, grown = cpu_seconds(pid) - cpu, resident_bytes(pid) - memory
    with capsys.disabled():
        wire = len(gzip.compress(body, 6)) / 1024
        print(  # noqa: T201 its result
            f"{name}, {wire:.1f} KB: {status}, {cpu:.2f} s of CPU, "
            f"{grown / 2**20:+.0f} MB, longest /health {1000 * max(waits):.0f} ms"
        )
    if name in REFUSED:
        assert status == 413, answer
        assert cpu < MOST_CPU_SECONDS
        assert grown < MOST_BYTES
    else:
        assert status in {200, 202}, answer
    assert max(waits) < LONGEST_WAIT_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@pytest.mark.long
def test_errors_are_listed_up_to_a_thousand_and_counted_beyond(stack: Stack) -> None:
    status, answer = send(stack.port, "/monitor/inferences", NDJSON, RECORD + b"\n" + b"x\n" * 5_000)
    found = json.loads(answer)
    assert (status, found["accepted"], found["rejected"]) == (202, 1, 5_000)
    assert (len(found["errors"]), len(found["trace_ids"])) == (1_000, 5_001)
