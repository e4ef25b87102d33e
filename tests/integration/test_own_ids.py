"""Feedback on calls that are named by the ids which their clients gave them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app.access.administration import KeyRequest, Line, issue_key, make_project
from app.schemas.projects import ProjectSettings
from app.storage.engine import writing
from app.storage.traces.feedback import FIND_STORED
from monitoring.clock import now_utc
from tests.integration.api_rig import ApiRig

CALL = {"prompt": "hello", "response": "two words"}


async def rate(api: ApiRig, client_id: str, **headers: str) -> tuple[int, Any]:
    response = await api.post("/feedback", {"client_id": client_id, "thumbs": "down"}, **headers)
    return response.status_code, response.json().get("trace_id")


async def forget(api: ApiRig) -> None:
    """Forget the ids of records, as Redis does after a day."""
    names = [name async for name in api.worker.redis.scan_iter("llm-monitor:id:*")]
    assert await api.worker.redis.delete(*names) == len(names) > 0


async def test_feedback_finds_its_call_by_the_clients_own_id(api: ApiRig) -> None:
    first, second = await api.store({**CALL, "id": "order-17"}, {**CALL, "id": "otel:order-17"})
    near = ["order-1", "order-170", "ORDER-17", "order-17 ", "order_17", "id:order-17", "%"]
    for remembered in (True, False):
        if not remembered:
            await forget(api)
        assert await rate(api, "order-17") == (201, first), remembered
        assert await rate(api, "otel:order-17") == (201, second), remembered
        for miss in near:
            assert await rate(api, miss) == (404, None), (miss, remembered)
    shown = (await api.get(f"/traces/{first}"))["feedback"]
    assert [one["rating"] for one in shown] == [1, 1]
    assert (await api.get("/feedback"))["total_feedback"] == 4


async def test_feedback_may_overtake_the_storing_of_its_record_and_not_its_sending(api: ApiRig) -> None:
    early = await api.post("/feedback", {"client_id": "later", "rating": 1})
    assert (early.status_code, early.headers["retry-after"]) == (404, "1")
    sent = await api.post("/monitor/inference", {**CALL, "id": "later"}, prefer="respond-async")
    assert await rate(api, "later") == (201, sent.json()["trace_id"])
    await api.worker.drain()
    shown = await api.get(f"/traces/{sent.json()['trace_id']}")
    assert [one["rating"] for one in shown["feedback"]] == [1]


async def test_of_two_records_with_one_id_the_newest_is_meant(api: ApiRig) -> None:
    (old,) = await api.store({**CALL, "id": "again"})
    await forget(api)
    (new,) = await api.store({**CALL, "id": "again"})
    assert old != new
    assert await rate(api, "again") == (201, new)
    await forget(api)
    assert await rate(api, "again") == (201, new)


async def test_the_ids_of_another_project_are_unknown(api: ApiRig) -> None:
    (ours,) = await api.store({**CALL, "id": "shared"})
    line = Line("shop", "operator", now_utc())
    async with writing(api.services.engine) as connection:
        await make_project(connection, line, "shop", ProjectSettings())
        _, token = await issue_key(
            connection, line, KeyRequest(name="web", scopes=("ingest",), expires_at=None)
        )
    await api.services.authenticator.keyring.refresh()
    await api.services.projects.refresh()
    theirs = {"authorization": f"Bearer {token}"}
    assert await rate(api, "shared", **theirs) == (404, None)
    await forget(api)
    assert await rate(api, "shared", **theirs) == (404, None)
    sent = await api.post("/monitor/inference", {**CALL, "id": "shared"}, **theirs, prefer="respond-async")
    assert await rate(api, "shared", **theirs) == (201, sent.json()["trace_id"])
    assert sent.json()["trace_id"] != ours


async def test_the_search_for_an_own_id_reads_its_index_alone(api: ApiRig) -> None:
    await api.store(*({**CALL, "id": f"order-{number}"} for number in range(300)))
    statement = FIND_STORED.text.replace(":project_id", "'default'").replace(":client_id", "'order-7'")
    async with writing(api.services.engine) as connection:
        await connection.execute(text("ANALYZE traces"))
        # Days without calls are small enough to be read whole.
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = (await connection.execute(text(f"EXPLAIN {statement}"))).scalars().all()
    scans = [line for line in plan if "Scan" in line and "Subquery" not in line]
    assert scans
    assert all("hashtextextended" in line for line in scans), "\n".join(plan)
