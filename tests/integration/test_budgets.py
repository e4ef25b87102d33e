"""Budgets over real servers: their sums are those of the traces, and nobody overspends them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.access.administration import Line, make_project
from app.budgets.changes import BudgetRequest, count_waiting, make_budget
from app.jobs import Runner
from app.jobs.erasure import Erasure
from app.jobs.kinds import JobKind
from app.jobs.pricing import Pricing
from app.schemas.projects import ProjectSettings
from app.storage.budgets.definitions import recount_all
from app.storage.engine import writing
from app.storage.upkeep.jobs import Job, add_job
from monitoring.spending.pricing import MODEL_COSTS
from tests.integration.api_rig import ApiRig
from tests.integration.worker_rig import Rig
from workers.evaluation.storing import Job as QueueJob
from workers.upkeep.budgets import BudgetUpkeep

SUBJECTS: tuple[dict[str, Any], ...] = (
    {"by": "project"},
    {"by": "project", "period": "day", "time_zone": "Asia/Kathmandu"},
    {"by": "model", "value": "gpt-4"},
    {"by": "model", "value": "mystery"},
    {"by": "provider", "value": "openai", "period": "week"},
    {"by": "user", "value": "zoe"},
    {"by": "tag", "value": "t1"},
    {"by": "metadata", "key": "team", "value": "search"},
    {"by": "metadata", "key": "tenant", "value": "7"},
)
ABOUT = {
    "project": "true",
    "model": "model_name = :value",
    "provider": "provider = :value",
    "user": "user_id = :value",
    "tag": ":value = ANY(tags)",
    "metadata": "metadata ->> :key = :value",
}

_TRUTH = """
SELECT coalesce(sum(cost_usd), 0) AS cost, count(cost_usd)::int AS calls FROM traces
WHERE project_id = 'default' AND source = 'live' AND kind IN ('llm', 'embedding')
    AND occurred_at >= :start AND occurred_at < :end AND {about}
"""


def call(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "prompt": "p",
        "response": "two words",
        "model_name": ("gpt-4", "gpt-3.5-turbo", "mystery")[number % 3],
        "provider": ("openai", "azure")[number % 2],
        "prompt_tokens": 100 + number,
        "completion_tokens": 7 * number + 1,
        "user_id": ("zoe", "bob", None, "eve")[number % 4],
        "tags": [f"t{number % 2}", "all"],
        "metadata": {"team": ("search", "shop")[number % 2], "tenant": number % 8},
        # Three of five calls are of this moment: right after midnight, others are of another day.
        "timestamp": (
            datetime.now(UTC) - timedelta(minutes=0 if number % 5 < 3 else 40 * number)
        ).isoformat(),
        **fields,
    }


async def make(api: ApiRig, **fields: Any) -> dict[str, Any]:
    body = {"name": "b", "amount_usd": 1000, "value": None, "key": None, **fields}
    response = await api.post("/budgets", {name: value for name, value in body.items() if value is not None})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def check(api: ApiRig, budget: dict[str, Any], cost: Any, **fields: Any) -> dict[str, Any]:
    body = {"estimated_cost_usd": cost, **fields}
    response = await api.post(f"/budgets/{budget['budget_id']}/check", body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def sums(rig: Rig, budget: dict[str, Any]) -> tuple[Decimal, int]:
    """What is written down for the present period of a budget."""
    (row,) = await rig.rows(
        "SELECT coalesce(sum(cost_usd), 0) AS cost, coalesce(sum(calls), 0)::int AS calls"
        " FROM budget_spending WHERE budget_id = :id AND period_start = :start",
        id=UUID(budget["budget_id"]),
        start=datetime.fromisoformat(budget["period_start"]),
    )
    return row["cost"], row["calls"]


async def truth(rig: Rig, budget: dict[str, Any]) -> tuple[Decimal, int]:
    """What the traces say about the same period."""
    statement = _TRUTH.format(about=ABOUT[budget["by"]])
    named = {name: budget[name] for name in ("key", "value") if budget[name] is not None}
    (row,) = await rig.rows(
        statement,
        start=datetime.fromisoformat(budget["period_start"]),
        end=datetime.fromisoformat(budget["period_end"]),
        **named,
    )
    return row["cost"], row["calls"]


async def assert_exact(api: ApiRig, budgets: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Check that every budget has the sum of its traces, to the last digit; returns the sums."""
    shown = {one["budget_id"]: one for one in (await api.get("/budgets"))["budgets"]}
    found = {}
    for budget in budgets:
        expected = await truth(api.worker, budget)
        assert await sums(api.worker, budget) == expected, budget
        one = shown[budget["budget_id"]]
        assert (Decimal(str(one["spent_usd"])), one["calls"]) == expected
        found[budget["budget_id"]] = expected[0]
    return found


