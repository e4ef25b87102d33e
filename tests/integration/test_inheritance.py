"""User, session, tags and metadata of outer spans reach the calls inside them.

The order in which they are stored does not matter.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.otlp.signals import Span
from app.queue import queued_jobs
from monitoring.privacy.redaction import Redaction
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.test_erasure import erase
from tests.integration.test_nested_calls import payload_of
from tests.integration.test_otlp_logs import DETAILS, send
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import decide
from tests.unit.otlp.spans import TRACE, json_request, log_bytes, protobuf_bytes, span
from workers.cardinality import CAPS
from workers.evaluation import storing

AGENT = {"gen_ai.operation.name": "invoke_agent"}
TOOL = {"gen_ai.operation.name": "execute_tool"}
OWNER = {
    "user.id": "zoe",
    "gen_ai.conversation.id": "s-1",
    "tag.tags": ["shop", "eu"],
    "metadata": json.dumps({"team": "red", "step": "outer"}),
    "langfuse.trace.metadata.plan": "gold",
}
SPANS = {
    "root": span({**AGENT, **OWNER}, number=1, milliseconds=3000),
    "tool": span(TOOL, number=2, parent=1),
    "call": span(
        {**CHAT, "tag.tags": ["mine"], "metadata": json.dumps({"step": "inner"})}, number=3, parent=2
    ),
}
TRIPLES = [[[name] for name in order] for order in itertools.permutations(SPANS)]
ORDERS = [*TRIPLES, [["call", "tool", "root"]], [["call", "tool"], ["root"]], [["call"], ["root", "tool"]]]


async def store(api: ApiRig, *requests: Sequence[Span]) -> None:
    """Send each group of spans as one request, and have it stored before the next."""
    for spans in requests:
        await export(api, protobuf_bytes(*spans))
        await api.worker.drain()


def moved(one: Span, number: int) -> Span:
    """The same span in another trace."""
    return one._replace(trace_id=number.to_bytes(16))


async def owners(api: ApiRig, trace: bytes = TRACE) -> dict[int, tuple[str | None, str | None]]:
    found = await api.worker.rows(
        "SELECT otel_span_id, user_id, session_id FROM traces WHERE otel_trace_id = :trace", trace=trace
    )
    return {int.from_bytes(row["otel_span_id"]): (row["user_id"], row["session_id"]) for row in found}


async def row_of(api: ApiRig, number: int, trace: bytes = TRACE) -> dict[str, Any]:
    (row,) = await api.worker.rows(
        "SELECT * FROM traces WHERE otel_span_id = :id AND otel_trace_id = :trace",
        id=number.to_bytes(8),
        trace=trace,
    )
    return row


async def assert_the_call_is_owned(api: ApiRig, *traces: bytes) -> None:
    for trace in traces or (TRACE,):
        row = await row_of(api, 3, trace)
        assert (row["user_id"], row["session_id"], row["tags"]) == ("zoe", "s-1", ["mine", "shop", "eu"])
        assert {"inherited_user", "inherited_session"} <= set(row["marks"])
        metadata = row["metadata"]
        assert (metadata["metadata.team"], metadata["langfuse.trace.metadata.plan"]) == ("red", "gold")
        assert sorted(metadata["otel.inherited"]) == ["langfuse.trace.metadata.plan", "metadata.team"]
        assert json.loads(metadata["metadata"]) == {"step": "inner"}
        assert await owners(api, trace) == dict.fromkeys((1, 2, 3), ("zoe", "s-1"))
    figures = await api.worker.rows(
        "SELECT dimension, value, sum(records)::int AS n, sum(cost_usd)::float8 AS cost FROM rollups WHERE NOT covered "
        "AND dimension IN ('user', 'session', 'tag') GROUP BY 1, 2 HAVING sum(records) <> 0 ORDER BY 1, 2"
    )
    calls = len(traces) or 1
    assert [(one["dimension"], one["value"], one["n"]) for one in figures] == [
        ("session", "s-1", calls),
        ("tag", "eu", calls),
        ("tag", "mine", calls),
        ("tag", "shop", calls),
        ("user", "zoe", calls),
    ]
    assert [one["cost"] for one in figures] == pytest.approx([calls * (1000 * 0.15e-6 + 100 * 0.6e-6)] * 5)
    await assert_rollups_equal_rows(api.worker)


async def test_a_call_is_given_what_spans_around_it_say_in_every_order(api: ApiRig) -> None:
    for turn in range(3):
        for number, order in enumerate(ORDERS, start=1):
            for names in order[turn : turn + 1]:
                await export(api, protobuf_bytes(*(moved(SPANS[name], number) for name in names)))
        await api.worker.drain()
    await assert_the_call_is_owned(api, *(number.to_bytes(16) for number in range(1, len(ORDERS) + 1)))
    found = (await api.get("/traces", user_id="zoe", session_id="s-1"))["traces"]
    assert len(found) == len(ORDERS)


async def test_two_workers_at_once_and_retries_give_it_once(api: ApiRig) -> None:
    for one in SPANS.values():
        await export(api, protobuf_bytes(one))
    await asyncio.gather(*(api.worker.drain(max_jobs=3) for _ in range(2)))
    await assert_the_call_is_owned(api)
    for one in (*SPANS.values(), *SPANS.values()):
        await export(api, protobuf_bytes(one))
        await api.worker.drain()
    await assert_the_call_is_owned(api)


async def test_a_redelivered_job_gives_what_its_first_try_did_not_come_to(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store(api, [SPANS["call"]], [SPANS["tool"]])
    await export(api, protobuf_bytes(SPANS["root"]))
    (job,) = await queued_jobs(api.worker.redis)
    payload = await payload_of(api, job)
    evaluation = api.worker.evaluation

    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(storing, "inherit_stored", die)  # the process ends before it
        with pytest.raises(asyncio.CancelledError):
            await api.worker.processing.process(job, payload)
    assert (await row_of(api, 3))["user_id"] is None
    await api.worker.claims.begin(job)
    for _ in range(3):
        await evaluation.evaluate({"job_id": str(job)}, payload)
        await assert_the_call_is_owned(api)


NEAR = span({**AGENT, "user.id": "near", "tag.tags": ["eu"]}, number=2, parent=1)
FAR = span({**AGENT, "user.id": "far", "session.id": "s-far", "tag.tags": ["shop"]}, number=1)
INNER = span(CHAT, number=3, parent=2)


async def test_the_nearest_outer_span_that_says_something_wins(api: ApiRig) -> None:
    orders = list(itertools.permutations((NEAR, FAR, INNER)))
    for turn in range(3):
        for number, order in enumerate(orders, start=1):
            await export(api, protobuf_bytes(moved(order[turn], number)))
        await api.worker.drain()
    for number in range(1, len(orders) + 1):
        trace = number.to_bytes(16)
        assert await owners(api, trace) == {1: ("far", "s-far"), 2: ("near", "s-far"), 3: ("near", "s-far")}
        assert set((await row_of(api, 3, trace))["tags"]) == {"eu", "shop"}
    await assert_rollups_equal_rows(api.worker)


OWN = span({**CHAT, "user.id": "own"}, number=3, parent=2)


async def test_a_value_of_its_own_always_wins(api: ApiRig) -> None:
    orders = ((OWN, NEAR, FAR), (FAR, NEAR, OWN), (NEAR, OWN, FAR))
    for turn in range(3):
        for number, order in enumerate(orders, start=1):
            await export(api, protobuf_bytes(moved(order[turn], number)))
        await api.worker.drain()
    for number in range(1, len(orders) + 1):
        trace = number.to_bytes(16)
        assert (await owners(api, trace))[3] == ("own", "s-far")
        assert "inherited_user" not in (await row_of(api, 3, trace))["marks"]
    await assert_rollups_equal_rows(api.worker)


async def test_what_the_process_says_gives_way_to_a_span_around(api: ApiRig) -> None:
    process = {"user.id": "service", "session.id": "boot", "tag.tags": "eu, prod"}
    outer, inner, alone = (
        span({**AGENT, "user.id": "zoe"}, number=1),
        span(CHAT, number=2, parent=1),
        span(CHAT, number=3),
    )
    for spans in ([inner, alone], [outer]):
        await export(api, json.dumps(json_request(spans, process)).encode())
        await api.worker.drain()
    assert await owners(api) == {1: ("zoe", "boot"), 2: ("zoe", "boot"), 3: ("service", "boot")}
    assert (await row_of(api, 2))["tags"] == ["eu", "prod"]
    await assert_rollups_equal_rows(api.worker)


async def test_spans_beside_a_call_and_of_other_traces_give_it_nothing(api: ApiRig) -> None:
    sibling = span({**TOOL, **OWNER}, number=2, parent=1)
    stranger = span({**AGENT, **OWNER}, number=1, trace_id=b"another trace id")
    await store(api, [span(CHAT, number=3, parent=1)], [sibling], [stranger], [span(AGENT, number=1)])
    assert (await row_of(api, 3))["user_id"] is None
    assert (await row_of(api, 3))["tags"] == []


async def test_a_circle_of_parents_ends(api: ApiRig) -> None:
    one, other = span({**CHAT, "user.id": "a"}, number=1, parent=2), span(CHAT, number=2, parent=1)
    await store(api, [one], [other])
    await store(api, [span({**CHAT, "user.id": "b"}, number=5, parent=5)])
    assert (await owners(api))[2] == ("a", None)


async def test_the_users_data_are_erased_with_what_inherited_the_user(api: ApiRig) -> None:
    await store(api, [SPANS["call"]], [SPANS["tool"]], [SPANS["root"]], [span(CHAT, number=9)])
    assert (await erase(api, "/users/zoe"))["result"]["traces"] == 3
    assert await owners(api) == {9: (None, None)}
    await assert_rollups_equal_rows(api.worker)


async def test_an_erasure_waits_for_what_is_still_to_be_given(api: ApiRig) -> None:
    await store(api, [SPANS["call"]])
    await export(api, protobuf_bytes(SPANS["root"], SPANS["tool"]))
    response = await api.client.delete("/users/zoe")
    assert response.status_code == 202
    await api.worker.drain()
    assert (await erase(api, "/users/zoe"))["state"] == "done"
    assert await owners(api) == {}
    await assert_rollups_equal_rows(api.worker)


async def test_a_pseudonym_is_inherited_as_it_is_and_found_by_the_id(
    database_url: str, redis_url: str
) -> None:
    async with running_api(database_url, redis_url, privacy_key="k" * 32) as api:
        await decide(api.worker, redaction=Redaction(mode="hash"))
        await api.services.projects.refresh()
        await store(api, [SPANS["call"]], [SPANS["tool"]], [SPANS["root"]])
        (user,) = {owner for owner, _ in (await owners(api)).values()}
        assert user is not None
        assert user.startswith("[USER_ID:")
        (found,) = (await api.get("/traces", user_id="zoe"))["traces"]
        assert found["user_id"] == user
        assert (await erase(api, "/users/zoe"))["result"]["traces"] == 3


async def test_a_call_whose_text_was_dropped_inherits_no_metadata(database_url: str, redis_url: str) -> None:
    async with running_api(database_url, redis_url, privacy_key="k" * 32) as api:
        await store(api, [SPANS["root"]])
        await decide(api.worker, redaction=Redaction(mode="drop"))
        await api.services.projects.refresh()
        await store(api, [SPANS["call"], SPANS["tool"]])
        row = await row_of(api, 3)
        assert (row["user_id"], row["metadata"]) == ("zoe", None)
        assert row["prompt"] == ""


async def test_texts_that_come_later_leave_what_was_inherited(api: ApiRig) -> None:
    silent = ("/v1/traces", protobuf_bytes(span(SILENT, number=1, parent=2)))
    outer = ("/v1/traces", protobuf_bytes(span({**AGENT, **OWNER}, number=2)))
    await send(api, silent, outer, ("/v1/logs", log_bytes(DETAILS)))
    row = await row_of(api, 1)
    assert (row["user_id"], row["prompt"]) == ("zoe", "Is it raining?")
    await assert_rollups_equal_rows(api.worker)


async def test_names_beyond_the_cap_are_counted_under_other_and_taken_back_from_there(
    api: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dimension, cap in (("user", 1), ("session", 0), ("tag", 1), ("model", 0)):
        monkeypatch.setitem(CAPS, dimension, cap)
    await store(api, [moved(span({**CHAT, "user.id": "first", "tag.tags": ["first"]}), 9)])
    await store(api, [SPANS["call"]], [SPANS["root"], span(TOOL, number=4, parent=1)])
    await store(api, [span(CHAT, number=5, parent=4)])
    await assert_rollups_equal_rows(api.worker)
    marks = (await row_of(api, 5))["marks"]
    assert {"other:user", "other:session", "other:tag:shop", "other:model"} <= set(marks)
    assert len(marks) == len(set(marks))
    # A span between call and root that comes later gives a name that has a row of its own.
    await store(api, [span({**AGENT, "user.id": "first"}, number=2, parent=1)])
    row = await row_of(api, 3)
    assert row["user_id"] == "first"
    assert {"other:session", "other:tag:mine", "other:tag:eu", "other:model"} <= set(row["marks"])
    assert "other:user" not in row["marks"]
    await assert_rollups_equal_rows(api.worker)
    await erase(api, "/users/zoe")
    await assert_rollups_equal_rows(api.worker)
