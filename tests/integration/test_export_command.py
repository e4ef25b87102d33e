"""`llm-monitor export` over a socket, and what it leaves when somebody stops or breaks off."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
import uvicorn
from sqlalchemy.pool import Pool, QueuePool
from typer.testing import CliRunner, Result

from app.cli.main import app as cli
from app.exporting import fetching
from app.exporting.fetching import Fetched, Wanted, fetch
from app.serving.connections import BoundedConnection
from tests.integration.api_rig import ApiRig, own_servers, running_api

FORMATS = ("ndjson", "csv", "parquet")


@pytest.fixture(scope="module")
async def served(
    postgres_url: str, migrated_template: str, redis_server_url: str
) -> AsyncIterator[tuple[ApiRig, str]]:
    """An API that has twenty calls, and its address."""
    async with (
        own_servers(postgres_url, migrated_template, redis_server_url) as (database_url, redis),
        running_api(database_url, redis) as api,
    ):
        api.services.exports.settle_seconds = 0
        await api.store(
            *({"id": f"{at}", "prompt": f"question {at}\n", "response": "=x" * 5_000} for at in range(20))
        )
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(api.app, lifespan="off", log_level="critical", http=BoundedConnection)
            server = uvicorn.Server(config)
            running = asyncio.create_task(server.serve([listening]))
            yield api, f"http://127.0.0.1:{listening.getsockname()[1]}"
            server.should_exit = True
            await running


@pytest.fixture
def api(served: tuple[ApiRig, str]) -> ApiRig:
    return served[0]


@pytest.fixture
def url(served: tuple[ApiRig, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the API, from which the command fetches pieces of six calls without pauses."""
    monkeypatch.setattr(fetching, "_PIECE_CALLS", 6)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return served[1]


class Breaking:
    """A proxy that breaks off answers: after how many bytes, for one connection after the other."""

    def __init__(self, url: str, *after: int) -> None:
        self.port = int(url.rpartition(":")[2])
        self.after = list(after)
        self.connections = 0
        self.running: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.running.add(asyncio.current_task())
        left = self.after.pop(0) if self.after else None
        there, to = await asyncio.open_connection("127.0.0.1", self.port)
        asking = asyncio.create_task(_copy(reader, to, None))
        try:
            await _copy(there, writer, left)
        finally:
            asking.cancel()
            to.close()
            writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
    while data := await reader.read(1_000):
        writer.write(data if left is None else data[:left])
        await writer.drain()
        left = None if left is None else left - len(data)
        if left is not None and left <= 0:
            return


async def run(url: str, *arguments: str) -> Result:
    runner = CliRunner(env={"API_BASE_URL": url, "COLUMNS": "200"})
    return await asyncio.to_thread(lambda: runner.invoke(cli, ["export", *arguments]))


async def whole(url: str, **parameters: Any) -> bytes:
    async with httpx.AsyncClient(base_url=url) as client:
        return (await client.get("/export", params=parameters)).content


