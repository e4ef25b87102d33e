from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from tests.integration.api_rig import PROBLEM, ApiRig, own_servers, running_api
from tests.integration.worker_rig import ORDINARY, POOR

CALL = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
SEVEN = {"trace_id", "quality_score", "safety_score", "is_safe", "safety_flags", "cost_usd", "timestamp"}

_BODY = 4 * 1024 * 1024


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url, max_body_bytes=_BODY) as rig:
        yield rig


@pytest.fixture(scope="module")
async def shared(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    """An API for tests that keep nothing."""
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls, max_body_bytes=_BODY, evaluation_body_bytes=_BODY) as rig,
    ):
        yield rig


async def test_a_post_is_answered_with_its_scores(api: ApiRig) -> None:
    async with api.working():
        response = await api.post("/monitor/inference", CALL)
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) >= SEVEN
    assert answer["status"] == "scored"
    assert answer["quality_score"] == ORDINARY
    assert answer["is_safe"] is True
    assert isinstance(answer["cost_usd"], float)
    assert "preference-applied" not in response.headers


async def test_respond_async_gets_202_and_where_the_scores_will_be(api: ApiRig) -> None:
    response = await api.post("/monitor/inference", CALL, prefer="respond-async")
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "respond-async"
    answer = response.json()
    assert set(answer) >= SEVEN
    assert (answer["status"], answer["quality_score"], answer["cost_usd"]) == ("queued", None, None)
    location = response.headers["location"]
    assert location == f"/traces/{answer['trace_id']}"

    early = await api.client.get(location)
    assert early.status_code == 404
    assert early.headers["content-type"] == PROBLEM
    assert early.headers["retry-after"] == "1"
    await api.worker.drain()
    assert (await api.get(location))["quality_score"] == ORDINARY


async def test_waiting_ends_at_the_bound_that_the_client_set(shared: ApiRig) -> None:
    response = await shared.post("/monitor/inference", CALL, prefer="wait=0")
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=0"


async def test_the_same_key_gives_the_same_trace_and_one_row(api: ApiRig) -> None:
    first = await api.post("/monitor/inference", CALL, idempotency_key="k1", prefer="respond-async")
    again = await api.post("/monitor/inference", CALL, idempotency_key="k1", prefer="respond-async")
    other = await api.post("/monitor/inference", CALL, idempotency_key="k2", prefer="respond-async")
    await api.worker.drain()
    assert first.json()["trace_id"] == again.json()["trace_id"] != other.json()["trace_id"]
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 2


async def test_a_key_over_many_lines_counts_with_the_line_where_a_record_has_no_id(api: ApiRig) -> None:
    lines = [CALL, {**CALL, "id": "mine"}, CALL]
    first = (await api.post("/monitor/inferences", lines, idempotency_key="k")).json()
    again = (await api.post("/monitor/inferences", lines, idempotency_key="k")).json()
    single = (await api.post("/monitor/inferences", [{**CALL, "id": "mine"}])).json()
    assert (first["accepted"], first["duplicates"]) == (3, 0)
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    assert first["trace_ids"] == again["trace_ids"]
    assert len(set(first["trace_ids"])) == 3
    assert single["trace_ids"] == [first["trace_ids"][1]]


async def test_one_bad_line_is_rejected_alone(api: ApiRig) -> None:
    body = b"\n".join(
        [
            json.dumps(CALL).encode(),
            b'{"prompt": 1, "response": "x"}',
            b"{broken",
            b"",
            json.dumps(CALL).encode(),
        ]
    )
    response = await api.client.post(
        "/monitor/inferences", content=body, headers={"content-type": "application/x-ndjson"}
    )
    assert response.status_code == 202
    answer = response.json()
    assert (answer["accepted"], answer["rejected"], answer["duplicates"]) == (2, 2, 0)
    assert [UUID(one) is not None if one else None for one in answer["trace_ids"]] == [True, None, None, True]
    assert [(error["line"], error["field"]) for error in answer["errors"]] == [(2, "prompt"), (3, None)]
    await api.worker.drain()
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 2


