"""Reading what was given up, trying it again and deleting it, over HTTP and by command."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from app.cli.main import app as cli
from tests.integration.api_rig import PROBLEM, ApiRig, bury, running_api


async def listed(api: ApiRig, **parameters: Any) -> list[str]:
    return [letter["trace_id"] for letter in (await api.get("/pipeline/dead", **parameters))["dead_letters"]]


async def test_letters_are_listed_by_page_and_reason_though_buried_at_one_moment(api: ApiRig) -> None:
    ids = await bury(api, "deadline", "process_died", "deadline", "deadline")
    newest_first = ids[::-1]
    first = await api.get("/pipeline/dead", limit=3)
    assert [letter["trace_id"] for letter in first["dead_letters"]] == newest_first[:3]
    second = await api.get("/pipeline/dead", limit=3, cursor=first["next"])
    assert ([letter["trace_id"] for letter in second["dead_letters"]], second["next"]) == (
        newest_first[3:],
        None,
    )
    assert await listed(api, reason="process_died") == [ids[1]]
    assert await listed(api, before="2026-01-01T00:00:00Z") == []


async def test_a_letter_is_shown_with_its_record_or_its_bytes(api: ApiRig) -> None:
    (readable,) = await bury(api)
    shown = await api.get(f"/pipeline/dead/{readable}")
    assert (shown["reason"], shown["attempts"], shown["detail"]) == ("deadline", 2, "took too long")
    assert (shown["record"]["prompt"], shown["record"]["response"]) == ("hello", "two words")
    (broken,) = await bury(api, "unreadable", payload=b"\xc1")
    shown = await api.get(f"/pipeline/dead/{broken}")
    assert (shown["payload"], "record" in shown) == ("wQ==", False)
    response = await api.client.post(f"/pipeline/dead/{broken}/replay")
    assert (response.status_code, response.headers["content-type"]) == (409, PROBLEM)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_no_such_letter_is_404(api: ApiRig, method: str) -> None:
    response = await api.client.request(method, "/pipeline/dead/5e9d8cbe-7e5e-4d5c-9be9-111111111111")
    assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM)


async def test_all_of_a_reason_are_replayed_once_and_balance(api: ApiRig) -> None:
    await bury(api, "deadline", "process_died", "deadline")
    (broken,) = await bury(api, "deadline", payload=b"\xc1")
    replayed = [
        (await api.client.post("/pipeline/dead/replay", params={"reason": "deadline"})).json()
        for _ in range(2)
    ]
    assert replayed == [{"replayed": 2, "unreadable": 1}, {"replayed": 0, "unreadable": 0}]
    await api.worker.drain()
    assert len(await listed(api)) == 2
    assert await listed(api, reason="deadline") == [broken]
    (ledger,) = (await api.get("/pipeline"))["projects"]
    assert (ledger["accepted"], ledger["stored"], ledger["dead"], ledger["unaccounted"]) == (6, 2, 4, 0)


async def test_letters_are_purged_one_or_many(api: ApiRig) -> None:
    ids = await bury(api, "deadline", "process_died", "deadline")
    assert (await api.client.delete(f"/pipeline/dead/{ids[0]}")).json() == {"purged": 1}
    answer = await api.client.delete("/pipeline/dead", params={"reason": "deadline"})
    assert answer.json() == {"purged": 1}
    assert await listed(api) == [ids[1]]


async def test_a_replay_finds_no_room_in_a_full_queue_and_marks_nothing(
    database_url: str, redis_url: str
) -> None:
    async with running_api(database_url, redis_url, backlog_max_records=2) as api:
        (trace_id,) = await bury(api)
        api.services.ingest.admission.admit("default", records=1, size=1)
        response = await api.client.post(f"/pipeline/dead/{trace_id}/replay")
        assert (response.status_code, int(response.headers["retry-after"]) > 0) == (503, True)
        (letter,) = (await api.get("/pipeline/dead"))["dead_letters"]
        assert letter["replayed_at"] is None


@pytest.fixture
async def url(api: ApiRig) -> AsyncIterator[str]:
    """The address of the API, over a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(api.app, lifespan="off", log_level="error"))
        running = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await running


def command(url: str, *arguments: str) -> Result:
    """Run the command in this process: starting one takes longer than all it does."""
    return CliRunner(env={"API_BASE_URL": url, "COLUMNS": "200"}).invoke(cli, ["dead", *arguments])


async def dead(url: str, *arguments: str) -> Result:
    return await asyncio.to_thread(command, url, *arguments)


async def test_the_command_lists_shows_replays_and_purges(api: ApiRig, url: str) -> None:
    assert (await dead(url, "list")).stdout == "no record was given up\n"
    ids = await bury(api, "deadline", "process_died", "deadline")
    table = (await dead(url, "list")).stdout
    assert all(trace_id in table for trace_id in ids)
    lines = (await dead(url, "list", "--json", "--reason", "deadline")).stdout.splitlines()
    assert [json.loads(line)["trace_id"] for line in lines] == [ids[2], ids[0]]
    assert json.loads((await dead(url, "show", ids[0])).stdout)["record"]["response"] == "two words"

    assert (await dead(url, "replay", ids[0])).stdout == "replayed 1\n"
    assert (await dead(url, "replay", "--all", "--reason", "deadline")).stdout == "replayed 1\n"
    await api.worker.drain()
    assert await listed(api) == [ids[1]]
    refused = await dead(url, "purge", "--all")
    assert (refused.exit_code, await listed(api)) == (1, [ids[1]])
    assert (await dead(url, "purge", "--all", "--yes")).stdout == "purged 1\n"
    assert await listed(api) == []
    acts = await api.worker.rows("SELECT act, subject FROM audit_log ORDER BY act_id")
    assert [(act["act"], act["subject"]) for act in acts] == [
        ("dead.replayed", ids[0]),
        ("dead.replayed", "*"),
        ("dead.purged", "*"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay",), "--all"),
        (("purge", "--yes"), "--all"),
        (("show", "5e9d8cbe-7e5e-4d5c-9be9-111111111111"), "No API answers"),
    ],
)
def test_the_command_says_in_one_line_what_is_missing(arguments: tuple[str, ...], said: str) -> None:
    result = command("http://127.0.0.1:1", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr
