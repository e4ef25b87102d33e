"""Figures over a few hundred calls: what the API says equals what SQL counts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import figures
from tests.e2e.stack import Stack, running_stack
from tests.quality.harness import SAMPLES, read_rows

pytestmark = pytest.mark.long

MODELS = ("gpt-4", "gpt-3.5-turbo", "claude-3", "a-model-nobody-prices")
HOURS = 20
CALLS = 600


def sample_calls() -> Iterator[dict[str, Any]]:
    """The labelled sentences that ship with the tests, as calls of several models within a day."""
    now = datetime.now(UTC)
    rows = [row for path in sorted(SAMPLES.glob("*.jsonl")) for row in read_rows(path)]
    for number, row in enumerate(itertools.islice(itertools.cycle(rows), CALLS)):
        yield {
            "id": f"sample-{number}",
            "prompt": row.get("prompt") or "Say something.",
            "response": row.get("response") or "Nothing was said.",
            "context": row.get("context"),
            "reference": row.get("reference"),
            "model_name": MODELS[number % len(MODELS)],
            "user_id": f"user-{number % 7}",
            "response_time_ms": 100 + number % 400,
            "timestamp": (now - timedelta(hours=number % HOURS)).isoformat(),
        }


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    file: Path = tmp_path_factory.mktemp("samples") / "calls.jsonl"
    file.write_text("\n".join(json.dumps(call) for call in sample_calls()))
    with running_stack("--api-only", workers=1) as running:
        done = running.command("ingest", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        ledger = running.wait_until_settled(60)
        assert (ledger["stored"], ledger["dead"]) == (CALLS, 0)
        yield running


def test_every_call_is_scored_by_every_evaluator(stack: Stack) -> None:
    figures.check_scores_complete(stack, CALLS)


@pytest.mark.parametrize(
    "check", [figures.check_quality, figures.check_safety, figures.check_cost, figures.check_relevance]
)
def test_the_figures_of_a_period_are_those_of_its_rows(stack: Stack, check: Callable[[Stack], None]) -> None:
    check(stack)