async def test_a_bulk_body_of_bad_lines_alone_is_422_and_names_them(shared: ApiRig) -> None:
    response = await shared.post("/monitor/inferences", [{"prompt": "x"}, 7])
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM
    assert [error["line"] for error in response.json()["errors"]] == [1, 2]
    assert response.json()["errors"][0]["field"] == "response"


async def test_no_lines_are_no_error(shared: ApiRig) -> None:
    response = await shared.post("/monitor/inferences", [])
    assert (response.status_code, response.json()["trace_ids"]) == (202, [])


async def test_a_large_compressed_bulk_body_is_taken_whole(api: ApiRig) -> None:
    body = "\n".join(json.dumps({**CALL, "id": str(n)}) for n in range(3000)).encode()
    response = await api.client.post(
        "/monitor/inferences",
        content=gzip.compress(body, mtime=0),
        headers={"content-type": "application/x-ndjson", "content-encoding": "gzip"},
    )
    assert (response.status_code, response.json()["accepted"]) == (202, 3000)


@pytest.mark.parametrize("path", ["/monitor/inference", "/monitor/inferences", "/evaluate", "/feedback"])
@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"prompt": "a", "respo', {}, 400),
        (b"", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b'{"prompt": "a",}', {}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/json; charset=utf-16"}, 415),
        (b"{}", {"content-encoding": "br"}, 415),
        (b"{}", {"content-encoding": "gzip"}, 400),
        (b" " * (4 * 1024 * 1024 + 1), {}, 413),
        (gzip.compress(b" " * 40_000_000, mtime=0), {"content-encoding": "gzip"}, 413),
    ],
)
async def test_a_body_that_cannot_be_read_says_why(
    shared: ApiRig, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    response = await shared.client.post(
        path, content=content, headers={"content-type": "application/json", **headers}
    )
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    problem = response.json()
    assert set(problem) >= {"type", "title", "status", "detail", "instance"}
    assert (problem["status"], problem["instance"]) == (status, path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"response": 5}, "response"),
        ({"check_pii": "no"}, "check_pii"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"prompt_tokens": 1.5}, "prompt_tokens"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "1999-01-01T00:00:00Z"}, "timestamp"),
        ({"timestamp": "2999-01-01T00:00:00Z"}, "timestamp"),
        ({"user_id": "x" * 513}, "user_id"),
        ({"tags": ["x" * 129]}, "tags[0]"),
        ({"metadata": {"x": "y" * 70_000}}, "metadata"),
        ({"surprise": "y" * 70_000}, "metadata"),
    ],
)
async def test_a_wrong_field_is_named(shared: ApiRig, change: dict[str, Any], field: str) -> None:
    response = await shared.post("/monitor/inference", {**CALL, **change})
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "mark"),
    [
        (b'{"prompt": "a\\u0000b", "response": "two words"}', "nul_replaced"),
        (b'{"prompt": "a\\ud800b", "response": "two words"}', "invalid_unicode_replaced"),
        (b'{"prompt": "a\xffb", "response": "two words"}', "invalid_unicode_replaced"),
        (b'{"prompt": "", "response": "two words"}', "empty_prompt"),
        (b'{"prompt": "a", "response": " "}', "empty_response"),
        (b'{"prompt": "a", "response": "b", "metadata": {"k\\u0000": "v\\u0000"}}', "nul_replaced"),
        (b'{"prompt": "a", "response": "b", "user_id": "\\u0000"}', "nul_replaced"),
    ],
)
async def test_odd_text_is_stored_with_a_mark(shared: ApiRig, body: bytes, mark: str) -> None:
    response = await shared.client.post(
        "/monitor/inference",
        content=body,
        headers={"content-type": "application/json", "prefer": "respond-async"},
    )
    assert response.status_code == 202
    await shared.worker.drain()
    assert mark in (await shared.get(response.headers["location"]))["marks"]


