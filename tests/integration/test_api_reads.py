from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.schemas.ids import mint
from tests.integration.api_rig import PROBLEM, ApiRig, own_servers, running_api
from tests.integration.worker_rig import ORDINARY, POOR

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def shared(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    """An API for tests that keep nothing."""
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls) as rig,
    ):
        yield rig


@pytest.fixture(scope="module")
async def filled(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    """An API over TRAFFIC for tests that only read."""
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls) as rig,
    ):
        await rig.store(*TRAFFIC)
        yield rig


def call(response: str = "two words", **fields: Any) -> dict[str, Any]:
    return {"prompt": "hello", "response": response, "model_name": "gpt-4", **fields}


TRAFFIC = [
    *(call(user_id=f"u{n % 2}", template_id="greet", session_id="s") for n in range(6)),
    *(call("danger here", template_id="greet") for _ in range(2)),
    *(call("one", model_name="gpt-3.5-turbo") for _ in range(3)),
    call("priceless words", model_name="house-model"),
    call("long ago", timestamp=(NOW - timedelta(days=3)).isoformat()),
]
KEYS = {
    "/metrics/quality": {
        "time_period", "average_quality", "total_evaluations", "trend", "by_model", "scores", "message",
    },
    "/metrics/safety": {
        "time_period", "total_interactions", "safety_violations", "violation_rate", "common_flags", "flags",
        "trend", "patterns", "message",
    },
    "/metrics/cost": {
        "time_period", "total_cost_usd", "avg_cost_per_request", "most_expensive_operations",
        "optimization_suggestions", "projected_monthly_cost", "message",
    },
    "/metrics/relevance": {
        "time_period", "total_evaluations", "relevance_metrics", "topic_distribution", "quality_insights",
        "message",
    },
    "/feedback": {
        "time_period", "total_feedback", "positive_feedback", "negative_feedback", "satisfaction_rate",
        "common_complaints", "improvement_suggestions", "message",
    },
}  # fmt: skip


@pytest.mark.parametrize("path", KEYS)
@pytest.mark.parametrize("period", ["15m", "1h", "24h", "7d", "30d", "90d"])
async def test_an_empty_period_answers_with_every_key_and_a_message(
    shared: ApiRig, path: str, period: str
) -> None:
    report = await shared.get(path, time_period=period)
    assert set(report) >= KEYS[path]
    assert report["time_period"] == period
    assert period in report["message"]


@pytest.mark.parametrize("path", KEYS)
@pytest.mark.parametrize(
    "period", ["yesterday", "24", "0h", "-1h", "1.5h", "1y", "99999999d", "", "²h", "24h "]
)
async def test_an_unknown_period_is_422_and_never_another_window(
    shared: ApiRig, path: str, period: str
) -> None:
    response = await shared.client.get(path, params={"time_period": period})
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM
    assert response.json()["errors"][0]["field"] == "time_period"


async def test_quality_counts_what_the_rows_count(api: ApiRig) -> None:
    await api.store(*TRAFFIC)
    report = await api.get("/metrics/quality", time_period="1h")
    assert report["message"] is None
    assert report["total_evaluations"] == 12
    sql = "SELECT avg(overall_quality) FROM traces WHERE occurred_at > now() - interval '1 hour'"
    assert report["average_quality"] == pytest.approx(await api.worker.value(sql))
    assert report["p90"] == pytest.approx(ORDINARY, rel=0.03)
    assert report["scores"]["coherence"]["count"] == 12
    assert report["scores"]["coherence"]["beyond_threshold"] == 3
    assert not {"cost_usd", "flag:toxicity", "overall_quality"} & set(report["scores"])
    assert sum(point["count"] for point in report["trend"]) == 12
    assert len(report["trend"]) == 61
    by_model = {model["model_name"]: model for model in report["by_model"]}
    assert by_model["gpt-3.5-turbo"]["average_quality"] == pytest.approx(POOR)
    assert by_model["gpt-4"]["count"] == 8
    assert (await api.get("/metrics/quality", time_period="7d"))["total_evaluations"] == 13


