"""A retriever that is stored after its call gives the call its documents.

The call is then scored again.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.otlp.signals import Span
from monitoring.evaluators.hallucination import build
from monitoring.evaluators.pii import build as build_pii
from monitoring.privacy.redaction import Redaction
from tests.integration.api_rig import ApiRig, running_api
from tests.integration.test_inheritance import moved, row_of
from tests.integration.test_otlp_logs import joining, send
from tests.integration.test_otlp_traces import CHAT, export
from tests.integration.truth import assert_rollups_equal_rows
from tests.integration.worker_rig import Alarm, WordCount, decide
from tests.unit.otlp.spans import START_NS, protobuf_bytes, span
from workers.scoring import Scoring

SECOND = 1_000_000_000
DRY, WET = "It is dry in Paris today.", "It rains in Rome."


def search(*texts: str, number: int = 2, begun: int = 3, lasted: float = 1, **fields: Any) -> Span:
    """A retriever that began so many seconds before the call, and lasted so many seconds."""
    documents = {f"retrieval.documents.{n}.document.content": text for n, text in enumerate(texts)}
    at = START_NS - begun * SECOND
    return span(
        {"openinference.span.kind": "RETRIEVER", **documents},
        number=number,
        **{"start_ns": at, "end_ns": at + int(lasted * SECOND), **fields},
    )


CALL = span(CHAT, number=3, parent=1)
GROUNDED = build()


@pytest.fixture
def judged(api: ApiRig) -> ApiRig:
    """An API whose worker judges whether answers are grounded."""
    equip(api)
    return api


def equip(api: ApiRig) -> None:
    scoring = api.worker.scoring  # the rig's evaluators know no context
    scoring._evaluators = (WordCount(), Alarm(), GROUNDED, build_pii())  # noqa: SLF001 other evaluators for one worker


async def turn(api: ApiRig) -> int:
    joined = joining(api)
    scoring = api.worker.scoring
    joined._scoring = Scoring(scoring._evaluators, scoring._privacy)  # noqa: SLF001 other evaluators for one worker
    return await joined.turn()


async def deliver(api: ApiRig, *spans: Span) -> None:
    """Send spans one by one, so that each is stored before the next; then score calls again."""
    for one in spans:
        await export(api, protobuf_bytes(one))
        await api.worker.drain()
    await turn(api)


async def test_a_late_retriever_gives_its_documents_and_the_call_is_scored_anew(judged: ApiRig) -> None:
    await export(judged, protobuf_bytes(CALL))
    await judged.worker.drain()
    before = await row_of(judged, 3)
    assert (before["context"], before["scores"]["hallucination"]["label"]) == ([], "no_context")
    await deliver(judged, search(DRY))
    after = await row_of(judged, 3)
    assert after["context"] == [DRY]
    assert after["scores"]["hallucination"]["value"] is not None
    same = {
        "prompt",
        "response",
        "cost_usd",
        "prompt_tokens",
        "occurred_at",
        "job_id",
        "marks",
        "token_source",
    }
    assert {name: before[name] for name in same} == {name: after[name] for name in same}
    await assert_rollups_equal_rows(judged.worker)
    for _ in range(2):
        await export(judged, protobuf_bytes(search(DRY)))
        await judged.worker.drain()
        assert await turn(judged) == 0
    assert await row_of(judged, 3) == after
    await assert_rollups_equal_rows(judged.worker)


CASES: list[tuple[list[Span], list[str]]] = [
    ([CALL, search(DRY, parent=1)], [DRY]),
    ([search(DRY), CALL, search(WET, number=4, begun=2)], [DRY, WET]),
    ([search(WET, number=4, begun=2), CALL, search(DRY)], [DRY, WET]),
    ([CALL, search(DRY), search(WET, DRY, number=4, begun=2)], [DRY, WET]),
    ([CALL, search(DRY, lasted=3)], [DRY]),
    ([CALL, search(DRY, lasted=3.001)], []),
    ([CALL, search(DRY, begun=-1)], []),
    ([CALL, search()], []),
    ([CALL, search(DRY)._replace(attributes={**CHAT, "gen_ai.operation.name": "execute_tool"})], []),
]


async def test_only_what_was_there_when_the_call_began_is_its_context(judged: ApiRig) -> None:
    for place in range(3):
        turns = [(number, spans[place]) for number, (spans, _) in enumerate(CASES, 1) if len(spans) > place]
        await deliver(judged, *(moved(one, number) for number, one in turns))
    for number, (_, context) in enumerate(CASES, 1):
        assert (number, (await row_of(judged, 3, number.to_bytes(16)))["context"]) == (number, context)
    await assert_rollups_equal_rows(judged.worker)


TRACKED = json.dumps({"place": "Lyon"})
RESULTS = [
    {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "result": TRACKED}]},
]


async def test_documents_stand_beside_what_tools_answered_and_not_beside_documents_of_the_call(
    judged: ApiRig,
) -> None:
    asked = span({**CHAT, "gen_ai.input.messages": RESULTS}, number=3, parent=1)
    own = span({**CHAT, "retrieval.documents.0.document.content": WET}, number=5, parent=1)
    stored = span({**CHAT, "gen_ai.input.messages": RESULTS}, number=6, parent=1)
    await deliver(judged, asked, own, search(DRY), stored)
    assert (await row_of(judged, 3))["context"] == [DRY, TRACKED]
    assert (await row_of(judged, 5))["context"] == [WET]
    assert (await row_of(judged, 6))["context"] == [DRY, TRACKED]


async def test_a_call_and_its_retriever_in_two_jobs_at_once_meet(judged: ApiRig) -> None:
    calls = [CALL._replace(trace_id=number.to_bytes(16)) for number in range(1, 6)]
    for call in calls:
        await export(judged, protobuf_bytes(call))
        await export(judged, protobuf_bytes(search(DRY)._replace(trace_id=call.trace_id)))
    await asyncio.gather(*(judged.worker.drain(max_jobs=3) for _ in range(2)))
    await turn(judged)
    for call in calls:
        assert (await row_of(judged, 3, call.trace_id))["context"] == [DRY]
    await assert_rollups_equal_rows(judged.worker)


async def test_a_call_whose_row_is_gone_is_not_brought_back(judged: ApiRig) -> None:
    await export(judged, protobuf_bytes(CALL))
    await judged.worker.drain()
    await export(judged, protobuf_bytes(search(DRY)))
    await judged.worker.drain()
    async with judged.worker.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM traces WHERE kind = 'llm'")
        await connection.exec_driver_sql("UPDATE span_parts SET created_at = now() - interval '1 hour'")
    assert await turn(judged) == 1
    assert await judged.worker.value("SELECT count(*) FROM traces WHERE kind = 'llm'") == 0
    assert await judged.worker.value("SELECT count(*) FROM dead_letters") == 0


async def test_what_was_found_before_a_text_was_redacted_is_kept(database_url: str, redis_url: str) -> None:
    async with running_api(database_url, redis_url) as api:
        equip(api)
        await decide(api.worker, redaction=Redaction(mode="mask"))
        await api.services.projects.refresh()
        said = [{"role": "assistant", "parts": [{"type": "text", "content": "Ask jane.doe@gmail.com."}]}]
        await deliver(api, span({**CHAT, "gen_ai.output.messages": said}, number=3))
        before = await row_of(api, 3)
        assert before["scores"]["pii"]["value"] > 0.5
        await deliver(api, search(DRY))
        after = await row_of(api, 3)
        assert after["context"] == [DRY]
        assert after["scores"]["pii"] == before["scores"]["pii"]


async def test_texts_that_come_as_logs_and_documents_join_in_either_order(judged: ApiRig) -> None:
    from tests.integration.test_otlp_logs import LOGS, SPAN

    await send(judged, SPAN, ("/v1/traces", protobuf_bytes(search(DRY))), LOGS)
    row = await row_of(judged, 1)
    assert (row["context"], row["response"]) == ([DRY], "Not today.")
    await assert_rollups_equal_rows(judged.worker)
