"""What was noticed while a record was read: kept with the call, and counted for operators."""

from __future__ import annotations

import re

from tests.integration.api_rig import ApiRig
from tests.integration.test_otlp_logs import DETAILS, IDS, only_trace, send
from tests.integration.test_otlp_traces import CHAT, SILENT, export
from tests.unit.otlp.spans import log_bytes, protobuf_bytes, span

STRANGE = '{"depot": "Lyon", "days": 2}'
CUT = '[{"role": "user", "content": "Where is my parc'


async def marked(api: ApiRig) -> dict[str, float]:
    text = (await api.client.get("/metrics")).text
    found = re.findall(r'^llm_monitor_marked_records_total\{mark="([^"]*)"\} (\S+)$', text, re.MULTILINE)
    return {mark: float(count) for mark, count in found}


async def test_a_scrape_counts_marks_of_records_and_shows_two_from_the_beginning(api: ApiRig) -> None:
    assert await marked(api) == {"unrecognised_shape": 0, "truncated": 0}
    strange = protobuf_bytes(
        *(span({**CHAT, "gen_ai.input.messages": STRANGE}, number=number) for number in (1, 2))
    )
    await export(api, strange)
    await export(api, protobuf_bytes(span({**CHAT, "gen_ai.input.messages": CUT}, number=3)))
    assert await marked(api) == {"unrecognised_shape": 2, "truncated": 1}
    await export(api, strange)  # a retry is the same records
    assert await marked(api) == {"unrecognised_shape": 2, "truncated": 1}


async def test_a_call_has_the_marks_of_the_texts_that_came_as_logs(api: ApiRig) -> None:
    details = {**DETAILS, "attributes": {**CHAT, "gen_ai.input.messages": CUT}}
    later = {
        "event": "gen_ai.assistant.message",
        "body": {"content": '{"kind": 7, "days": [1, 2]}'},
        **IDS,
    }
    await send(api, ("/v1/traces", protobuf_bytes(span(SILENT))), ("/v1/logs", log_bytes(details, later)))
    row = await only_trace(api)
    assert "truncated" in row["marks"]
    assert "no_content" not in row["marks"]
    assert row["prompt"] == "Where is my parc"
