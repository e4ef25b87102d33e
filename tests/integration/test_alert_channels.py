"""Channels over HTTP: made, shown without secrets, changed, tested and deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.channels.addresses import AllowedNetworks
from app.channels.network import Network, SystemResolver, open_network
from app.channels.sealing import Sealing
from app.channels.sending import Sender
from app.cli.main import app as command_line
from app.supervision import Tasks, in_background
from tests.integration.api_rig import PROBLEM, ApiRig, running_api
from tests.integration.receivers import OK, receiving, says
from workers.delivering import Delivering

KEY = "0123456789abcdef" * 2
EMAIL = {
    "kind": "email",
    "host": "mail.example",
    "username": "monitor",
    "password": "hidden-password",
    "sender": "monitor@example.com",
    "recipients": ["oncall@example.com"],
}
TARGETS: list[dict[str, Any]] = [
    {"kind": "webhook", "url": "https://hooks.example/hidden-path?token=hidden"},
    {"kind": "webhook", "url": "https://hooks.example/", "secret": "hidden-signing-secret"},
    {"kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/hidden"},
    {"kind": "pagerduty", "routing_key": "hidden" * 5 + "00", "region": "eu"},
    EMAIL,
]


@pytest.fixture
async def rig(database_url: str, redis_url: str) -> AsyncIterator[ApiRig]:
    async with running_api(database_url, redis_url, privacy_key=KEY) as api:
        yield api


async def make(api: ApiRig, target: Any, **fields: Any) -> Any:
    made = await api.post("/alerts/channels", {"name": "on call", "target": target, **fields})
    assert made.status_code == 201, made.text
    return made.json()


async def test_secrets_are_shown_once_and_stored_encrypted(rig: ApiRig) -> None:
    for target in TARGETS:
        made = await make(rig, target)
        assert (made["secret"] is None) == (target["kind"] != "webhook")
        assert made["kind"] == target["kind"]
        shown = await rig.get(f"/alerts/channels/{made['channel_id']}")
        assert "secret" not in shown
        assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert await rig.get("/alerts/channels") == {
        "channels": [*(await rig.get("/alerts/channels"))["channels"]]
    }
    everywhere = json.dumps([await rig.get("/alerts/channels"), await rig.get("/audit")])
    assert "hidden" not in everywhere
    async with rig.services.engine.connect() as connection:
        rows = await connection.scalars(
            text("SELECT alert_channels::text || sealed::text FROM alert_channels")
        )
        stored = "".join(rows)
    assert "hidden" not in stored
    assert b"hidden".hex() not in stored


async def test_a_wrong_target_is_refused_and_nothing_is_made(rig: ApiRig) -> None:
    for target in ({**EMAIL, "port": 0}, {"kind": "slack", "url": "ftp://a.example/"}):
        answer = await rig.post("/alerts/channels", {"name": "on call", "target": target})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == PROBLEM
    assert (await rig.get("/alerts/channels"))["channels"] == []


async def test_a_channel_is_changed_turned_off_and_deleted(rig: ApiRig) -> None:
    made = await make(rig, TARGETS[0])
    path = f"/alerts/channels/{made['channel_id']}"
    off = (await rig.client.patch(path, json={"enabled": False, "name": "night"})).json()
    assert (off["enabled"], off["name"], off["secret"], off["target"]) == (
        False,
        "night",
        None,
        made["target"],
    )
    moved = (
        await rig.client.patch(path, json={"target": {"kind": "webhook", "url": "https://b.example/"}})
    ).json()
    assert moved["target"] == {"url": "https://b.example/…"}
    assert moved["secret"] not in {None, made["secret"]}
    other = await rig.client.patch(path, json={"target": TARGETS[2]})
    assert (other.status_code, "kind webhook" in other.json()["detail"]) == (409, True)
    assert (await rig.client.delete(path)).status_code == 200
    for missing in (path, f"/alerts/channels/{uuid4()}"):
        assert (await rig.client.get(missing)).status_code == 404
        assert (await rig.client.patch(missing, json={})).status_code == 404
        assert (await rig.client.delete(missing)).status_code == 404
        assert (await rig.client.post(f"{missing}/test")).status_code == 404
    acts = [act["act"] for act in (await rig.get("/audit"))["acts"]]
    assert acts == [
        "alert_channel.deleted",
        "alert_channel.changed",
        "alert_channel.changed",
        "alert_channel.created",
    ]


async def test_a_project_has_at_most_twenty_channels(rig: ApiRig) -> None:
    for _ in range(20):
        await make(rig, TARGETS[2])
    answer = await rig.post("/alerts/channels", {"name": "one more", "target": TARGETS[2]})
    assert (answer.status_code, "20 channels" in answer.json()["detail"]) == (409, True)


async def test_without_a_key_no_secret_is_stored(api: ApiRig) -> None:
    answer = await api.post("/alerts/channels", {"name": "on call", "target": TARGETS[0]})
    assert answer.status_code == 409
    assert "LLM_MONITOR_PRIVACY_KEY" in answer.json()["detail"]


async def test_the_test_button_says_what_became_of_the_message(rig: ApiRig) -> None:
    network = Network(AllowedNetworks(["127.0.0.1"]), SystemResolver(), open_network(()).tls)
    worker = Delivering(rig.services.engine, lambda: Sender(network), Sealing(KEY), "http://monitor.example")
    async with receiving(says(OK)) as receiver, in_background(worker.run(Tasks())):
        reached = await make(rig, {"kind": "webhook", "url": f"http://127.0.0.1:{receiver.port}/"})
        inside = await make(rig, {"kind": "webhook", "url": "https://169.254.169.254/latest/"})
        answers = await asyncio.gather(
            *(rig.client.post(f"/alerts/channels/{one['channel_id']}/test") for one in (reached, inside))
        )
    good, bad = (answer.json() for answer in answers)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (good["state"], good["status_code"], good["kind"]) == ("delivered", 200, "test")
    assert (bad["state"], "not allowed" in bad["error"]) == ("failed", True)
    assert json.loads(receiver.requests[0].body)["type"] == "alert.test"
    page = await rig.get("/alerts/deliveries", limit=1)
    assert len(page["deliveries"]) == 1
    rest = await rig.get("/alerts/deliveries", before=page["next"])
    assert rest["next"] is None
    found = {one["delivery_id"] for one in page["deliveries"] + rest["deliveries"]}
    assert found == {good["delivery_id"], bad["delivery_id"]}
    only = await rig.get("/alerts/deliveries", channel_id=inside["channel_id"], state="failed")
    assert [one["delivery_id"] for one in only["deliveries"]] == [bad["delivery_id"]]


async def test_the_command_line_makes_lists_and_deletes_channels(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LLM_MONITOR_PRIVACY_KEY", KEY)

    async def run(*words: str, sent: str = "") -> str:
        done = await asyncio.to_thread(
            CliRunner().invoke, command_line, ["alerts", "channels", *words], input=sent
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    channel_id, secret = (
        await run("create", sent=json.dumps({"name": "on call", "target": TARGETS[1]}))
    ).split()
    assert secret == TARGETS[1]["secret"]
    listed = await run("list")
    assert "on call" in listed
    assert "hidden" not in listed
    assert "waits for a worker" in await run("test", channel_id)
    assert "pending" in await run("deliveries")
    await run("delete", channel_id)
    assert "on call" not in await run("list")
