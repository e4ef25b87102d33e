"""Figures by fields and of filtered calls: they are exact, bounded, and of one project alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any, NoReturn
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from app.filters import parse_filter
from app.filters.grouping import parse_group_by
from app.reports.answers import Asked, answer_cost
from app.reports.looks import Looks
from app.reports.one_score import OneScore, read_one_score
from app.schemas.ids import mint
from app.storage.engine import Connection
from app.storage.rollups.folding import figures
from app.storage.traces import sampling
from app.storage.traces.reading import read_traces
from app.storage.traces.sampling import Chosen, take_sample
from app.storage.traces.writing import copy_traces
from monitoring.statistics.trends import window_between, window_of
from tests.integration.api_rig import ApiRig, own_servers, running_api

REPORTS = ("/metrics/cost", "/metrics/quality", "/metrics/safety")
NOW = datetime.now(UTC)
UNFILTERED = {"suggestions", "looked_at"}
CASES = (
    ("model", "", "rollups"),
    ("user", "", "rollups"),
    ("session", "", "rollups"),
    ("template", "", "rollups"),
    ("model,template", "", "rollups"),
    ("provider", "", "traces"),
    ("metadata.team", "", "traces"),
    ("user,model", "", "traces"),
    ("provider,metadata.team", "", "traces"),
    ("model", "user = ada or flag is null", "traces"),
    ("user", "cost is not null", "traces"),
    ("model", "model = nobody", "traces"),
)


def zone_with_midnight(moment: datetime) -> str:
    """Return an offset by which a day begins at the full minute of `moment`, as `tz` takes it."""
    east = -(moment.hour * 60 + moment.minute) % 1440
    east -= 1440 if east > 14 * 60 else 0
    return f"{'+' if east >= 0 else '-'}{abs(east) // 60:02}:{abs(east) % 60:02}"


def call(number: int) -> dict[str, Any]:
    return {
        "prompt": "hello",
        "response": ("two words", "danger here", "one", "priceless words")[number % 4],
        "model_name": ("gpt-4", "gpt-3.5-turbo", "house-model")[number % 3],
        "provider": ("openai", "azure", None)[number % 3],
        "user_id": (None, "ada", "bob", "eve")[number % 4],
        "session_id": f"s{number % 5}" if number % 2 else None,
        "template_id": (None, "greet", "sum up")[number % 3 - number % 2],
        "tags": (["a"], ["a", "b"], [], ["b"])[number % 4],
        "metadata": ({"team": "search"}, {"team": 3}, {}, {"team": [1]}, {"team": "3"})[number % 5],
        "timestamp": (NOW - timedelta(hours=number % 20)).isoformat(),
    }


@pytest.fixture(scope="module")
async def filled(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls) as rig,
    ):
        await rig.store(*map(call, range(60)))
        yield rig


def money(row: dict[str, Any]) -> Decimal:
    return Decimal(str(row["total_cost_usd"] or 0))


@pytest.mark.parametrize(
    ("path", "fields", "chosen", "computed_from"),
    [(REPORTS[number % 3], *case) for number, case in enumerate(CASES)],
)
async def test_groups_and_the_rest_are_the_total_and_their_filters_choose_them(
    filled: ApiRig, path: str, fields: str, chosen: str, computed_from: str
) -> None:
    found = (await filled.get(path, group_by=fields, filter=chosen, top=2))["breakdown"]
    every = (await filled.get(path, group_by=fields, filter=chosen, top=100))["breakdown"]
    assert (found["computed_from"], found["overlap"]) == (computed_from, False)
    assert found["groups"] == every["groups"][:2]
    assert every["rest"] is None
    assert found["rest_groups"] == max(len(every["groups"]) - 2, 0)
    for shown in (found, every):
        parts = [*shown["groups"], *([shown["rest"]] if shown["rest"] else [])]
        assert sum(map(money, parts)) == money(shown["total"])
        for name in ("requests", "priced_requests", "prompt_tokens", "violations", "quality_count"):
            assert sum(part[name] for part in parts) == shown["total"][name]
    for group in every["groups"]:
        if "(other)" not in group["values"].values():
            traces = (await filled.get("/traces", filter=group["filter"], time_period="24h", limit=500))[
                "traces"
            ]
            assert len(traces) == group["requests"], group
            assert sum(Decimal(str(one["cost_usd"] or 0)) for one in traces) == money(group)


@pytest.mark.parametrize(
    ("fields", "chosen", "computed_from"),
    [("tag", "", "rollups"), ("tag", "tag is null or tag exists", "traces")],
)
async def test_a_call_is_in_the_group_of_each_of_its_tags(
    filled: ApiRig, fields: str, chosen: str, computed_from: str
) -> None:
    found = (await filled.get("/metrics/cost", group_by=fields, filter=chosen, top=1))["breakdown"]
    assert (found["computed_from"], found["overlap"], found["rest_groups"]) == (computed_from, True, 1)
    assert found["groups"][0]["requests"] + found["rest"]["requests"] == 60  # 15 have both, 15 none
    assert found["total"]["requests"] == 60


@pytest.mark.parametrize("chosen", ["", "model is not null"])
@pytest.mark.parametrize("fields", ["model", "metadata.team", "tag", "user,template"])
async def test_the_cost_of_each_group_is_divided(filled: ApiRig, fields: str, chosen: str) -> None:
    report = await filled.get("/metrics/cost", group_by=fields, filter=chosen, top=2)
    found = report["breakdown"]
    for group in [*found["groups"], *([found["rest"]] if found["rest"] else [])]:
        split = group["cost_split"]
        if not group["priced_requests"]:
            assert split is None
            continue
        parts = sum(split[name] for name in ("input_usd", "cached_usd", "output_usd", "other_usd"))
        assert parts == pytest.approx(group["total_cost_usd"])
        assert split["looked_at"] == split["priced_requests"] == group["priced_requests"]
    assert report["cost_split"]["looked_at"] == report["total_requests"] - report["unpriced_requests"]
    quality = (await filled.get("/metrics/quality", group_by=fields, filter=chosen))["breakdown"]
    assert {group["cost_split"] for group in quality["groups"]} == {None}


async def test_the_largest_group_of_each_report_comes_first(filled: ApiRig) -> None:
    for path, name in zip(REPORTS, ("total_cost_usd", "requests", "violations"), strict=True):
        groups = (await filled.get(path, group_by="metadata.team"))["breakdown"]["groups"]
        sizes = [group[name] or 0 for group in groups]
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(sizes)) > 1


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize(
    ("period", "tz"),
    [
        ("24h", "UTC"),
        ("30d", "UTC"),
        ("30d", "+05:45"),
        ("30d", zone_with_midnight(NOW - timedelta(hours=17, minutes=5))),
        ("30d", zone_with_midnight(NOW - timedelta(hours=19, minutes=-5))),
        ("90d", "Europe/Berlin"),
    ],
    ids=["hours", "days", "quarter hours", "midnight after a call", "midnight before a call", "Berlin"],
)
async def test_a_filter_that_lets_all_pass_gives_the_figures_of_rollups(
    filled: ApiRig, path: str, period: str, tz: str
) -> None:
    rolled = dict(await filled.get(path, time_period=period, tz=tz))
    computed = dict(await filled.get(path, time_period=period, tz=tz, filter="model is not null"))
    assert (computed.pop("computed_from"), computed.pop("truncated")) == ("traces", None)
    assert computed.pop("filter") == "model is not null"
    assert rolled.pop("computed_from") == "rollups"
    for name in ("truncated", "filter"):
        assert rolled.pop(name) is None
    for name in UNFILTERED & rolled.keys():
        assert rolled.pop(name) is not None
        assert not computed.pop(name)
    # Rollups know percentiles to one bucket of 2.5 %, only all calls are searched for savings, and
    # a projection depends on the moment.
    was, is_now = _leaves(rolled), _leaves(computed)
    assert was.keys() == is_now.keys()
    for at, value in was.items():
        rel = 0.026 if at[-4:-2] == "/p" else 1e-3 if at == "/projected_monthly_cost" else 1e-9
        assert is_now[at] == (
            pytest.approx(value, rel=rel, abs=1e-9) if isinstance(value, float) else value
        ), at


def _leaves(value: Any, place: str = "") -> dict[str, Any]:
    """Return every number and text of an answer by its place."""
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {place: value}
    found: dict[str, Any] = {}
    for name, one in items:
        if name != "optimization_suggestions":
            found |= _leaves(one, f"{place}/{name}")
    return found


async def test_a_filter_narrows_every_figure(filled: ApiRig) -> None:
    cost = await filled.get("/metrics/cost", filter="model = gpt-4")
    assert [one["model_name"] for one in cost["by_model"]] == ["gpt-4"]
    assert cost["total_requests"] == 20 == sum(point["requests"] for point in cost["trend"])
    safety = await filled.get("/metrics/safety", filter="not is_safe")
    assert safety["total_interactions"] == safety["safety_violations"] == 15
    assert sum(pattern["count"] for pattern in safety["patterns"]) == 15
    nothing = await filled.get("/metrics/quality", filter="model = nobody")
    assert (nothing["total_evaluations"], nothing["average_quality"], nothing["scores"]) == (0, None, {})
    assert nothing["message"]


@pytest.mark.parametrize("field", ["model", "template", "template,model", "tag", "user"])
async def test_one_score_is_the_same_from_rollups_and_from_calls(filled: ApiRig, field: str) -> None:
    async def read(condition: str) -> OneScore:
        chosen = Chosen("default", window_of("24h", NOW), filter=parse_filter(condition))
        before = window_between(NOW - timedelta(hours=60), NOW - timedelta(hours=30), NOW)
        dimensions = parse_group_by([field])
        async with figures(filled.services.engine, "default") as connection:
            return await read_one_score(
                connection, chosen, before, score="overall_quality", dimensions=dimensions
            )

    rolled, computed = await read(""), await read("model is not null")
    assert rolled.count == computed.count == sum(at.count for at in rolled.trend) > 0
    assert rolled.mean == pytest.approx(computed.mean)
    assert rolled.percentiles == pytest.approx(computed.percentiles, rel=0.026)
    pairs = zip(rolled.trend, computed.trend, strict=True)
    assert all(one.average_quality == pytest.approx(other.average_quality) for one, other in pairs)
    assert rolled.labels == computed.labels
    assert sum(one.count for one in rolled.labels) == rolled.labels[0].of == rolled.count
    groups = [{one.values: one for one in found.groups} for found in (rolled, computed)]
    assert groups[0].keys() == groups[1].keys()
    for value, one in groups[0].items():
        other = groups[1][value]
        assert (one.records, one.count, one.assessed, one.flagged) == (
            other.records,
            other.count,
            other.assessed,
            other.flagged,
        )
        assert one.mean == pytest.approx(other.mean)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"group_by": "modell"}, "group_by"),
        ({"group_by": "cost"}, "group_by"),
        ({"group_by": "metadata."}, "group_by"),
        ({"group_by": "model,user,tag"}, "group_by"),
        ({"group_by": "model,model_name"}, "group_by"),
        ({"group_by": "model", "top": "0"}, "top"),
        ({"group_by": "model", "top": "101"}, "top"),
        ({"filter": "quality <"}, "filter"),
        ({"group": "model"}, "group"),
    ],
)
async def test_what_cannot_be_grouped_is_named(
    filled: ApiRig, parameters: dict[str, str], field: str
) -> None:
    for path in REPORTS:
        response = await filled.client.get(path, params=parameters)
        assert response.status_code == 422, response.text
        assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_too_many_calls_are_read_in_part_and_said(
    filled: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MOST_CALLS", 7)
    found = await filled.get("/metrics/cost", filter="model is not null", group_by="provider")
    assert found["total_requests"] == 7 == found["breakdown"]["total"]["requests"]
    assert found["truncated"]["calls_read"] == 7
    assert datetime.fromisoformat(found["truncated"]["since"]) <= datetime.now(UTC)
    assert found["breakdown"]["truncated"] == found["truncated"]


async def test_a_search_that_takes_too_long_looks_at_the_newest_rows(
    filled: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep(connection: Connection, *_: Any) -> NoReturn:
        await connection.execute(text("SELECT pg_sleep(30)"))
        pytest.fail("the statement was not ended")

    monkeypatch.setattr(sampling, "_TIMEOUT", text("SET LOCAL statement_timeout = '20ms'"))
    monkeypatch.setattr(sampling, "_newest", sleep)
    monkeypatch.setattr(sampling, "NEWEST_ROWS", 9)
    found = await filled.get("/metrics/cost", group_by="provider")
    assert found["breakdown"]["total"]["requests"] == 9 == found["breakdown"]["truncated"]["calls_read"]
    assert (found["truncated"], found["total_requests"]) == (None, 60)


async def test_another_project_is_never_counted(filled: ApiRig) -> None:
    ids = [UUID(row["trace_id"]) for row in (await filled.get("/traces", limit=3))["traces"]]
    window = window_of("24h", datetime.now(UTC))
    async with filled.services.engine.begin() as connection:
        foreign = [
            msgspec.structs.replace(
                one,
                project_id="other",
                job_id="job",
                cost_usd=Decimal(7),
                trace_id=mint(round(NOW.timestamp() * 1000)),
            )
            for one in await read_traces(connection, "default", ids)
        ]
        await copy_traces(connection, foreign)
        chosen = Chosen("other", window, "live", parse_filter("model is not null or model = x"))
        alone = await answer_cost(connection, Asked(chosen), looks=Looks(monotonic))
        assert (alone.total_requests, alone.total_cost_usd) == (3, 21)
        mine = await answer_cost(
            connection, Asked(chosen._replace(project_id="default")), looks=Looks(monotonic)
        )
        assert mine.total_requests == 60
        assert (await take_sample(connection, chosen._replace(project_id="nobody"))).read is None
        await connection.execute(text("DELETE FROM traces WHERE project_id = 'other'"))
