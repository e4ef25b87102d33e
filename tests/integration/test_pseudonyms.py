"""Ids and their pseudonyms: either finds, and erases, what a project that hashes ids has stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from app.privacy import Privacy
from app.schemas.projects import DEFAULT_PROJECT
from monitoring.privacy.redaction import SESSION_ID, USER_ID, OwnId, Redaction
from tests.integration.api_rig import ApiRig, own_servers, running_api
from tests.integration.worker_rig import decide

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
async def hashing(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[ApiRig]:
    """An API whose project stored two calls as they came, and three after it began to hash ids."""
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as urls,
        running_api(*urls, privacy_key=KEY) as api,
    ):
        for settings, users in (
            ({}, ["jane", "john"]),
            ({"redaction": Redaction(mode="hash")}, ["jane", "jane", "john"]),
        ):
            await decide(api.worker, **settings)
            await api.services.projects.refresh()
            for user in users:
                call = {
                    "prompt": "hello",
                    "response": "two words",
                    "user_id": user,
                    "session_id": f"s-{user}",
                }
                await api.store(call)
        yield api


def pseudonym(kind: OwnId, value: str) -> str:
    return Privacy(KEY).stored_forms(DEFAULT_PROJECT, kind, value)[1]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"user_id": "jane"}, 3),
        ({"user_id": pseudonym(USER_ID, "jane")}, 2),
        ({"user_id": "Jane"}, 0),
        ({"user_id": pseudonym(SESSION_ID, "jane")}, 0),
        ({"user_id": pseudonym(USER_ID, "jane").strip("[]")}, 0),
        ({"session_id": "s-jane"}, 3),
        ({"session_id": pseudonym(SESSION_ID, "s-jane")}, 2),
        ({"session_id": "jane"}, 0),
        ({"user_id": "jane", "session_id": "s-jane"}, 3),
        ({"user_id": pseudonym(USER_ID, "jane"), "session_id": "s-jane"}, 2),
        ({"user_id": "jane", "session_id": "s-john"}, 0),
        ({}, 5),
    ],
)
async def test_an_id_finds_what_was_stored_under_it_and_under_its_pseudonym(
    hashing: ApiRig, asked: Mapping[str, str], found: int
) -> None:
    listed = (await hashing.get("/traces", **asked))["traces"]
    assert len(listed) == found
    assert [trace["trace_id"] for trace in listed] == sorted((t["trace_id"] for t in listed), reverse=True)
    paged: list[Any] = []
    page = await hashing.get("/traces", **asked, limit=1)
    while page["next"] is not None:
        paged += page["traces"]
        page = await hashing.get("/traces", **asked, limit=1, cursor=page["next"])
    assert [*paged, *page["traces"]] == listed


@pytest.mark.parametrize(("asked", "left"), [("jane", 2), (pseudonym(USER_ID, "jane"), 3), ("Jane", 5)])
async def test_an_erasure_takes_the_id_or_its_pseudonym(hashing: ApiRig, asked: str, left: int) -> None:
    answer = await hashing.client.delete(f"/users/{asked}")
    assert answer.status_code == 202
    (job,) = await hashing.worker.rows(
        "SELECT parameters FROM jobs WHERE job_id = CAST(:id AS uuid)", id=answer.json()["job_id"]
    )
    found = await hashing.worker.rows(
        "SELECT 1 FROM traces WHERE NOT user_id = ANY(:ids)", ids=job["parameters"]["user_ids"]
    )
    assert len(found) == left
