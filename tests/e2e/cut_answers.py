"""Two days of calls in which one template begins to cut its answers, on one model only."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.quality.harness import SAMPLES, read_rows

__all__ = ["CUT_MODEL", "CUT_TEMPLATE", "calls_with_cut_answers", "fall_of"]

CUT_TEMPLATE, CUT_MODEL = "order-help", "gpt-4o-mini"
_TEMPLATES = (CUT_TEMPLATE, "search", "summary")
_MODELS = (CUT_MODEL, "gpt-4o", "claude-3-5-sonnet")
_TEAMS = ("support", "search", "billing")
_HOURS, _PER_HOUR = 48, 50
_SINCE_HOURS = 7
_KEPT = 0.3
_OFTEN = (5, 2, 2)


def fall_of(now: datetime) -> datetime:
    """Return the moment from which answers are cut: a whole hour, seven or more hours ago."""
    return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=_SINCE_HOURS)


def calls_with_cut_answers(now: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Yield calls, the same each time but for their moments."""
    chance = random.Random(7)  # noqa: S311 the sample protects nothing
    end = now or datetime.now(UTC)
    good = [row for row in read_rows(SAMPLES / "helpfulness.jsonl") if row["label"] == 1]
    for place in range(_HOURS * _PER_HOUR):
        row = chance.choice(good)
        at = end - timedelta(hours=(place + chance.random()) / _PER_HOUR, seconds=5)
        template, model = (chance.choices(named, _OFTEN)[0] for named in (_TEMPLATES, _MODELS))
        answer: str = row["response"]
        broken = (template, model) == (CUT_TEMPLATE, CUT_MODEL) and at >= fall_of(end)
        yield {
            "id": f"cut-{place}",
            "timestamp": at.isoformat(),
            "prompt": row["prompt"],
            "response": answer[: int(_KEPT * len(answer))] if broken else answer,
            "model_name": model,
            "template_id": template,
            "user_id": f"user-{chance.randint(1, 24)}",
            "metadata": {"team": chance.choice(_TEAMS)},
            "tags": [chance.choice(_TEAMS)],
            "prompt_tokens": chance.randint(200, 600),
            "completion_tokens": chance.randint(40, 200),
            "response_time_ms": round(chance.lognormvariate(6.5, 0.4)),
        }
