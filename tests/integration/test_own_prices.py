"""A project's own prices over HTTP and by command: for new records, and for the history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.access.administration import Line, make_project
from app.cli.main import app as command_line
from app.jobs import Handler, Runner
from app.jobs.kinds import JobKind
from app.jobs.price_tables import change_prices
from app.jobs.pricing import Pricing
from app.jobs.repricing import SETTLED_AFTER, Repricing
from app.schemas.projects import ProjectSettings
from app.storage.engine import writing
from monitoring.spending.price_tables import PriceTable
from tests.integration.api_rig import PROBLEM, ApiRig
from tests.integration.truth import assert_rollups_equal_rows
from tests.unit.otlp.spans import json_bytes, span

NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
ANY = {"If-Match": "*"}
COSTS = (
    "SELECT model_name, cost_usd::float AS cost, price_source, computed_cost_usd::float AS computed,"
    " pricing_status FROM traces WHERE project_id = 'default' ORDER BY model_name, occurred_at"
)


def call(model: str, **fields: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": 1000, "completion_tokens": 200}
    return {"prompt": "p", "response": "two words", "model_name": model, **counts, **fields}


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago) + timedelta(hours=12)).isoformat()


def own(model: str, input_: float, output: float, **more: Any) -> dict[str, Any]:
    prices = {"input": input_, "output": output}
    return {"model": model, "per_million_tokens": prices, **{k.removesuffix("_"): v for k, v in more.items()}}


async def run_jobs(api: ApiRig, *, later: bool = True) -> Sequence[dict[str, Any]]:
    """Take all due steps, as if the time that workers need had passed; returns the jobs."""
    clock = (lambda: datetime.now(UTC) + SETTLED_AFTER) if later else (lambda: datetime.now(UTC))
    handlers: dict[str, Handler] = {JobKind.REPRICE: Repricing((), clock), JobKind.PRICE: Pricing(())}
    runner = Runner(api.worker.engine, api.worker.redis, handlers)
    while await runner.turn():
        pass
    return await api.worker.rows("SELECT kind, state, result, parameters FROM jobs ORDER BY created_at")


async def put(api: ApiRig, *prices: Any, rates: Any = None) -> Any:
    body = {"prices": prices, "exchange_rates": rates or {}}
    answer = await api.client.put("/prices", json=body, headers=ANY)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def costs(api: ApiRig) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await api.worker.rows(COSTS)]


async def test_history_gets_the_price_of_its_day_and_new_records_the_price_of_today(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.repricing._BATCH", 2)
    monkeypatch.setattr("app.jobs.repricing._NAMES", 1)
    await api.store(
        *(call("house-7b", timestamp=day(ago), user_id="u") for ago in (1, 2, 3, 4)),
        call("gpt-4o", timestamp=day(3)),
        call("house-7b", timestamp=day(5), cost_usd=0.5),
        call("mystery", timestamp=day(3)),
    )
    await put(
        api,
        own("house-*", 1, 5, until=day(3)),
        own("house-*", 2, 10, from_=day(3), until=day(2)),
        own("house-*", 2, 10, from_=day(2), currency="EUR"),
        rates={"EUR": [{"usd": 1.1}]},
    )
    # 1000 x 1M + 200 x 5M; 1000 x 2M + 200 x 10M; the same in euros of 1.1 dollars
    expected = [
        ("house-7b", 0.5, "reported", 0.002, "priced"),
        ("house-7b", 0.002, "own:house-*", None, "priced"),
        ("house-7b", 0.004, "own:house-*", None, "priced"),
        ("house-7b", 0.0044, "own:house-* (EUR at 1.1)", None, "priced"),
        ("house-7b", 0.0044, "own:house-* (EUR at 1.1)", None, "priced"),
        ("mystery", None, None, None, "unknown"),
    ]
    (job,) = await run_jobs(api)
    assert (job["state"], job["result"]) == ("done", {"looked_at": 5, "priced": 5})
    assert (await costs(api))[1:] == expected
    await assert_rollups_equal_rows(api.worker)
    await api.worker.projects.refresh()  # what its loop does every other second
    await api.store(call("house-7b", timestamp=day(0)))
    assert (await costs(api))[6] == expected[4]
    assert (await api.get("/metrics/cost", time_period="30d"))["unpriced_requests"] == 1


async def test_calls_without_tokens_are_priced_by_the_second_also_later(api: ApiRig) -> None:
    bare = span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "house-7b"}, milliseconds=2_500)
    await api.client.post(
        "/v1/traces", content=json_bytes(bare), headers={"content-type": "application/json"}
    )
    await api.worker.drain()
    assert [row[-1] for row in await costs(api)] == ["no_usage"]
    await put(api, {"model": "house-7b", "per_gpu_second": 0.0011})
    await run_jobs(api)
    assert await costs(api) == [("house-7b", 0.00275, "own:house-7b", None, "priced")]
    await assert_rollups_equal_rows(api.worker)
    await put(api)
    await run_jobs(api)
    assert await costs(api) == [("house-7b", None, None, None, "no_usage")]
    await assert_rollups_equal_rows(api.worker)


async def test_a_price_that_is_removed_takes_its_costs_back(api: ApiRig) -> None:
    await api.store(call("gpt-4o"), call("mystery"))
    public = await costs(api)
    await put(api, own("*", 1, 5))
    await run_jobs(api)
    assert [(row[1], row[2]) for row in await costs(api)] == [(0.002, "own:*")] * 2
    assert (await api.client.delete("/prices", params={"model": "*"})).json() == {
        "prices": [],
        "exchange_rates": {},
    }
    await run_jobs(api)
    assert await costs(api) == public
    await assert_rollups_equal_rows(api.worker)
    assert (await api.client.delete("/prices", params={"model": "*"})).status_code == 404


async def test_a_record_of_a_worker_with_the_earlier_table_is_found_by_the_second_look(api: ApiRig) -> None:
    await api.worker.projects.refresh()
    await put(api, own("house-7b", 1, 5))
    await run_jobs(api, later=False)
    await api.store(call("house-7b"))  # the worker has not read the table yet
    assert (await costs(api))[0][1] is None
    async with api.worker.engine.begin() as connection:
        await connection.execute(text("UPDATE jobs SET due_at = now()"))
    (job,) = await run_jobs(api)
    assert (job["state"], job["result"]) == ("done", {"looked_at": 1, "priced": 1})
    assert (await costs(api))[0][1] == 0.002


async def test_one_job_takes_the_place_of_those_before_it(api: ApiRig) -> None:
    await api.store(call("a-1"), call("b-1"))
    await put(api, own("a-*", 1, 5))
    await put(api, own("a-*", 1, 5), own("b-*", 1, 5))
    await put(api, own("a-*", 1, 5), own("b-*", 1, 5))  # changes nothing
    jobs = await run_jobs(api)
    assert [job["state"] for job in jobs] == ["cancelled", "done"]
    assert jobs[-1]["parameters"] == {"patterns": ["a-*", "b-*"]}
    assert [row[1] for row in await costs(api)] == [0.002, 0.002]


async def test_prices_of_another_project_change_nothing(api: ApiRig) -> None:
    await api.store(call("gpt-4o"), call("mystery"))
    before = await costs(api)
    line = Line("bank", "test", datetime.now(UTC))
    table = PriceTable.model_validate({"prices": [own("*", 1, 5)]})
    async with writing(api.services.engine) as connection:
        await make_project(connection, line, "Bank", ProjectSettings())
        await change_prices(connection, line, lambda _: table)
    await api.worker.projects.refresh()
    await run_jobs(api)
    await api.store(call("mystery"))
    assert await costs(api) == [*before, before[-1]]
    assert await api.get("/prices") == {"prices": [], "exchange_rates": {}}


async def test_hourly_pricing_knows_own_prices_too(api: ApiRig) -> None:
    await api.store(call("mystery"))
    await put(api, own("myst*", 1, 5))
    async with api.worker.engine.begin() as connection:
        await connection.execute(text("UPDATE jobs SET kind = 'price'"))
    await run_jobs(api)
    assert (await costs(api))[0][1:3] == (0.002, "own:myst*")


async def test_a_table_is_replaced_only_knowingly_and_every_change_is_in_the_audit_log(api: ApiRig) -> None:
    first = own("house-*", 1, 5, currency="EUR", until="2026-12-31")
    shown = await put(api, first, rates={"EUR": [{"from": "2026-01-01", "usd": 1.08}]})
    assert shown["prices"] == [{**first, "until": "2026-12-31T00:00:00Z"}]
    assert shown["exchange_rates"] == {"EUR": [{"from": "2026-01-01T00:00:00Z", "usd": 1.08}]}
    found = await api.client.get("/prices")
    assert found.json() == shown
    for headers, status in (({}, 428), ({"If-Match": '"old"'}, 412)):
        refused = await api.client.put("/prices", json={}, headers=headers)
        assert (refused.status_code, refused.headers["content-type"]) == (status, PROBLEM)
        assert "prices.house-*.currency" in [one["field"] for one in refused.json()["errors"]]
    tag = {"If-Match": found.headers["etag"]}
    assert (await api.client.put("/prices", json=shown, headers=tag)).json() == shown
    added = await api.client.post("/prices", json={"prices": [own("HOUSE-*", 2, 5), own("b", 1, 1)]})
    assert [one["model"] for one in added.json()["prices"]] == ["HOUSE-*", "b"]
    acts = (await api.get("/audit"))["acts"]
    assert [act["act"] for act in acts] == ["prices.changed", "prices.changed"]
    assert acts[0]["detail"]["changed"]["prices.house-*.per_million_tokens.input"] == [1.0, 2.0]


REFUSED: dict[str, tuple[Any, str]] = {
    "a negative amount": ({"prices": [own("m", -1, 1)]}, "prices.0.per_million_tokens.input"),
    "a second of no number": ({"prices": [{"model": "m", "per_gpu_second": "x"}]}, "prices.0.per_gpu_second"),
    "no rate": ({"prices": [own("m", 1, 1), own("n", 1, 1, currency="EUR")]}, "prices.1.currency"),
    "the end first": ({"prices": [own("m", 1, 1, from_=day(1), until=day(2))]}, "prices.0.until"),
    "no price at all": ({"prices": [{"model": "m"}]}, "prices.0.per_million_tokens"),
    "a rate of zero": ({"exchange_rates": {"EUR": [{"usd": 0}]}}, "exchange_rates.EUR.0.usd"),
    "another field": ({"price": []}, "price"),
}


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_bad_tables_are_refused_with_the_field(api: ApiRig, method: str) -> None:
    for reason, (body, field) in REFUSED.items():
        answer = await api.client.request(method, "/prices", json=body, headers=ANY)
        assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM), reason
        assert field in [one["field"].removeprefix("body.") for one in answer.json()["errors"]], reason
    assert await api.get("/prices") == {"prices": [], "exchange_rates": {}}


async def test_prices_are_set_listed_imported_and_removed_by_command(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", api.services.settings.database_url or "")
    monkeypatch.setenv("REDIS_URL", api.services.settings.redis_url or "")
    monkeypatch.setenv("COLUMNS", "200")

    async def prices(*arguments: str, fails: bool = False) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, command_line, ["prices", *arguments])
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    assert "currency" in await prices("set", "house-*", "--token", "input=1", "--currency", "EUR", fails=True)
    assert "1 EUR = 1.08 USD" in await prices("rate", "EUR", "1.08")
    shown = await prices("set", "house-*", "--token", "input=1", "--token", "output=5", "--currency", "EUR")
    assert "input 1/M, output 5/M" in shown
    assert "0.0011/gpu second" in await prices(
        "set", "llama", "--gpu-second", "0.0011", "--from", "2026-01-01"
    )
    assert "kind" in await prices("set", "m", "--token", "thought=1", fails=True)
    assert "per_request" in await prices("set", "m", "--request", "cheap", fails=True)
    (file := tmp_path / "prices.json").write_text(
        json.dumps({"prices": [{"model": "free", "per_request": 0}]})
    )
    await prices("import", str(file))
    await prices("remove", "llama", fails=True)
    await prices("remove", "llama", "--from", "2026-01-01")
    assert [line.split()[0] for line in (await prices("list")).splitlines()] == [
        "model",
        "house-*",
        "free",
        "1",
    ]
    await prices("import", str(file), "--replace")
    assert [one["model"] for one in (await api.get("/prices"))["prices"]] == ["free"]
    actors = {act["actor"] for act in (await api.get("/audit"))["acts"]}
    assert all(actor.startswith("command") for actor in actors), actors
