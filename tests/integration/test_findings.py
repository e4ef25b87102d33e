"""The findings of the page Safety: what the evidence of the newest flagged calls says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from app.reports import findings
from app.storage.engine import writing
from app.storage.traces.sampling import Chosen
from monitoring.statistics.trends import window_of
from tests.integration.api_rig import ApiRig, running_api

CALL = {"prompt": "hello", "response": "two words", "model_name": "gpt-4"}
RAISERS = {"pii_leak": ["pii"], "prompt_injection": ["injection"]}
FLAG = text(
    "UPDATE traces SET is_safe = false, flags = ARRAY[CAST(:flag AS text)], scores = CAST(:scores AS json) "
    "WHERE trace_id = :trace_id"
)


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url) as rig:
        yield rig


async def flag(api: ApiRig, trace_id: str, name: str, evaluator: str, reason: str) -> None:
    """Make a stored call one that an evaluator flagged with evidence in its response."""
    place = {"field": "response", "start": 0, "end": 3, "reason": reason}
    found = {evaluator: {"value": 1.0, "label": "bad", "version": "1", "evidence": [place]}}
    async with writing(api.services.engine) as connection:
        given = {"flag": name, "scores": json.dumps(found), "trace_id": UUID(trace_id)}
        await connection.execute(FLAG, given)


@pytest.mark.parametrize(
    ("most", "personal", "injected"),
    [(5_000, {"EMAIL_ADDRESS": 2, "IBAN": 1}, {"response": 1}), (2, {"EMAIL_ADDRESS": 1}, {"response": 1})],
)
async def test_the_newest_flagged_calls_are_looked_at_and_no_others(
    api: ApiRig,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    personal: dict[str, int],
    injected: dict[str, int],
) -> None:
    monkeypatch.setattr(findings, "_MOST_COUNTED", most)
    ids = sorted(await api.store(*[CALL] * 6))
    for trace_id, kind in zip(ids[:3], ("EMAIL_ADDRESS", "IBAN", "EMAIL_ADDRESS"), strict=True):
        await flag(api, trace_id, "pii_leak", "pii", f"{kind} in the text")
    await flag(api, ids[4], "prompt_injection", "injection", "an order to the model")
    window = window_of("1h", datetime.now(UTC))
    async with api.services.engine.connect() as connection:
        found = await findings.read_findings(
            connection, Chosen("default", window), flag=None, raisers=RAISERS, limit=3
        )
    assert found.personal_data == personal
    assert found.injections == injected
    assert [str(one.trace_id) for one in found.calls] == [ids[4], ids[2], ids[1]]
