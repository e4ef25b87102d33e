"""What a filter means in SQL is what it means in Python, for every kind of value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import insert, select

from app.filters import Filter, parse_filter
from app.filters.matching import matches
from app.schemas.ids import mint
from app.schemas.traces import Trace
from app.storage.engine import Connection, Engine
from app.storage.tables import scores, traces
from app.storage.traces.filtering import where
from app.storage.traces.reading import read_traces
from app.storage.traces.writing import copy_traces
from monitoring.models import Failure, Score
from tests.unit.filters.strategies import EACH, FILTERS, WORDS

PROJECT = "filters"
_COUNTS = (None, 0, 1, 42, 1500)
_SHARES = (None, 0.0, 0.1, 0.5, 1.0)
_MONEY = (None, Decimal(0), Decimal("0.00002"), Decimal("0.5"), Decimal(42))
_ANY = (None, "Search", "42", "true", 42, 0, -3, 0.5, -0.0, 1500.0, 2e-5, 1e29, True, False, [1], {"a": 1})


def made(seed: int, now: datetime) -> Trace:
    """Return a trace with values that filters ask for, many of them missing."""
    chosen = Random(seed)  # noqa: S311 values of tests need no secrecy
    pick = chosen.choice
    words = (None, *WORDS)
    flags = tuple(chosen.sample(WORDS, pick((0, 0, 1, 2))))
    return Trace(
        project_id=PROJECT,
        trace_id=mint(round(now.timestamp() * 1000)),
        job_id="job",
        source=pick(("live", "evaluate", "import")),
        kind=pick(("llm", "embedding", "tool", "retriever")),
        occurred_at=now - timedelta(hours=chosen.randrange(0, 24 * 28)),
        model_name=pick(WORDS),
        prompt=pick(WORDS),
        response=pick(WORDS),
        scores=_scores(chosen),
        pricing_status=pick(("known", "unknown")),
        otel_trace_id=pick((None, b"\xff" * 16)),
        otel_span_id=pick((None, b"\x01" * 8)),
        provider=pick(words),
        user_id=pick(words),
        session_id=pick(words),
        template_id=pick(words),
        tags=tuple(chosen.sample(WORDS, pick((0, 1, 2)))),
        context=tuple(chosen.sample(WORDS, pick((0, 1)))),
        metadata=_metadata(chosen),
        error=pick(words),
        response_time_ms=pick((None, 0.0, 0.5, 1500.0)),
        prompt_tokens=pick(_COUNTS),
        completion_tokens=pick(_COUNTS),
        reasoning_tokens=pick(_COUNTS),
        cost_usd=pick(_MONEY),
        reported_cost_usd=pick(_MONEY),
        overall_quality=pick(_SHARES),
        safety_score=pick(_SHARES),
        is_safe=False if flags else pick((None, True)),
        flags=flags,
        topic=pick(words),
    )


def _metadata(chosen: Random) -> dict[str, Any]:
    keys = ("team", "odd key", "span.name", "n", "environment", "langfuse.environment")
    return {key: chosen.choice(_ANY) for key in keys if chosen.choice((True, True, False))}


def _scores(chosen: Random) -> dict[str, Any]:
    value = chosen.choice(_SHARES)
    parts = {"topical": chosen.choice((0.5, 1.0))} if value else {}
    made = {
        "relevance": Score(value=value, label=chosen.choice(WORDS), version="1", parts=parts),
        "toxicity": chosen.choice(
            (
                Score(value=0.5, label="Search", version="1"),
                Failure(evaluator="toxicity", version="1", error="E", message="m"),
            )
        ),
    }
    return dict(chosen.sample(sorted(made.items(), key=lambda item: item[0]), chosen.choice((0, 1, 2))))


def drawn(count: int) -> list[Filter]:
    """Return that many filters, the same ones every time."""
    found: list[Filter] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(FILTERS)
    def collect(one: Filter) -> None:
        found.append(one)

    collect()
    return found


async def chosen_ids(connection: Connection, chosen: Filter) -> set[Any]:
    rows = await connection.execute(
        select(traces.c.trace_id).where(traces.c.project_id == PROJECT, where(chosen))
    )
    return set(rows.scalars())


@pytest.fixture
async def stored(engine: Engine) -> list[Trace]:
    now = datetime.now(UTC)
    made_traces = [made(seed, now) for seed in range(120)]
    async with engine.begin() as connection:
        await copy_traces(connection, made_traces)
    return made_traces


async def test_sql_and_python_choose_the_same_traces(engine: Engine, stored: list[Trace]) -> None:
    asked, telling = [*EACH, *drawn(250)], 0
    async with engine.connect() as connection:
        held = await read_traces(connection, PROJECT, [one.trace_id for one in stored])
        assert len(held) == len(stored)
        for chosen in asked:
            found = await chosen_ids(connection, chosen)
            assert found == {one.trace_id for one in held if matches(chosen, one)}, chosen.to_text()
            assert found == {one.trace_id for one in stored if matches(chosen, one)}, chosen.to_text()
            telling += 0 < len(found) < len(stored)
    # Filters that let everything or nothing pass prove little.
    assert telling > 200


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("provider = openai", {"named"}),
        ("provider != openai", {"other", "missing"}),
        ("not provider = openai", {"other", "missing"}),
        ("provider != openai and provider is not null", {"other"}),
        ("cost < 1", {"named"}),
        ("not cost < 1", {"other", "missing"}),
        ("cost >= 1", {"other"}),
        ("tag is null", {"missing"}),
        ("tag != a", {"other", "missing"}),
        ("metadata.n = 3", {"named"}),
        ("metadata.n = '3'", {"named", "other"}),
        ("metadata.n > 2", {"named"}),
        ("not metadata.n > 2", {"other", "missing"}),
        ("provider ~ AI", {"named"}),
        ("provider ~ ''", {"named", "other"}),
        ("provider ~ '%'", set()),
        ("environment = prod", {"named"}),
        ("status = error", {"other"}),
    ],
)
async def test_a_missing_value_makes_a_comparison_false_and_its_opposite_true(
    engine: Engine, text: str, passes: set[str]
) -> None:
    now = datetime.now(UTC)
    plain = msgspec.structs.replace(
        made(1, now), provider=None, cost_usd=None, tags=(), metadata={}, error=None, flags=(), is_safe=True
    )
    rows = {
        "named": {
            "provider": "openai",
            "cost_usd": Decimal("0.5"),
            "tags": ("a", "b"),
            "metadata": {"n": 3, "environment": "prod"},
        },
        "other": {
            "provider": "x",
            "cost_usd": Decimal(1),
            "tags": ("b",),
            "metadata": {"n": "3"},
            "error": "e",
        },
        "missing": {},
    }
    by_id = {mint(round(now.timestamp() * 1000)): name for name in rows}
    async with engine.begin() as connection:
        await copy_traces(
            connection,
            [msgspec.structs.replace(plain, trace_id=one, **rows[name]) for one, name in by_id.items()],
        )
        found = await chosen_ids(connection, parse_filter(text))
    assert {by_id[one] for one in found} == passes


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("given.faithful < 0.5", {0}),
        ("given.faithful >= 0.5", {0, 1}),
        ("not given.faithful < 0.5", {1, 2}),
        ("given.faithful is null", {2}),
        ("given_scores.faithful exists", {0, 1}),
        ("given.other > 0", set()),
    ],
)
async def test_scores_that_other_systems_gave_are_found_by_their_evaluator(
    engine: Engine, text: str, passes: set[int]
) -> None:
    """The first call has two such scores, the second has one, and the third has none."""
    calls = [made(seed, datetime.now(UTC)) for seed in range(3)]
    given_scores = [(0, "judge", 0.2), (0, "person", 0.9), (1, "judge", 0.7)]
    rows = [
        {
            "project_id": PROJECT,
            "trace_id": calls[place].trace_id,
            "evaluator": "faithful",
            "version": "1",
            "source": source,
            "value": value,
            "label": "x",
            "confidence": 1.0,
            "evidence": [],
            "parts": {},
        }
        for place, source, value in given_scores
    ]
    async with engine.begin() as connection:
        await copy_traces(connection, calls)
        await connection.execute(insert(scores), rows)
        found = await chosen_ids(connection, parse_filter(text))
    assert found == {calls[place].trace_id for place in passes}