def ids(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        found: list[str] = pq.read_table(file)["trace_id"].to_pylist()
        return found
    return [json.loads(line)["trace_id"] for line in file.read_text().splitlines()]


def left(out: Path) -> list[str]:
    """What lies in the folder of a file."""
    return sorted(file.name for file in out.parent.iterdir())


def check(out: Path, plain: bytes, csv: bytes) -> None:
    """The file is the one that comes when nothing breaks."""
    assert left(out) == [out.name]
    if out.suffix == ".csv":
        assert out.read_bytes() == csv
    else:
        assert ids(out) == [json.loads(line)["trace_id"] for line in plain.splitlines()]


@pytest.mark.parametrize("form", FORMATS)
async def test_a_file_appears_when_it_is_whole(url: str, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"calls.{form}"
    result = await run(url, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "20 calls" in result.stdout
    check(out, await whole(url), await whole(url, format="csv"))


@pytest.mark.parametrize("form", FORMATS)
async def test_connections_that_break_lose_and_double_nothing(url: str, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"calls.{form}"
    breaking = Breaking(url, 0, 300, 700, 20_000, 100)
    async with breaking as address:
        result = await run(address, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert breaking.connections > 5
    check(out, await whole(url), await whole(url, format="csv"))


@pytest.mark.parametrize("form", FORMATS)
async def test_the_same_command_goes_on_after_it_was_killed(
    api: ApiRig, url: str, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"calls.{form}"
    plain, csv = await whole(url), await whole(url, format="csv")

    def stop(fetched: Fetched, coming: int) -> None:
        if fetched.pieces == 2 and coming:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(
            "app.cli.export.fetch",
            lambda wanted, path, _, restart: fetch(wanted, path, stop, restart=restart),
        )
        result = await run(url, "--out", str(out))
    assert (result.exit_code, out.name in left(out)) == (130, False)
    assert "goes on" in result.stderr
    await api.store({"prompt": "later", "response": "not in it", "user_id": "late"})
    other = await run(url, "--out", str(out), "--filter", "user = ada")
    assert (other.exit_code, "--restart" in other.stderr) == (2, True)
    result = await run(url, "--out", str(out))
    assert result.exit_code == 0
    check(out, plain, csv)


class Killed(BaseException):
    """Stands for kill -9: nothing of the command runs after it."""


@pytest.mark.parametrize("step", ["pathlib.Path.replace", "pathlib.Path.unlink"])
@pytest.mark.parametrize("pieces", [6, 1_000], ids=["four pieces", "one piece"])
@pytest.mark.parametrize("form", FORMATS)
async def test_a_command_that_is_killed_at_any_step_of_its_end_is_finished_by_the_next(
    url: str, tmp_path: Path, form: str, pieces: int, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"calls.{form}"
    plain, csv = await whole(url), await whole(url, format="csv")
    monkeypatch.setattr(fetching, "_PIECE_CALLS", pieces)
    kills = 0
    for last in range(1, 20):
        with monkeypatch.context() as patched:
            steps = _kill_after(patched, step, last)
            try:
                await asyncio.to_thread(fetch, _wanted(url, form), out, lambda *_: None)
            except Killed:
                kills += 1
        await asyncio.to_thread(fetch, _wanted(url, form), out, lambda *_: None)
        check(out, plain, csv)
        out.unlink()
        if steps[0] < last:
            break
    assert kills == last - 1 > 0


def _kill_after(patched: pytest.MonkeyPatch, step: str, last: int) -> list[int]:
    """Kill the command after the last of so many steps; returns how many there were so far."""
    taken, real = [0], getattr(Path, step.rpartition(".")[2])

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        found = real(path, *arguments, **options)
        taken[0] += 1
        if taken[0] == last:
            raise Killed
        return found

    patched.setattr(step, counted)
    return taken


def _wanted(url: str, form: str) -> Wanted:
    return Wanted(url, {"kind": "traces", "format": form, "source": "live"})


@pytest.mark.parametrize("form", FORMATS)
async def test_what_is_gone_from_beside_the_file_is_not_made_up(url: str, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"calls.{form}"

    def stop(fetched: Fetched, coming: int) -> None:
        if fetched.pieces == 2 and coming:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(fetch, _wanted(url, form), out, stop)
    part = out.with_name(f"{out.name}.part-1" if form == "parquet" else f"{out.name}.part")
    part.unlink()
    result = await run(url, "--out", str(out))
    assert (result.exit_code, "--restart begins again" in result.stderr) == (2, True)
    assert not out.exists()
    assert (await run(url, "--out", str(out), "--restart")).exit_code == 0
    check(out, await whole(url), await whole(url, format="csv"))


async def test_an_api_that_is_away_leaves_no_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_GIVE_UP_SECONDS", -1)
    out = tmp_path / "calls.ndjson"
    async with Breaking(url, *[300] * 100) as address:
        result = await run(address, "--out", str(out))
    assert (result.exit_code, out.name in left(out)) == (1, False)
    assert "Run the same command again" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["keys"], "KIND must be one of"),
        (["--format", "xlsx"], "--format must be one of"),
        (["--out", "calls.xlsx"], "--format must be one of"),
        (["--out", "nowhere/calls.csv"], "no folder nowhere"),
        (["--filter", "quality <"], "filter"),
        (["--period", "soon"], "time_period"),
    ],
)
async def test_what_is_refused_has_status_2(url: str, tmp_path: Path, options: list[str], said: str) -> None:
    out = [] if "--out" in options else ["--out", str(tmp_path / "x.csv")]
    result = await run(url, *options, *out)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output
    assert left(tmp_path / "x.csv") == []


@pytest.mark.parametrize("form", FORMATS)
async def test_a_client_that_leaves_frees_everything(
    api: ApiRig, url: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **options: Any) -> Any:
        started.append(await start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    await api.store(
        *({"prompt": "long", "response": f"{at}" * 1_000_000, "user_id": "long"} for at in range(4))
    )
    async with httpx.AsyncClient(base_url=url) as client:
        async with client.stream("GET", "/export", params={"format": form}) as response:
            assert response.status_code == 200
            assert (await client.get("/export")).status_code == 429
        await until_free(client)
    assert all(process.returncode is not None for process in started)
    assert _lent(api.services.engine.pool) == 0


def _lent(pool: Pool) -> int:
    """Return the number of connections that somebody holds."""
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


async def until_free(client: httpx.AsyncClient) -> None:
    """Wait until the next export is let in."""
    async with asyncio.timeout(20):
        for _ in range(1_000):
            if (await client.get("/export", params={"limit": 1})).is_success:
                return
            await asyncio.sleep(0.02)


async def test_a_database_that_goes_away_leaves_no_whole_answer(
    api: ApiRig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr("app.exporting.turns._TRIES", 1)
    monkeypatch.setattr("app.exporting.walking.read_rows", fail)
    async with httpx.AsyncClient(base_url=url) as client:
        for form in FORMATS:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/export", params={"format": form})
            assert (await client.get("/health")).status_code == 200
    assert _lent(api.services.engine.pool) == 0