async def run_jobs(api: ApiRig, kind: JobKind, parameters: dict[str, Any]) -> None:
    rig = api.worker
    job = Job(job_id=uuid4(), kind=kind, state="queued", parameters=parameters, created_at=datetime.now(UTC))
    async with rig.engine.begin() as connection:
        await add_job(connection, "default", job)
    handlers: dict[str, Any] = {
        JobKind.ERASE: Erasure(rig.engine, rig.redis, ()),
        JobKind.PRICE: Pricing(()),
    }
    running = Runner(rig.engine, rig.redis, handlers)
    while await running.turn():
        pass


async def test_a_sum_equals_that_of_the_traces_whatever_happens_to_them(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.store(*(call(number) for number in range(20)))
    budgets = [await make(api, **subject) for subject in SUBJECTS]  # half of the calls come before
    assert all(one["counted"] for one in budgets)
    before = await assert_exact(api, budgets)
    assert len(set(before.values())) > len(SUBJECTS) // 2, "the budgets have to differ"

    await api.store(*(call(number, id=f"c{number}") for number in range(20, 40)))
    after = await assert_exact(api, budgets)
    assert after != before
    await api.store(*(call(number, id=f"c{number}") for number in range(20, 40)))  # sent again
    assert await assert_exact(api, budgets) == after

    monkeypatch.setitem(MODEL_COSTS, "mystery", {"prompt": 0.001, "completion": 0.0003})
    await run_jobs(api, JobKind.PRICE, {"table": "test"})
    priced = await assert_exact(api, budgets)
    assert sum(priced.values()) > sum(after.values())

    (erased,) = await api.store(call(3, user_id="amy"))
    await run_jobs(api, JobKind.ERASE, {"trace_id": erased})
    assert await assert_exact(api, budgets) == priced
    bobs = await make(api, by="user", value="bob")
    await run_jobs(api, JobKind.ERASE, {"user_ids": ["bob"]})
    assert (await api.client.get(f"/budgets/{bobs['budget_id']}")).status_code == 404
    left = await assert_exact(api, budgets)
    assert sum(left.values()) < sum(priced.values())

    async with writing(api.worker.engine) as connection:
        await recount_all(connection, "default")
    assert await count_waiting(api.worker.engine, datetime.now(UTC), 5) == len(budgets)
    await BudgetUpkeep(
        api.worker.engine, api.worker.redis, lambda: datetime.now(UTC), retention_days=400
    ).tell()
    assert await assert_exact(api, budgets) == left


async def test_a_redelivered_job_adds_nothing(api: ApiRig) -> None:
    budget = await make(api)
    (trace_id,) = await api.store(call(0))
    once = await sums(api.worker, budget)
    (row,) = await api.worker.rows("SELECT job_id FROM traces WHERE trace_id = :id", id=UUID(trace_id))
    assert await api.worker.storing.store(QueueJob("default", row["job_id"], [], [], 0)) is None
    assert await sums(api.worker, budget) == once == await truth(api.worker, budget)


async def test_fifty_clients_never_overspend_the_last_dollar(api: ApiRig) -> None:
    budget = await make(api, amount_usd=1)
    answers = await asyncio.gather(*(check(api, budget, 0.03) for _ in range(50)))
    allowed = [one for one in answers if one["allowed"]]
    assert len(allowed) == 33
    assert len({one["reservation"] for one in allowed}) == 33
    assert all(one["reservation"] is None for one in answers if not one["allowed"])
    assert (await check(api, budget, 0.01))["allowed"]
    last = await check(api, budget, 0.000001)
    assert (last["allowed"], last["remaining_usd"]) == (False, 0)
    (shown,) = (await api.get("/budgets"))["budgets"]
    assert (shown["spent_usd"], shown["reserved_usd"], shown["remaining_usd"]) == (0, 1, 0)


async def test_a_stored_record_settles_what_it_had_reserved(api: ApiRig) -> None:
    budget = await make(api, amount_usd=1)
    reserved = await check(api, budget, 1)
    assert not (await check(api, budget, 0.1))["allowed"]
    await api.store(call(0, cost_usd=0.25, budget_reservation=reserved["reservation"]))
    after = await check(api, budget, 0.5)
    assert (after["allowed"], after["spent_usd"], after["reserved_usd"]) == (True, 0.25, 0.5)
    assert after["level"] == "none"
    assert not (await check(api, budget, 0.26))["allowed"]
    lapsed = f"{uuid4().hex}.1793484000.{'x' * 16}"
    await api.store(call(1, cost_usd=0.4, budget_reservation=[after["reservation"], lapsed]))
    shown = await api.get(f"/budgets/{budget['budget_id']}")
    assert (shown["spent_usd"], shown["reserved_usd"], shown["remaining_usd"]) == (0.65, 0, 0.35)
    assert (shown["level"], shown["used_pct"]) == ("info", 65)


async def test_a_call_without_a_known_cost_holds_its_reservation(api: ApiRig) -> None:
    budget = await make(api, amount_usd=1)
    reserved = await check(api, budget, 0.5)
    await api.store(call(2, budget_reservation=reserved["reservation"]))
    shown = await api.get(f"/budgets/{budget['budget_id']}")
    assert (shown["spent_usd"], shown["reserved_usd"]) == (0, 0.5)


async def test_what_no_record_names_lapses(api: ApiRig) -> None:
    budget = await make(api, amount_usd=1)
    reserved = await check(api, budget, 1, lapse_seconds=1)
    assert not (await check(api, budget, 1))["allowed"]
    until = datetime.fromisoformat(reserved["expires_at"])
    assert timedelta() < until - datetime.now(UTC) <= timedelta(seconds=1)
    (key,) = await api.worker.redis.keys("llm-monitor:budget:*:open")
    (member,) = await api.worker.redis.zrange(key, 0, -1)
    await api.worker.redis.zadd(key, {member: 1})  # it lapsed long ago
    assert (await check(api, budget, 1))["allowed"]


async def test_an_emptied_redis_is_filled_from_postgres(api: ApiRig) -> None:
    budget = await make(api, amount_usd=1)
    await api.store(call(0, cost_usd=0.75))
    assert (await check(api, budget, 0.2))["allowed"]
    await api.worker.redis.flushall()
    again = await check(api, budget, 0.25)
    assert (again["allowed"], again["spent_usd"], again["reserved_usd"]) == (True, 0.75, 0.25)
    assert not (await check(api, budget, 0.01))["allowed"]


async def test_every_level_is_told_once(api: ApiRig) -> None:
    budget = await make(api, amount_usd=1)
    upkeep = BudgetUpkeep(api.worker.engine, api.worker.redis, lambda: datetime.now(UTC), retention_days=400)
    async with api.services.hub.watching("default") as client:
        for cost in (0.5, 0.35, 0.5):
            await api.store(call(0, cost_usd=cost))
            await upkeep.tell()
            await upkeep.tell()
        async with asyncio.timeout(10):
            async for frame in client.frames():
                if '"alert"' in frame and budget["budget_id"] in frame:
                    break
    rows = await api.worker.rows(
        "SELECT level, spent_usd::float, told_at IS NOT NULL AS told FROM budget_crossings"
        " WHERE level <> 'projected' ORDER BY spent_usd, level"
    )
    assert rows == [
        {"level": "info", "spent_usd": 0.85, "told": True},
        {"level": "warning", "spent_usd": 0.85, "told": True},
        {"level": "critical", "spent_usd": 1.35, "told": True},
    ]


async def test_another_period_begins_anew(api: ApiRig) -> None:
    await api.store(*(call(number) for number in range(4)))
    budget = await make(api, period="day")
    path = f"/budgets/{budget['budget_id']}"
    changes = {"period": "month", "time_zone": "Europe/Berlin", "amount_usd": 5, "name": "other"}
    changed = (await api.client.patch(path, json=changes)).json()
    assert {name: changed[name] for name in changes} == changes
    assert changed["counted"]
    await assert_exact(api, [changed])
    assert (await api.client.delete(path)).status_code == 204
    assert (await api.client.get(path)).status_code == 404
    assert (await api.client.delete(path)).status_code == 404
    assert await api.worker.value("SELECT count(*) FROM budget_spending") == 0


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"amount_usd": 0}, "amount_usd"),
    ({"amount_usd": -1}, "amount_usd"),
    ({"amount_usd": 1e10}, "amount_usd"),
    ({"amount_usd": 1e-11}, "amount_usd"),
    ({"amount_usd": "much"}, "amount_usd"),
    ({"name": ""}, "name"),
    ({"period": "year"}, "period"),
    ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ({"time_zone": "../../etc/passwd"}, "time_zone"),
    ({"by": "colour", "value": "x"}, "by"),
    ({"by": "model"}, "value"),
    ({"by": "model", "value": ""}, "value"),
    ({"value": "x"}, "value"),
    ({"by": "metadata", "value": "x"}, "key"),
    ({"by": "tag", "value": "x", "key": "y"}, "key"),
    ({"by": "tag", "value": "a\0b"}, "value"),
    ({"colour": "red"}, "colour"),
)


