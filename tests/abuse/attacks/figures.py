"""Attacks on figures: records of every minute since 2020, reports of 400 days, and huge costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle

from tests.abuse.attacks.attack import Attack, Round, Strike, Target, side_by_side
from tests.abuse.attacks.bodies import NDJSON, lines_of
from tests.abuse.attacks.connection import request

__all__ = ["ATTACKS", "POISON"]

_MINUTES, _PART = 20_000, 1_000
_SINCE = datetime(2020, 1, 2, tzinfo=UTC)
_READERS = 10
_REPORTS = ("/metrics/quality", "/metrics/safety", "/metrics/cost", "/metrics/relevance", "/feedback")
_LARGEST_COUNT = 2**40
_COSTLY = 21_000


def back_dated(target: Target) -> Strike:
    """Case 11: records of 20,000 minutes since 2020, and readers of reports about 400 days."""
    key, now = target.admin_key, datetime.now(UTC)
    step = (now - _SINCE) / _MINUTES
    recent = timedelta(days=399) / _MINUTES
    records: list[dict[str, object]] = [
        {
            "prompt": "What is it?",
            "response": "It is a river.",
            "model_name": f"model-{number % 400}",
            "template_id": f"template-{number % 100}",
            # Every second record lies in the last 400 days, which reports read.
            "timestamp": (_SINCE + number * step if number % 2 else now - number * recent).isoformat(),
        }
        for number in range(_MINUTES)
    ]
    bodies = [
        request("/monitor/inferences", lines_of(records[at : at + _PART]), key=key, content_type=NDJSON)
        for at in range(0, _MINUTES, _PART)
    ]
    reports = [request(f"{path}?time_period=400d", key=key) for path in _REPORTS]

    def strike(round_: Round) -> None:
        readers = [partial(round_.repeat, target.port, cycle(reports), every=0.1) for _ in range(_READERS)]
        side_by_side(partial(round_.repeat, target.port, bodies, every=0.05), *readers)

    return strike


def poison_cost(target: Target) -> Strike:
    """Case 09: calls of the dearest model with the largest counts.

    No column can hold the sum of their costs.
    """
    dear: dict[str, object] = {
        "prompt": "a",
        "response": "b",
        "model_name": "o1-pro",
        "prompt_tokens": _LARGEST_COUNT,
        "completion_tokens": _LARGEST_COUNT,
    }
    bodies = {
        size: request(
            "/monitor/inferences",
            lines_of([dear] * size),
            key=target.ingest_key,
            content_type=NDJSON,
            compressed=True,
        )
        for size in (_COSTLY, _PART)
    }
    requests = [bodies[_COSTLY]] * 6 + [bodies[_PART]] * 50
    return lambda round_: round_.repeat(target.port, requests, every=0.1)


ATTACKS = (Attack("back_dated", "11", back_dated, seconds=8),)
POISON = Attack("poison_cost", "09", poison_cost, seconds=8)
