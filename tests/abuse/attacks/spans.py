"""Attacks by OpenTelemetry: numbers that spoil sums, and traces with a quadratic cost."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, cycle
from typing import Any

from app.otlp.signals import Span
from tests.abuse.attacks.attack import Attack, Round, Strike, Target, side_by_side
from tests.abuse.attacks.bodies import PROTOBUF
from tests.abuse.attacks.connection import PATIENCE_SECONDS, Connection, connect, request
from tests.unit.otlp.spans import protobuf_bytes

__all__ = ["ATTACKS", "POISON"]

_CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "input.value": "What is it?",
    "output.value": "It is a river.",
}
_FOUND = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": '["The Nile is a river."]'}
# The largest doubles, under names of several conventions. Two of them have no sum.
_POISON: tuple[Mapping[str, Any], ...] = (
    {"ai.response.msToFirstChunk": 1.7e308},
    {"ai.stream.msToFirstChunk": 1.7e308},
    {"gen_ai.server.time_to_first_token": 1e306},
    {"gen_ai.response.time_to_first_chunk": 1.7e305},
    {"gen_ai.usage.cost": 1.7e308},
    {"gen_ai.usage.input_tokens": 2**40, "gen_ai.usage.output_tokens": 2**40},
)
_DEPTH, _DOCUMENTS, _ONE_TRACE, _PART = 5_000, 4_000, 20_000, 500
_HANDSHAKE = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
_SECOND = 1_000_000_000


def poison_numbers(target: Target) -> Strike:
    """Case 01: spans whose numbers are finite and have no sum, one batch for each.

    Their project is read and watched too.
    """
    key = target.admin_key
    figures = [request(path, key=key) for path in ("/metrics/quality", "/metrics/cost")]
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", _HANDSHAKE)
    watch = request("/ws/metrics", b"", *upgrade, key=key)

    def bodies() -> Iterator[bytes]:
        for extra in cycle(_POISON):
            yield _export(key, [_span({**_CHAT, **extra}, secrets.token_bytes(16))])
            yield from figures

    def strike(round_: Round) -> None:
        with connect(target.port, PATIENCE_SECONDS) as watcher:
            watcher.sendall(watch)
            round_.repeat(target.port, bodies(), every=0.05)

    return strike


def deep_spans(target: Target) -> Strike:
    """Case 12a: a chain of 5,000 spans in one trace, and repeated requests for its tree."""
    trace, ids = secrets.token_bytes(16), [secrets.token_bytes(8) for _ in range(_DEPTH)]
    chain = [
        _span({"gen_ai.operation.name": "invoke_agent"}, trace, span_id=own, parent_id=parent)
        for own, parent in zip(ids, [b"", *ids], strict=False)
    ]
    chain[-1] = chain[-1]._replace(attributes=_CHAT)
    requests = [_export(target.admin_key, part) for part in _parts(chain)]
    newest = request("/traces?limit=1", key=target.admin_key)

    def strike(round_: Round) -> None:
        with Connection(target.port) as connection:
            for body in requests:
                round_.send(connection, body)
            while round_.goes_on():
                listed = round_.send(connection, newest)
                if listed.status == "200" and (traces := listed.json()["traces"]):
                    tree = request(f"/traces/{traces[0]['trace_id']}/tree", key=target.admin_key)
                    round_.send(connection, tree)
                round_.pause(0.2)

    return strike


def documents(target: Target) -> Strike:
    """Case 12b and c: calls and documents of one trace in one body, then documents before calls."""
    key, traces = target.ingest_key, [secrets.token_bytes(16) for _ in range(2)]
    begun = time.time_ns()
    found, asked = (
        [_span(attributes, traces[0], begun + late) for _ in range(_DOCUMENTS)]
        for attributes, late in ((_FOUND, 0), (_CHAT, _SECOND))
    )
    at_once = [_export(key, [*found, *asked], compressed=True)]
    in_parts = [_export(key, part) for part in _parts([*found, *asked])]
    others = [_span(_FOUND, traces[1], begun) for _ in range(3 * _DOCUMENTS)]
    calls = [_span(_CHAT, traces[1], begun + _SECOND) for _ in range(2 * _PART)]
    later = [_export(key, part) for part in [*_parts(others), *_parts(calls)]]

    def strike(round_: Round) -> None:
        def first() -> None:
            with Connection(target.port) as connection:
                if round_.send(connection, at_once[0]).status in {"413", "422"}:
                    round_.repeat(target.port, in_parts, every=0.05)

        side_by_side(first, lambda: round_.repeat(target.port, later, every=0.05))

    return strike


def one_trace(target: Target) -> Strike:
    """Case 12d: 20,000 calls that all belong to one trace."""
    trace = secrets.token_bytes(16)
    calls = [_span(_CHAT, trace) for _ in range(_ONE_TRACE)]
    requests = [_export(target.ingest_key, part) for part in _parts(calls)]
    return lambda round_: round_.repeat(target.port, requests, every=0.1)


def _span(attributes: Mapping[str, Any], trace: bytes, begin: int = 0, **ids: bytes) -> Span:
    begin = begin or time.time_ns() - _SECOND
    return Span(
        trace_id=trace,
        span_id=ids.get("span_id") or secrets.token_bytes(8),
        parent_id=ids.get("parent_id", b""),
        name="call",
        start_ns=begin,
        end_ns=begin + _SECOND // 4,
        attributes=attributes,
    )


def _export(key: str, spans: Sequence[Span], *, compressed: bool = False) -> bytes:
    return request(
        "/v1/traces", protobuf_bytes(*spans), key=key, content_type=PROTOBUF, compressed=compressed
    )


def _parts(spans: Sequence[Span]) -> Iterator[Sequence[Span]]:
    for begin in count(0, _PART):
        if begin >= len(spans):
            return
        yield spans[begin : begin + _PART]


ATTACKS = (
    Attack("deep_spans", "12", deep_spans, seconds=8),
    Attack("documents", "12", documents, seconds=8),
    Attack("one_trace", "12", one_trace),
)
POISON = Attack("poison_numbers", "01", poison_numbers, seconds=10)
