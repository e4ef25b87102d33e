"""How long a gateway waits for the check of a budget before each call."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

from benchmarks.performance.calibration import bare_api, synced_write
from benchmarks.performance.figure import Figure
from benchmarks.performance.flow import send_bulk, wait_until_settled
from benchmarks.performance.http_load import open_loop, request
from benchmarks.performance.stack import running

__all__ = ["measure_budgets"]

RATE = 500
P99_MS = 10.0
STORED = 2_000
_OK = 200


def measure_budgets(lines: Sequence[bytes], *, seconds: float = 10.0) -> list[Figure]:
    """Check one budget at a fixed rate, and measure from when each check is due to its answer.

    Every check reserves, and no record comes, so that some thousands of reservations are open.
    Redis keeps each on the disk before it answers, so the disk is measured before and after.
    """
    with running(workers=1) as stack:
        budget = _make_budget(stack.port)
        send_bulk(stack.port, lines[:STORED])
        wait_until_settled(stack.database_url, min(STORED, len(lines)))
        body = json.dumps({"estimated_cost_usd": 0.0001, "lapse_seconds": 5}).encode()
        requests = [request(f"/budgets/{budget}/check", body)] * int(RATE * seconds)
        open_loop(stack.port, requests[:RATE], rate=RATE)
        before = synced_write(0.99, seconds / 2)
        checks = open_loop(stack.port, requests, rate=RATE)
        after = synced_write(0.99, seconds / 2)
    with bare_api() as (port, _):
        posts = [request("/monitor/inference", line) for line in lines[: int(RATE * seconds)]]
        open_loop(port, posts[:RATE], rate=RATE)
        bare = open_loop(port, posts, rate=RATE)
    found = checks.percentile(0.99)
    return [
        Figure(
            name=f"check of a budget at {RATE}/s, p99",
            value=found,
            unit="ms",
            yardstick=bare.percentile(0.99),
            yardstick_name="bare FastAPI 202, p99",
            goal=f"under {P99_MS:g} ms",
            met=found < P99_MS and checks.statuses[_OK] == len(requests),
            details={
                "p50": checks.percentile(0.5),
                "checks": checks.statuses[_OK],
                "synced write before, p99": before,
                "synced write after, p99": after,
            },
        )
    ]


def _make_budget(port: int) -> str:
    body = json.dumps({"name": "all calls", "amount_usd": 1_000_000}).encode()
    made: Any = urllib.request.Request(
        f"http://127.0.0.1:{port}/budgets", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(made, timeout=30) as answer:  # noqa: S310 the same
        budget_id: str = json.load(answer)["budget_id"]
    return budget_id
