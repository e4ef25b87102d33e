"""How fast records are taken durably, one by one and in bulk, against an API that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice

import redis

from app.local.redis_server import Fsync
from benchmarks.performance.calibration import bare_api
from benchmarks.performance.figure import Figure
from benchmarks.performance.http_load import Load, closed_loop, request
from benchmarks.performance.processes import cpu_used
from benchmarks.performance.stack import Stack, running

__all__ = ["measure_accept"]

CONNECTIONS = 32
BULK_RECORDS = 500
BULK_CONNECTIONS = 4
MODES: Sequence[Fsync] = ("everysec", "always")
GOALS: Mapping[Fsync, float] = {"everysec": 1.0, "always": 0.85}
BULK_GOAL = 6.0
_KEYS = 1000


def measure_accept(
    lines: Sequence[bytes], *, seconds: float = 6.0, rounds: int = 3, modes: Sequence[Fsync] = MODES
) -> list[Figure]:
    """Measure each way of accepting in turn with the bare API, `rounds` times, and keep the best ratio."""
    figures: list[Figure] = []
    for fsync in modes:
        figures += _measure(fsync, GOALS[fsync], lines, seconds, rounds)
    return figures


def _measure(
    fsync: Fsync, goal: float, lines: Sequence[bytes], seconds: float, rounds: int
) -> Iterator[Figure]:
    single = [request("/monitor/inference", line, "Prefer: respond-async") for line in lines]
    bulk = [
        request("/monitor/inferences", b"\n".join(part), content_type="application/x-ndjson")
        for part in _parts(lines, BULK_RECORDS)
    ]
    tried: list[dict[str, float]] = []
    with running(fsync=fsync) as stack, bare_api() as (bare_port, bare_pid):
        _warm(stack.port, bare_port, single, bulk)
        for _ in range(rounds):
            _empty(stack.redis_url)
            with cpu_used({"bare": bare_pid}) as bare_cpu:
                bare = _send(bare_port, single, CONNECTIONS, seconds)
            of_bare = {
                "bare": bare.answered / bare.seconds,
                "bare_us": 1e6 * bare_cpu["bare"] / bare.answered,
            }
            tried.append(_measure_ours(stack, single, bulk, seconds) | of_bare)
    return _figures(fsync, goal, tried)


def _measure_ours(
    stack: Stack, single: Sequence[bytes], bulk: Sequence[bytes], seconds: float
) -> dict[str, float]:
    with cpu_used(stack.pids) as cpu:
        ours = _send(stack.port, single, CONNECTIONS, seconds)
    with cpu_used(stack.pids) as bulk_cpu:
        many = _send(stack.port, bulk, BULK_CONNECTIONS, seconds / 2)
    return {
        "single": ours.answered / ours.seconds,
        "bulk": many.answered * BULK_RECORDS / many.seconds,
        "api_us": 1e6 * cpu["api"] / ours.answered,
        "bulk_api_us": 1e6 * bulk_cpu["api"] / (many.answered * BULK_RECORDS),
        "redis_us": 1e6 * cpu["redis"] / ours.answered,
        "load_us": 1e6 * ours.cpu_seconds / ours.answered,
        "refused": float(sum(ours.statuses.values()) - ours.answered),
    }


def _figures(fsync: Fsync, goal: float, tried: Sequence[Mapping[str, float]]) -> Iterator[Figure]:
    best = max(tried, key=lambda one: one["single"] / one["bare"])
    yield Figure(
        name=f"durable accept, one record a request, {fsync}",
        value=best["single"],
        unit="records/s",
        yardstick=best["bare"],
        yardstick_name="bare FastAPI 202",
        goal=f"at least {goal:g} x bare",
        met=best["single"] >= goal * best["bare"],
        details={name: value for name, value in best.items() if name.endswith("us") or name == "refused"},
    )
    best = max(tried, key=lambda one: one["bulk"] / one["bare"])
    yield Figure(
        name=f"durable accept, {BULK_RECORDS} records a request, {fsync}",
        value=best["bulk"],
        unit="records/s",
        yardstick=best["bare"],
        yardstick_name="bare FastAPI 202",
        goal=f"at least {BULK_GOAL:g} x bare",
        met=best["bulk"] >= BULK_GOAL * best["bare"],
        details={"api_us": best["bulk_api_us"], "bare_us": best["bare_us"]},
    )


def _parts(lines: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(lines) - size + 1, size):
        yield lines[start : start + size]


def _empty(redis_url: str) -> None:
    """Throw away what was accepted: no worker drains it, and a full Redis refuses more."""
    with redis.Redis.from_url(redis_url) as client:
        while keys := list(islice(client.scan_iter(count=_KEYS), _KEYS)):
            client.unlink(*keys)


def _warm(port: int, bare_port: int, single: Sequence[bytes], bulk: Sequence[bytes]) -> None:
    _send(port, single, CONNECTIONS, 1.0)
    _send(bare_port, single, CONNECTIONS, 1.0)
    _send(port, bulk, BULK_CONNECTIONS, 0.5)


def _send(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    return closed_loop(port, cycle(requests), connections=connections, seconds=seconds)
