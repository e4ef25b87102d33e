from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from typer.testing import CliRunner

from app.cli.main import app as cli
from app.config import Settings
from app.errors import StartupError
from app.local.servers import Addresses, join_servers, read_addresses


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, database_url="postgresql://elsewhere/x", redis_maxmemory_mb=64)


def _set_up(_: Addresses) -> None:
    """Nothing to migrate in these tests."""


def _holder_of(data_dir: Path) -> psutil.Process:
    return psutil.Process(json.loads((data_dir / "stack.json").read_text())["pid"])


def _is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_first_member_starts_the_servers_and_the_last_one_stops_them(
    settings: Settings, data_dir: Path
) -> None:
    with join_servers(settings) as second:
        with join_servers(settings) as first:
            first.ensure(_set_up)
            holder = _holder_of(data_dir)
            second.ensure(_set_up)
            assert second.addresses == first.addresses == read_addresses(data_dir)
            assert _holder_of(data_dir) == holder
        assert not second.lost()
        with redis.Redis.from_url(str(second.addresses.redis_url)) as client:
            assert client.ping()
    assert first.lost()
    psutil.wait_procs([holder], timeout=1)
    assert _is_gone(holder)
    with pytest.raises(StartupError, match="no stack runs"):
        read_addresses(data_dir)


def test_members_get_servers_back_after_the_holder_was_killed(settings: Settings, data_dir: Path) -> None:
    with join_servers(settings) as member:
        member.ensure(_set_up)
        with redis.Redis.from_url(str(member.addresses.redis_url)) as client:
            client.set("kept", "yes")
        holder = _holder_of(data_dir)
        holder.kill()
        holder.wait(5)
        assert member.lost()
        started = time.monotonic()
        member.ensure(_set_up)
        assert time.monotonic() - started < 5
        with redis.Redis.from_url(str(member.addresses.redis_url)) as client:
            assert client.get("kept") == b"yes"


MEMBER = """
import sys
from pathlib import Path
from app.config import Settings
from app.local.servers import join_servers
settings = Settings(data_dir=Path(sys.argv[1]), database_url="postgresql://elsewhere/x", redis_maxmemory_mb=64)
with join_servers(settings) as servers:
    servers.ensure(lambda _: None)
    print("joined", flush=True)
    sys.stdin.read()
"""


def test_servers_stop_when_their_only_member_is_killed(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MEMBER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as member:
        assert member.stdout
        assert member.stdout.readline() == b"joined\n"
        family = [_holder_of(data_dir), *_holder_of(data_dir).children(recursive=True)]
        member.kill()
    assert len(family) == 2
    psutil.wait_procs(family, timeout=5)
    assert all(_is_gone(process) for process in family)


def test_a_stack_with_other_servers_is_not_joined_silently(settings: Settings, data_dir: Path) -> None:
    with join_servers(settings) as member:
        member.ensure(_set_up)
        wants_both = Settings(data_dir=data_dir)
        with join_servers(wants_both) as other, pytest.raises(StartupError, match="was given DATABASE_URL"):
            other.ensure(_set_up)


def test_servers_that_cannot_start_say_why_in_one_line(settings: Settings, data_dir: Path) -> None:
    (data_dir / "redis").write_text("a file where a folder belongs")
    with join_servers(settings) as member, pytest.raises(StartupError, match="belongs to another") as caught:
        member.ensure(_set_up)
    assert "\n" not in caught.value.detail


def test_urls_prints_what_runs_and_refuses_when_nothing_does(
    settings: Settings, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_MONITOR_DATA_DIR", str(data_dir))
    monkeypatch.setenv("DATABASE_URL", str(settings.database_url))
    refused = CliRunner().invoke(cli, ["urls"])
    assert refused.exit_code == 2
    assert f"no stack runs on {data_dir}" in refused.stderr
    with join_servers(settings) as member:
        member.ensure(_set_up)
        printed = CliRunner().invoke(cli, ["urls"])
    assert printed.exit_code == 0
    assert printed.stdout.split() == [
        f"DATABASE_URL={settings.database_url}",
        f"REDIS_URL={member.addresses.redis_url}",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_somebody_else_is_told_whose_stack_it_is(settings: Settings, data_dir: Path) -> None:
    with join_servers(settings) as member:
        member.ensure(_set_up)
        os.seteuid(65534)
        try:
            with pytest.raises(StartupError, match="belongs to another user"):
                read_addresses(data_dir)
        finally:
            os.seteuid(0)
