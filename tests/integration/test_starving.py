"""Long reads take nothing from others.

They are ended, and only their project waits for its turn.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from app.access.administration import Line, withdraw_key
from app.access.tokens import prefix_of
from app.errors import Overdue, Unauthorized
from app.storage.engine import Engine, create_engine, reading, writing
from tests.integration.api_rig import PROBLEM, ApiRig
from tests.integration.test_keys import bearer, issue


async def test_a_statement_that_takes_too_long_is_ended_and_says_what_to_do(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.engine._READING_SECONDS", 0.1)
    monkeypatch.setattr("app.storage.engine._PATIENT", text("SET LOCAL statement_timeout = '300ms'"))
    engine = create_engine(database_url, application="test", waited_for=True)
    try:
        with pytest.raises(Overdue, match="shorter period"):
            async with reading(engine) as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))
        async with writing(engine) as connection:
            await connection.execute(text("SELECT pg_sleep(0.15)"))
        with pytest.raises(Overdue, match="nothing was stored"):
            async with writing(engine) as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))
        async with reading(engine) as connection:
            assert await connection.scalar(text("SHOW statement_timeout")) == "100ms"
    finally:
        await engine.dispose()


async def test_upkeep_has_a_longer_limit_than_what_clients_wait_for(engine: Engine) -> None:
    async with writing(engine) as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "15min"


async def test_reports_of_one_project_that_hang_hold_up_neither_others_nor_a_revocation(
    api: ApiRig, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await issue(engine, "read", project_id="shop")
    bank = await issue(engine, "read", project_id="bank")

    async def hang(connection: Any, *_: Any, **__: Any) -> None:
        await connection.execute(text("SELECT pg_sleep(8)"))

    monkeypatch.setattr("app.reports.answers.read_detailed_cost", hang)
    reports = [asyncio.create_task(api.client.get("/metrics/cost", headers=bearer(shop))) for _ in range(40)]
    await asyncio.wait(reports, return_when=asyncio.FIRST_COMPLETED)
    crowded = [one.result() for one in reports if one.done()]
    assert {one.status_code for one in crowded} == {429}
    assert {one.headers["content-type"] for one in crowded} == {PROBLEM}
    assert all(int(one.headers["Retry-After"]) > 0 for one in crowded)
    begun = time.monotonic()
    assert (await api.client.get("/traces", headers=bearer(bank))).status_code == 200
    assert time.monotonic() - begun < 2
    async with writing(engine) as connection:
        await withdraw_key(connection, Line("bank", "test", datetime.now(UTC)), prefix_of(bank) or "")
    keyring = api.services.authenticator.keyring
    await asyncio.wait_for(_until_refused(keyring, bank), 2)
    for one in reports:
        one.cancel()
    await asyncio.gather(*reports, return_exceptions=True)


async def _until_refused(keyring: Any, token: str) -> None:
    while True:
        try:
            await keyring.find(token)
        except Unauthorized:
            return
        await asyncio.sleep(0.05)
