"""The whole path of a user: post, row, frame, page, figures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.e2e.browser import Tab, open_tab
from tests.e2e.stack import ROOT, Stack, running_stack, wait_for

USUAL_ADDRESS = "http://localhost:8000"
IDLE_P50_SECONDS = 0.060
POSTS = 100


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.api, timeout=30) as client:
        yield client


def call(**fields: Any) -> dict[str, Any]:
    return {
        "prompt": "Which river flows through Cairo?",
        "response": "The Nile flows through Cairo.",
        "model_name": "gpt-4",
        **fields,
    }


def stored(api: httpx.Client, trace_id: str) -> dict[str, Any]:
    """Return the trace once it is stored, asking as often as Retry-After says."""

    def read() -> dict[str, Any] | None:
        answer = api.get(f"/traces/{trace_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            assert int(answer.headers["Retry-After"]) >= 1
            return None
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    return wait_for(read, 20, f"trace {trace_id} to be stored")


def frames_until(
    socket: ClientConnection, wanted: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    while not wanted(frames):
        frames.append(json.loads(socket.recv(timeout=20)))
    return frames


def readme_snippet() -> str:
    """Return the first example of the README that posts a call, word for word."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if "/monitor/inference" in block)


def test_the_readme_snippet_prints_quality_safety_and_cost(stack: Stack) -> None:
    snippet = readme_snippet()
    assert USUAL_ADDRESS in snippet
    printed = subprocess.run(
        [sys.executable, "-c", snippet.replace(USUAL_ADDRESS, stack.api)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    quality, safety, cost = map(float, printed.split())
    assert 0 < quality <= 1
    assert 0 < safety <= 1
    assert cost > 0


def test_a_post_becomes_a_row_and_frames_of_every_kind(stack: Stack, api: httpx.Client) -> None:
    prompt = f"How high is mountain {uuid.uuid4().hex[:8]}?"
    with connect(f"{stack.api.replace('http', 'ws', 1)}/ws/metrics") as socket:
        answer = api.post("/monitor/inference", json=call(prompt=prompt, user_id="u-1")).json()

        def told(frames: list[dict[str, Any]]) -> bool:
            traced = [i for i, frame in enumerate(frames) if frame["type"] == "trace"]
            mentioned = [
                i
                for i in traced
                if answer["trace_id"] in [t["trace_id"] for t in frames[i]["data"]["traces"]]
            ]
            later = {frame["type"] for frame in frames[mentioned[0] :]} if mentioned else set()
            return {"trace", "metrics", "cost_update", "pipeline"} <= later

        frames = {frame["type"]: frame["data"] for frame in frames_until(socket, told)}
    assert frames["metrics"]["total_interactions"] >= 1
    assert frames["cost_update"]["total_cost_usd"] > 0
    assert frames["pipeline"]["projects"][0]["unaccounted"] == 0
    (row,) = stack.rows(
        "SELECT prompt, user_id, source, overall_quality FROM traces WHERE trace_id = $1",
        uuid.UUID(answer["trace_id"]),
    )
    assert dict(row) == {
        "prompt": prompt,
        "user_id": "u-1",
        "source": "live",
        "overall_quality": answer["quality_score"],
    }


def see(tab: Tab, words: str) -> None:
    wait_for(lambda: words in tab.text("body"), 30, f"the page to show {words!r}")


def test_the_dashboard_shows_a_post_and_the_next_one_without_being_asked(
    stack: Stack, api: httpx.Client
) -> None:
    first, second = (f"How high is mountain {uuid.uuid4().hex[:8]}?" for _ in range(2))
    api.post("/monitor/inference", json=call(prompt=first)).raise_for_status()
    with open_tab() as tab:
        tab.show(width=1440, height=1800, scheme="light")  # a table draws only the columns that fit
        tab.go(stack.dashboard)
        see(tab, first)
        api.post("/monitor/inference", json=call(prompt=second)).raise_for_status()
        see(tab, second)


def slowdown() -> float:
    """Return how much longer than its processor time a busy loop takes; 1 on an idle machine."""
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < 0.25:
        pass
    return max(1.0, (time.perf_counter() - wall) / (time.process_time() - cpu))


def test_a_post_on_the_idle_stack_takes_less_than_60_ms(
    api: httpx.Client, report: Callable[[str], None]
) -> None:
    seconds = []
    factors = [slowdown()]
    for number in range(POSTS):
        begun = time.perf_counter()
        answer = api.post("/monitor/inference", json=call(prompt=f"Question {number}: which river?"))
        seconds.append(time.perf_counter() - begun)
        assert answer.status_code == 200, answer.text
    factors.append(slowdown())
    p50, p95 = sorted(seconds)[POSTS // 2], sorted(seconds)[POSTS * 95 // 100]
    factor = sum(factors) / len(factors)
    report(
        f"idle post: p50 {p50 * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms; bound 60 ms x {factor:.2f}, "
        "by which the machine slowed a busy loop before and after"
    )
    assert p50 < IDLE_P50_SECONDS * factor


def test_respond_async_is_answered_at_once_and_stored_soon(api: httpx.Client) -> None:
    answer = api.post("/monitor/inference", json=call(), headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    body = answer.json()
    assert body["status"] == "queued"
    assert (body["quality_score"], body["safety_score"], body["is_safe"], body["cost_usd"]) == (None,) * 4
    assert answer.headers["Location"] == f"/traces/{body['trace_id']}"
    trace = stored(api, body["trace_id"])
    assert trace["trace_id"] == body["trace_id"]
    assert 0 < trace["quality_score"] <= 1


def test_a_trace_that_is_not_stored_yet_is_404_with_retry_after(stack: Stack, api: httpx.Client) -> None:
    held = stack.workers()
    for worker in held:
        worker.suspend()
    try:
        body = api.post("/monitor/inference", json=call(), headers={"Prefer": "respond-async"}).json()
        early = api.get(f"/traces/{body['trace_id']}")
    finally:
        for worker in held:
            worker.resume()
    assert early.status_code == 404
    assert early.headers["Content-Type"] == "application/problem+json"
    assert int(early.headers["Retry-After"]) >= 1
    assert stored(api, body["trace_id"])["prompt"] == call()["prompt"]


def test_waiting_is_bounded_as_the_client_prefers(stack: Stack, api: httpx.Client) -> None:
    none = api.post("/monitor/inference", json=call(), headers={"Prefer": "wait=0"})
    assert (none.status_code, none.headers["Preference-Applied"]) == (202, "wait=0")
    held = stack.workers()
    for worker in held:
        worker.suspend()
    try:
        begun = time.monotonic()
        short = api.post("/monitor/inference", json=call(), headers={"Prefer": "wait=1"})
        waited = time.monotonic() - begun
    finally:
        for worker in held:
            worker.resume()
    assert short.status_code == 202
    assert 1 <= waited < 4
    for answer in (none, short):
        stored(api, answer.json()["trace_id"])


def test_a_retry_with_the_same_key_is_the_same_trace(stack: Stack, api: httpx.Client) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (api.post("/monitor/inference", json=call(), headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    other = api.post("/monitor/inference", json=call(), headers={"Idempotency-Key": uuid.uuid4().hex})
    assert other.json()["trace_id"] != first.json()["trace_id"]
    stack.wait_until_settled(20)
    found = stack.value(
        "SELECT count(*) FROM traces WHERE trace_id = $1", uuid.UUID(first.json()["trace_id"])
    )
    assert found == 1


def test_feedback_is_kept_and_counted(api: httpx.Client) -> None:
    trace_id = api.post("/monitor/inference", json=call()).json()["trace_id"]
    before = api.get("/feedback", params={"time_period": "1h"}).json()
    opinions = [
        {"trace_id": trace_id, "rating": 5, "comment": "Right to the point."},
        {"trace_id": trace_id, "rating": 1, "comment": "Wrong river.", "categories": ["incorrect"]},
    ]
    for opinion in opinions:
        assert api.post("/feedback", json=opinion).status_code == 201
    after = api.get("/feedback", params={"time_period": "1h"}).json()
    assert after["total_feedback"] == before["total_feedback"] + 2
    assert after["positive_feedback"] == before["positive_feedback"] + 1
    assert after["negative_feedback"] == before["negative_feedback"] + 1
    kept = stored(api, trace_id)["feedback"]
    assert sorted(each["rating"] for each in kept) == [1, 5]


def test_a_list_is_evaluated_apart_from_live_traffic(stack: Stack, api: httpx.Client) -> None:
    items = [call(), call(response="You are a worthless idiot.", model_name="claude-3")]
    live = stack.value("SELECT count(*) FROM traces WHERE source = 'live'")
    answer = api.post("/evaluate", json=items)
    assert answer.status_code == 200
    body = answer.json()
    assert body["evaluated_count"] == 2
    assert [result["model_name"] for result in body["results"]] == ["gpt-4", "claude-3"]
    assert [result["is_safe"] for result in body["results"]] == [True, False]
    assert stack.value("SELECT count(*) FROM traces WHERE source = 'live'") == live


def test_an_evaluation_that_nobody_waits_for_is_a_job(api: httpx.Client) -> None:
    answer = api.post("/evaluate", json=[call(), call()], headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    location = answer.headers["Location"]
    assert location == f"/evaluate/{answer.json()['job_id']}"

    def done() -> dict[str, Any] | None:
        progress: dict[str, Any] = api.get(location).raise_for_status().json()
        return progress if progress["state"] == "done" else None

    finished = wait_for(done, 20, "the evaluation to be done")
    assert finished["evaluated_count"] == 2
    assert all(result["quality_score"] for result in finished["results"])


METRICS = {
    "quality": {"time_period", "average_quality", "total_evaluations", "trend", "by_model", "scores"},
    "safety": {
        "time_period", "total_interactions", "safety_violations", "violation_rate", "common_flags",
        "flags", "trend", "patterns",
    },
    "cost": {
        "time_period", "total_cost_usd", "avg_cost_per_request", "most_expensive_operations",
        "optimization_suggestions", "projected_monthly_cost",
    },
    "relevance": {
        "time_period", "total_evaluations", "relevance_metrics", "topic_distribution", "quality_insights",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_metrics_answer_with_the_promised_keys(api: httpx.Client, name: str) -> None:
    api.post("/monitor/inference", json=call()).raise_for_status()
    body = api.get(f"/metrics/{name}", params={"time_period": "24h"}).raise_for_status().json()
    assert METRICS[name] <= body.keys()
    assert body["time_period"] == "24h"
    refused = api.get(f"/metrics/{name}", params={"time_period": "fortnight"})
    assert refused.status_code == 422


def test_prometheus_is_told_what_happened(api: httpx.Client) -> None:
    api.post("/monitor/inference", json=call()).raise_for_status()
    text = api.get("/metrics").raise_for_status().text
    figures = dict(re.findall(r'^(llm_monitor_records_\w+)\{project="default"\} (\S+)$', text, re.MULTILINE))
    assert float(figures["llm_monitor_records_stored"]) >= 1
    assert float(figures["llm_monitor_records_unaccounted"]) == 0
    assert re.search(r"^llm_monitor_workers 2\.0$", text, re.MULTILINE)


def test_the_documentation_needs_no_other_host(api: httpx.Client) -> None:
    page = api.get("/docs").raise_for_status().text
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)["']|url:\s*["']([^"']+)["']""", page)
    found = {first or second for first, second in addresses}
    assert any(address.endswith(".js") for address in found)
    assert any(address.endswith(".css") for address in found)
    assert "/openapi.json" in found
    for address in found:
        assert address.startswith("/"), address
        assert not address.startswith("//"), address
        assert api.get(address).status_code == 200, address
    assert "://" not in page


def test_the_documentation_page_asks_nobody_else(stack: Stack) -> None:
    with open_tab() as tab:
        tab.go(f"{stack.api}/docs")
        see(tab, "/monitor/inference")
        asked = {url for url in tab.requests if not url.startswith(("data:", "about:"))}
        assert f"{stack.api}/openapi.json" in asked
        assert [url for url in asked if not url.startswith(stack.api)] == []