async def test_other_sources_are_shown_only_when_asked_for(api: ApiRig) -> None:
    await api.store(call(), call(), path="/evaluate")
    assert (await api.get("/metrics/quality"))["total_evaluations"] == 0
    assert (await api.get("/metrics/quality", source="evaluate"))["total_evaluations"] == 2
    assert (await api.get("/traces"))["traces"] == []
    assert len((await api.get("/traces", source="all"))["traces"]) == 2


async def test_safety_says_how_often_which_flag_and_where(api: ApiRig) -> None:
    ids = await api.store(*TRAFFIC)
    report = await api.get("/metrics/safety", time_period="1h")
    assert (report["total_interactions"], report["safety_violations"]) == (12, 2)
    assert report["violation_rate"] == pytest.approx(2 / 12)
    assert report["common_flags"] == ["toxicity"]
    found = report["flags"]["toxicity"]
    assert (found["count"], found["rate"]) == (2, pytest.approx(2 / 12))
    assert (found["flagged"], found["reviewed"], found["false_alarms"]) == (2, 0, 0)
    (pattern,) = report["patterns"]
    assert (pattern["flag"], pattern["model"], pattern["template"]) == ("toxicity", "gpt-4", "greet")
    assert (pattern["count"], pattern["rate"]) == (2, 2 / 8)
    assert set(pattern["example_trace_ids"]) == set(ids[6:8])
    assert sum(point["violations"] for point in report["trend"]) == 2
    assert sum(point["flags"].get("toxicity", 0) for point in report["trend"]) == 2


async def test_cost_adds_up_to_the_rows_and_names_what_has_no_price(api: ApiRig) -> None:
    await api.store(*TRAFFIC)
    report = await api.get("/metrics/cost", time_period="1h")
    rows = await api.worker.rows(
        "SELECT sum(cost_usd) AS cost, count(cost_usd)::int AS priced FROM traces"
        " WHERE occurred_at > now() - interval '1 hour'"
    )
    assert report["total_cost_usd"] == pytest.approx(float(rows[0]["cost"]))
    assert report["avg_cost_per_request"] == pytest.approx(float(rows[0]["cost"]) / rows[0]["priced"])
    assert (report["total_requests"], report["unpriced_requests"]) == (12, 1)
    assert report["most_expensive_operations"][0]["model_name"] == "gpt-4"
    assert report["most_expensive_operations"][0]["operation"] == "greet"
    unpriced = {m["model_name"]: m["total_cost_usd"] for m in report["by_model"]}["house-model"]
    assert unpriced is None
    assert any("house-model" in suggestion for suggestion in report["optimization_suggestions"])
    week = await api.get("/metrics/cost", time_period="7d")
    assert week["projected_monthly_cost"] == pytest.approx(week["total_cost_usd"] * 30.4375 / 3, rel=0.01)