async def test_a_wrong_budget_is_refused_with_its_field(api: ApiRig) -> None:
    for fields, field in WRONG:
        response = await api.post("/budgets", {"name": "b", "amount_usd": 1, **fields})
        assert response.status_code == 422, fields
        assert field in response.text
    assert (await api.get("/budgets"))["budgets"] == []


async def test_a_wrong_check_is_refused(api: ApiRig) -> None:
    budget = await make(api)
    path = f"/budgets/{budget['budget_id']}/check"
    for body in (
        {},
        {"estimated_cost_usd": -1},
        {"estimated_cost_usd": 1e9},
        {"estimated_cost_usd": 1, "lapse_seconds": 0},
        {"estimated_cost_usd": 1, "lapse_seconds": 3601},
    ):
        assert (await api.post(path, body)).status_code == 422, body
    free = await check(api, budget, 0)
    assert (free["allowed"], free["reservation"]) == (True, None)


async def test_a_project_has_a_limited_number_of_budgets(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.budgets.changes.MOST_BUDGETS", 2)
    for _ in range(2):
        await make(api)
    assert (await api.post("/budgets", {"name": "b", "amount_usd": 1})).status_code == 409


@pytest.mark.long
async def test_a_budget_made_while_calls_are_stored_misses_none(api: ApiRig) -> None:
    engine = api.worker.engine
    async with writing(engine) as connection:
        await make_project(connection, Line("shop", "test", datetime.now(UTC)), "shop", ProjectSettings())
    made: list[dict[str, Any]] = []

    async def make_some() -> None:
        made.extend([await make(api) for _ in range(5)])

    async with api.working():
        making = asyncio.create_task(make_some())
        number = 0
        while not making.done() and number < 100:
            await api.post("/monitor/inferences", [call(number)], prefer="respond-async")
            number += 1
        await making
        request = BudgetRequest(name="theirs", amount_usd=Decimal(1))
        await make_budget(engine, Line("shop", "test", datetime.now(UTC)), request, lambda name: (name,))
    await api.worker.drain()
    await BudgetUpkeep(engine, api.worker.redis, lambda: datetime.now(UTC), retention_days=400).count()
    spent = await assert_exact(api, made)
    assert len(set(spent.values())) == 1
    assert number > 5
