"""What tests over real servers share: the application, its worker, and the database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.storage.engine import Engine, create_engine
from tests.integration.api_rig import ApiRig, running_api


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url) as rig:
        yield rig


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    engine = create_engine(database_url, application="test")
    yield engine
    await engine.dispose()