async def test_a_list_of_traces_goes_on_page_by_page_and_meets_each_once(api: ApiRig) -> None:
    ids = await api.store(*TRAFFIC)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    pages = 0
    while True:
        page = await api.get("/traces", limit=5, filter="latency is null", **cursor)
        seen += [trace["trace_id"] for trace in page["traces"]]
        pages += 1
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == 3
    assert seen == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 13),
        ({"model": "gpt-3.5-turbo"}, 3),
        ({"model": "gpt-3.5"}, 0),
        ({"user_id": "u1"}, 3),
        ({"session_id": "s"}, 6),
        ({"template_id": "greet"}, 8),
        ({"flag": "toxicity"}, 2),
        ({"flag": "toxic"}, 0),
        ({"is_safe": "false"}, 2),
        ({"is_safe": "true"}, 11),
        ({"max_quality": "0.25"}, 3),
        ({"min_quality": "0.26"}, 10),
        ({"topic": "law"}, 0),
        ({"time_period": "24h"}, 12),
        ({"time_period": "7d"}, 13),
        ({"from": (NOW - timedelta(days=4)).isoformat(), "to": (NOW - timedelta(days=2)).isoformat()}, 1),
        ({"to": (NOW - timedelta(days=4)).isoformat()}, 0),
        ({"from": "0001-01-01T00:00:00+10:00", "to": "9999-12-31T23:59:59-10:00"}, 13),
        ({"source": "import"}, 0),
        ({"filter": " "}, 13),
        ({"filter": "model = gpt-3.5-turbo"}, 3),
        ({"filter": "model ~ GPT-3.5"}, 3),
        ({"filter": "user = u1 or template is null"}, 8),
        ({"filter": "user in (u0, u1) and session = s"}, 6),
        ({"filter": "flag = toxicity", "model": "gpt-3.5-turbo"}, 0),
        ({"filter": "not is_safe"}, 2),
        ({"filter": "score.alarm > 0.5"}, 2),
        ({"filter": "quality <= 0.25 and kind = llm"}, 3),
        ({"filter": "cost is null"}, 1),
        ({"filter": f"timestamp < '{(NOW - timedelta(days=1)).isoformat()}'"}, 1),
        ({"is_safe": "false", "model": "gpt-4", "time_period": "1h"}, 2),
    ],
)
async def test_filters_narrow_the_list(filled: ApiRig, filters: dict[str, str], count: int) -> None:
    assert len((await filled.get("/traces", **filters))["traces"]) == count


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        ("/traces", {"limit": "0"}, "limit"),
        ("/traces", {"limit": "501"}, "limit"),
        ("/traces", {"cursor": "nonsense"}, "cursor"),
        ("/traces", {"flavour": "sweet"}, "flavour"),
        ("/traces", {"model": "a\0b"}, "model"),
        ("/traces", {"min_quality": "2"}, "min_quality"),
        ("/traces", {"min_quality": "nan"}, "min_quality"),
        ("/traces", {"source": "mine"}, "source"),
        ("/traces", {"time_period": "soon"}, "time_period"),
        ("/traces", {"from": "soon"}, "from"),
        ("/traces", {"filter": "modell = x"}, "filter"),
        ("/traces", {"filter": "(" * 100}, "filter"),
        ("/traces", {"filter": " " * 4_001}, "filter"),
        ("/traces/17", {}, "trace_id"),
        ("/evaluate/17", {}, "job_id"),
        ("/metrics/quality", {"source": "mine"}, "source"),
        ("/pipeline/dead", {"before": "soon"}, "before"),
    ],
)
async def test_a_wrong_parameter_is_named(
    shared: ApiRig, path: str, parameters: dict[str, str], field: str
) -> None:
    response = await shared.client.get(path, params=parameters)
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_a_trace_is_shown_whole(api: ApiRig) -> None:
    given = call(
        "danger here",
        context=["one", "two"],
        reference="ref",
        system_prompt="be kind",
        messages=[{"role": "user", "content": "hi"}],
        tags=["a", "b"],
        metadata={"k": [1, None]},
        response_time_ms=12.5,
        prompt_tokens=7,
        completion_tokens=3,
    )
    (trace_id,) = await api.store(given)
    trace = await api.get(f"/traces/{trace_id}")
    for name, value in given.items():
        assert trace[name] == value, name
    assert trace["scores"]["alarm"] == {"value": 0.9, "label": "looked", "version": "1"}
    assert (trace["is_safe"], trace["safety_flags"], trace["quality_score"]) == (
        False,
        ["toxicity"],
        ORDINARY,
    )
    assert isinstance(trace["cost_usd"], float)
    assert trace["feedback"] == []