async def test_a_megabyte_of_text_and_unknown_fields_are_kept(shared: ApiRig) -> None:
    text = "lorem ipsum " * 87_000
    (trace_id,) = await shared.store({**CALL, "response": text, "shade": "blue", "metadata": {"a": 1}})
    trace = await shared.get(f"/traces/{trace_id}")
    assert trace["response"] == text
    assert trace["metadata"] == {"shade": "blue", "a": 1}


async def test_source_is_never_taken_from_a_body(shared: ApiRig) -> None:
    (trace_id,) = await shared.store({**CALL, "source": "evaluate"})
    trace = await shared.get(f"/traces/{trace_id}")
    assert (trace["source"], trace["metadata"]) == ("live", {"source": "evaluate"})


async def test_a_list_is_evaluated_in_one_answer_when_it_comes_in_time(api: ApiRig) -> None:
    async with api.working():
        response = await api.post("/evaluate", [CALL, {"prompt": "x"}, {**CALL, "response": "one"}])
    assert response.status_code == 200
    answer = response.json()
    assert answer["evaluated_count"] == 2
    assert [result["quality_score"] for result in answer["results"]] == [ORDINARY, POOR]
    assert all(set(result) >= SEVEN for result in answer["results"])
    assert [(error["line"], error["field"]) for error in answer["errors"]] == [(2, "response")]
    assert await api.worker.value("SELECT string_agg(DISTINCT source, ',') FROM traces") == "evaluate"


async def test_an_evaluation_that_takes_longer_becomes_a_job(api: ApiRig) -> None:
    response = await api.post("/evaluate", [CALL, {**CALL, "response": "poison"}], prefer="respond-async")
    assert response.status_code == 202
    location = response.headers["location"]
    before = await api.get(location)
    assert (before["state"], before["evaluated_count"]) == ("running", 0)
    await api.worker.drain()
    after = await api.get(location)
    assert (after["state"], after["evaluated_count"]) == ("done", 2)
    assert after["results"][0]["quality_score"] == ORDINARY


@pytest.mark.parametrize(("body", "status"), [([], 200), ([{"prompt": "x"}], 422), ([CALL] * 1001, 202)])
async def test_an_evaluation_takes_any_number_of_records(
    shared: ApiRig, body: list[Any], status: int
) -> None:
    assert (await shared.post("/evaluate", body)).status_code == status


async def test_marks_and_whole_floats_are_taken_over_http_and_other_encodings_are_refused(
    api: ApiRig,
) -> None:
    line = json.dumps({**CALL, "prompt_tokens": 12.0}).encode()
    span = {
        "traceId": "01" * 16,
        "spanId": "02" * 8,
        "startTimeUnixNano": time.time() * 1e9,
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": 12.0}},
            {"key": "input.value", "value": {"stringValue": "hello"}},
        ],
    }
    export = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    sent = {
        "/monitor/inference": (line, "application/json"),
        "/monitor/inferences": (line + b"\n\xef\xbb\xbf" + line, "application/x-ndjson"),
        "/monitor/inferences?x=array": (b"[" + line + b"]", "application/json"),
        "/evaluate": (b"[" + line + b"]", "application/json"),
        "/v1/traces": (export, "application/json"),
    }
    for path, (body, media) in sent.items():
        address, _, _ = path.partition("?")
        headers = {"content-type": media, "prefer": "respond-async"}
        marked = gzip.compress(b"\xef\xbb\xbf" + body)
        taken = await api.client.post(
            address, content=marked, headers={**headers, "content-encoding": "gzip"}
        )
        assert taken.status_code in {200, 202}, taken.text
        assert taken.json().get("rejected", 0) == 0
        assert "partialSuccess" not in taken.json()
        refused = await api.client.post(address, content=body.decode().encode("utf-16"), headers=headers)
        assert refused.status_code == 400
        assert "UTF-16, and JSON is read in UTF-8" in refused.text
    await api.worker.drain()
    assert await api.worker.rows("SELECT DISTINCT prompt_tokens FROM traces") == [{"prompt_tokens": 12}]
    assert await api.worker.value("SELECT count(*)::int FROM traces") == 6
