"""What a project decides: changed field by field, and replaced only knowingly.

It is never larger than all processes can read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.access.administration import KeyRequest, issue_key
from app.access.keyring import Keyring
from app.errors import Conflict, Unauthorized
from app.storage.access.keys import read_keys, read_standing_keys
from app.storage.engine import Engine, reading, writing
from tests.integration.api_rig import PROBLEM, ApiRig
from tests.integration.test_keys import issue, line

SETTINGS = "/projects/default/settings"


async def patch(api: ApiRig, body: Any, query: str = "", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.patch(f"{SETTINGS}{query}", json=body, headers=sent)


async def settings(api: ApiRig) -> tuple[dict[str, Any], str]:
    answer = await api.client.get(SETTINGS)
    return answer.json(), answer.headers["etag"]


async def acts(api: ApiRig) -> list[tuple[str, Any]]:
    return [(act["act"], act["detail"]) for act in (await api.get("/audit"))["acts"]]


async def test_a_patch_leaves_alone_what_it_does_not_name(api: ApiRig) -> None:
    assert (await patch(api, {"redaction": {"mode": "mask"}})).status_code == 200
    answer = await patch(api, {"text_share": 0.5}, content_type="application/merge-patch+json")
    assert (answer.status_code, "settings-dropped" in answer.headers) == (200, False)
    found, tag = await settings(api)
    assert (found["redaction"]["mode"], found["text_share"]) == ("mask", 0.5)
    assert answer.json() == found
    assert answer.headers["etag"] == tag
    assert (await patch(api, {"retention_days": 7}, if_match='"old"')).status_code == 412
    assert (await patch(api, {"retention_days": 7}, if_match=tag)).status_code == 200


async def test_what_replaces_everything_must_know_what_it_replaces(api: ApiRig) -> None:
    await patch(api, {"retention_days": 7, "guard": {"block": {"pii": 0.5}}})
    _, tag = await settings(api)
    body = {"text_share": 0.5}
    for headers, status in (({}, 428), ({"if-match": '"old"'}, 412)):
        refused = await api.client.put(SETTINGS, json=body, headers=headers)
        assert (refused.status_code, refused.headers["content-type"]) == (status, PROBLEM)
        assert [one["field"] for one in refused.json()["errors"]] == ["guard.block.pii", "retention_days"]
        assert "retention_days (now 7)" in refused.json()["detail"]
    done = await api.client.put(SETTINGS, json=body, headers={"if-match": tag})
    assert done.status_code == 200
    assert done.headers["settings-dropped"] == "guard.block.pii, retention_days"
    assert (await api.client.put(SETTINGS, json=body, headers={"if-match": tag})).status_code == 412
    again = await api.client.put(SETTINGS, json=body, headers={"if-match": done.headers["etag"]})
    assert again.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_turning_redaction_off_is_an_act_of_its_own(api: ApiRig, method: str) -> None:
    await patch(api, {"redaction": {"mode": "mask"}})
    body: dict[str, Any] = {"redaction": None} if method == "PATCH" else {"text_share": 0.5}
    headers = {"if-match": "*"}
    refused = await api.client.request(method, SETTINGS, json=body, headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (409, PROBLEM)
    assert "?redaction=off" in refused.json()["detail"]
    assert (await settings(api))[0]["redaction"]["mode"] == "mask"
    wrong = await api.client.request(method, f"{SETTINGS}?redaction=on", json=body, headers=headers)
    assert wrong.status_code == 422
    done = await api.client.request(method, f"{SETTINGS}?redaction=off", json=body, headers=headers)
    assert (done.status_code, done.json()["redaction"]["mode"]) == (200, "off")
    newest = dict((await acts(api))[:2])
    assert newest["project.redaction_off"] == {"changed": {"mode": ["mask", "off"]}}
    assert newest["project.settings_changed"]["changed"]["redaction.mode"] == ["mask", "off"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("count", "length", "status"), [(200, 8, 200), (201, 8, 422), (10, 200, 422), (5000, 60, 413)]
)
async def test_settings_beyond_their_bounds_are_refused_and_nothing_changes(
    api: ApiRig, method: str, count: int, length: int, status: int
) -> None:
    block = {f"{number:0>{length}}": 0.5 for number in range(count)}
    before = await settings(api)
    body = {"guard": {"block": block}}
    answer = await api.client.request(method, SETTINGS, json=body, headers={"if-match": "*"})
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == PROBLEM
        assert await settings(api) == before
    made = {"project_id": "shop", "name": "Shop", "settings": body}
    assert (await api.client.post("/projects", json=made)).status_code == (201 if status == 200 else status)


@pytest.mark.parametrize("sent", [b"[" * 30_000, b'{"a":' * 10_000, b"{", b"\xff", b'{"text_share": NaN}'])
async def test_a_body_that_is_no_json_or_no_settings_is_refused(api: ApiRig, sent: bytes) -> None:
    for method in ("PUT", "PATCH"):
        answer = await api.client.request(
            method, SETTINGS, content=sent, headers={"content-type": "application/json", "if-match": "*"}
        )
        assert answer.status_code in {400, 422}, answer.text
        assert answer.headers["content-type"] == PROBLEM


async def test_a_large_detail_of_earlier_times_is_not_read_again(api: ApiRig, engine: Engine) -> None:
    await patch(api, {"retention_days": 7})
    async with writing(engine) as connection:
        await connection.execute(
            text(
                "UPDATE audit_log SET detail = (SELECT jsonb_object_agg(md5(n::text), md5((n + 1)::text)) "
                "FROM generate_series(1, 20000) n)"
            )
        )
    assert [detail for _, detail in await acts(api)] == [{"left_out": "too large"}]


async def test_a_project_has_a_bounded_number_of_keys(
    api: ApiRig, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.access.administration._MOST_KEYS", 3)
    operator = await issue(engine, "admin")
    headers = {"Authorization": f"Bearer {operator}"}
    made = []
    for _ in range(2):
        answer = await api.client.post(
            "/projects/default/keys", json={"name": "k", "scopes": ["read"]}, headers=headers
        )
        made.append(answer.json()["prefix"])
    refused = await api.client.post(
        "/projects/default/keys", json={"name": "k", "scopes": ["read"]}, headers=headers
    )
    assert (refused.status_code, "revoke some first" in refused.json()["detail"]) == (409, True)
    for _ in range(6):
        await api.client.delete(f"/projects/default/keys/{made.pop()}", headers=headers)
        answer = await api.client.post(
            "/projects/default/keys", json={"name": "k", "scopes": ["read"]}, headers=headers
        )
        assert answer.status_code == 201
        made.append(answer.json()["prefix"])
    async with reading(engine) as connection:
        states = [key.state(datetime.now(UTC)) for key in await read_keys(connection, "default")]
    assert (states.count("active"), states.count("revoked")) == (3, 3)


async def test_keys_that_ended_long_ago_are_not_read_and_still_keep_the_door_closed(engine: Engine) -> None:
    now = datetime.now(UTC)
    async with writing(engine) as connection:
        for name in ("first", "second", "third"):
            request = KeyRequest(name=name, scopes=("read",))
            await issue_key(connection, line(), request)
        await connection.execute(text("UPDATE api_keys SET revoked_at = now() - interval '2 days'"))
    lately = await issue(engine, "read", expires_at=now + timedelta(seconds=60))
    async with reading(engine) as connection:
        standing = [key.name for key in await read_standing_keys(connection, now - timedelta(days=1))]
    assert sorted(standing) == ["a key", "first"]
    keyring = Keyring(engine, lambda: now + timedelta(hours=1))
    with pytest.raises(Unauthorized, match="expired"):
        await keyring.find(lately)
    later = Keyring(engine, lambda: now + timedelta(days=3))
    assert await later.any_made()
    with pytest.raises(Unauthorized, match="no such key"):
        await later.find(lately)


async def test_the_limit_is_one_of_keys_that_count(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.administration._MOST_KEYS", 1)
    await issue(engine, "read")
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE api_keys SET expires_at = now() - interval '1 second'"))
    await issue(engine, "read")
    with pytest.raises(Conflict):
        await issue(engine, "read")
