"""The file of Redis after a crash.

It is repaired if nothing is lost by that. If not, it is refused with a command that helps.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from app.cli.main import app as cli
from app.errors import StartupError
from app.local.redis_server import run_redis, serve_redis
from app.queue import ACCEPTED_KEY


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def accept(client: redis.Redis, number: int) -> None:
    with client.pipeline(transaction=True) as pipe:
        pipe.psetex(f"arq:job:{number}", 10_000_000, b"x" * 200)
        pipe.hincrby(ACCEPTED_KEY, "default", 1)
        pipe.execute()


def written(data_dir: Path, *, old_layout: bool) -> Path:
    """The file of a Redis that was killed after ten records.

    Its layout is that of Redis 6 or of later servers.
    """
    with serve_redis(data_dir) as server, redis.Redis.from_url(server.url) as client:
        for number in range(10):
            accept(client, number)
        server.process.kill()
        server.process.wait()
    (file,) = (data_dir / "redis" / "appendonlydir").glob("*.incr.aof")
    if not old_layout:
        return file
    single = data_dir / "redis" / "appendonly.aof"
    file.rename(single)
    shutil.rmtree(data_dir / "redis" / "appendonlydir")
    (data_dir / "redis" / "SERVER").unlink()
    return single


def accepted(data_dir: Path) -> tuple[int, int]:
    """Return what the ledger says was accepted, and the number of jobs."""
    with run_redis(data_dir) as url, redis.Redis.from_url(url) as client:
        jobs = len(list(client.scan_iter("arq:job:*")))
        return int(client.hget(ACCEPTED_KEY, "default") or 0), jobs


@pytest.mark.parametrize("old_layout", [False, True])
@pytest.mark.parametrize(("cut_off", "after", "left"), [(0, 4096, 10), (5, 0, 9), (5, 4096, 9), (0, 0, 10)])
def test_what_was_never_acknowledged_goes_by_itself(
    data_dir: Path,
    capfd: pytest.CaptureFixture[str],
    cut_off: int,
    after: int,
    left: int,
    *,
    old_layout: bool,
) -> None:
    file = written(data_dir, old_layout=old_layout)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) - cut_off] + bytes(after))
    assert accepted(data_dir) == (left, left)
    said = capfd.readouterr().err
    copies = list((data_dir / "redis").glob("damaged-*.aof"))
    assert len(copies) == bool(cut_off + after)
    assert bool(said) == bool(copies)
    for kept in copies:
        assert re.search(rf"cut off .* {kept.stat().st_size} of {len(content) - cut_off + after} bytes", said)
        assert str(kept) in said
        assert kept.read_bytes().endswith(bytes(after))
    assert accepted(data_dir) == (left, left)


@pytest.mark.parametrize("old_layout", [False, True])
def test_other_damage_is_refused_with_a_command_that_repairs_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, *, old_layout: bool
) -> None:
    file = written(data_dir, old_layout=old_layout)
    content = file.read_bytes()
    middle = content.index(b"*", len(content) // 2)
    file.write_bytes(content[:middle] + b"\x00garbage" + content[middle:])
    with pytest.raises(StartupError, match=r"queue cannot be read: .*llm-monitor repair-queue"):
        accepted(data_dir)
    (unchanged,) = [each for each in (data_dir / "redis").rglob("*.aof") if each.stat().st_size]
    assert unchanged.stat().st_size == len(content) + 8
    monkeypatch.setenv("LLM_MONITOR_DATA_DIR", str(data_dir))
    done = CliRunner().invoke(cli, ["repair-queue"])
    assert done.exit_code == 0, done.output
    (kept,) = (data_dir / "redis").glob("damaged-*.aof")
    assert str(kept) in done.output
    assert b"\x00garbage" in kept.read_bytes()
    count, jobs = accepted(data_dir)
    assert jobs < 10
    assert count == 10, "what was accepted stays accepted, so that the ledger shows what is missing"
    again = CliRunner().invoke(cli, ["repair-queue"])
    assert "Nothing was changed" in again.output


def test_a_running_server_is_left_alone(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.local.redis_server.PREDECESSOR_SECONDS", 0.1)
    monkeypatch.setenv("LLM_MONITOR_DATA_DIR", str(data_dir))
    with run_redis(data_dir):
        done = CliRunner().invoke(cli, ["repair-queue"])
    assert done.exit_code == 2
    assert "already running" in done.output


def test_files_of_a_later_server_are_refused_with_its_name(data_dir: Path) -> None:
    written(data_dir, old_layout=False)
    note = data_dir / "redis" / "SERVER"
    assert re.fullmatch(r"(Valkey|Redis) \d+\.\d+\.\d+\n", note.read_text())
    note.write_text("Valkey 99.0.1\n")
    with pytest.raises(StartupError, match=r"last written by Valkey 99\.0\.1"), run_redis(data_dir):
        pass


def test_files_of_an_earlier_server_are_taken_over(data_dir: Path) -> None:
    written(data_dir, old_layout=True)
    (data_dir / "redis" / "SERVER").write_text("Redis 6.2.14\n")
    assert accepted(data_dir) == (10, 10)
    assert "Redis 6.2.14" not in (data_dir / "redis" / "SERVER").read_text()