async def test_an_unknown_trace_is_404_without_a_promise(shared: ApiRig) -> None:
    response = await shared.client.get("/traces/5e9d8cbe-7e5e-4d5c-9be9-111111111111")
    assert response.status_code == 404
    assert "retry-after" not in response.headers


async def test_feedback_is_kept_counted_and_shown_with_its_trace(api: ApiRig) -> None:
    good, bad = await api.store(call(), call("danger here"))
    bodies: list[dict[str, Any]] = [
        {"trace_id": good, "rating": 5},
        {"trace_id": good, "thumbs": "up", "user_id": "ada"},
        {"trace_id": good, "rating": 3},
        {"trace_id": bad, "rating": 1, "comment": "wrong price", "categories": ["facts", "facts"]},
        {"trace_id": bad, "thumbs": "down", "comment": "the price was wrong\0"},
        {"trace_id": bad, "rating": 2, "comment": "price is off"},
    ]
    for body in bodies:
        response = await api.post("/feedback", body)
        assert response.status_code == 201, response.text
        assert response.json()["trace_id"] == body["trace_id"]

    report = await api.get("/feedback", time_period="1h")
    counts = [report[f"{kind}_feedback"] for kind in ("total", "positive", "negative")]
    assert counts == [6, 2, 3]
    assert report["satisfaction_rate"] == pytest.approx(2 / 6)
    complaints = {entry["kind"]: entry for entry in report["common_complaints"]}
    assert (complaints["comments"]["count"], complaints["comments"]["terms"][0]) == (3, "price")
    assert (complaints["category"]["complaint"], complaints["category"]["count"]) == ("facts", 1)
    assert any("flagged toxicity" in sentence for sentence in report["improvement_suggestions"])
    shown = (await api.get(f"/traces/{bad}"))["feedback"]
    assert sorted(entry["rating"] for entry in shown) == [1, 1, 2]


async def test_feedback_may_come_before_its_trace_is_stored(api: ApiRig) -> None:
    queued = (await api.post("/monitor/inference", call(), prefer="respond-async")).json()["trace_id"]
    assert (await api.post("/feedback", {"trace_id": queued, "rating": 1})).status_code == 201
    assert (await api.get("/feedback"))["negative_feedback"] == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"rating": 5}, 422, "body"),
        ({"trace_id": str(mint(0)), "client_id": "order-1", "rating": 5}, 422, "body"),
        ({"client_id": "", "rating": 5}, 422, "client_id"),
        ({"client_id": "x" * 513, "rating": 5}, 422, "client_id"),
        ({"client_id": "never-sent", "rating": 5}, 404, None),
        ({"trace_id": "17", "rating": 5}, 422, "trace_id"),
        ({"trace_id": str(mint(0)), "rating": 5}, 404, None),
        ({"trace_id": "5e9d8cbe-7e5e-4d5c-9be9-111111111111", "rating": 5}, 404, None),
        ({"trace_id": str(mint(0)), "rating": 0}, 422, "rating"),
        ({"trace_id": str(mint(0)), "rating": 6}, 422, "rating"),
        ({"trace_id": str(mint(0)), "rating": 2.5}, 422, "rating"),
        ({"trace_id": str(mint(0))}, 422, "body"),
        ({"trace_id": str(mint(0)), "rating": 5, "thumbs": "up"}, 422, "body"),
        ({"trace_id": str(mint(0)), "thumbs": "sideways"}, 422, "thumbs"),
        ({"trace_id": str(mint(0)), "rating": 5, "comment": "x" * 10_001}, 422, "comment"),
        ([1], 422, "body"),
    ],
)
async def test_feedback_that_makes_no_sense_is_refused(
    shared: ApiRig, body: Any, status: int, field: str | None
) -> None:
    response = await shared.post("/feedback", body)
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    if field:
        assert [error["field"] for error in response.json()["errors"]] == [field]
    assert await shared.worker.value("SELECT count(*)::int FROM feedback") == 0
