from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.disk import RESERVE_BYTES, Disk
from app.local import reserve

MIB = 1024 * 1024


class Local(Redis):
    """A client that is asked for the folder of its server."""

    def __init__(self, url: str, folder: str | Exception) -> None:
        super().__init__(connection_pool=Redis.from_url(url).connection_pool)
        self.folder = folder

    async def config_get(self, *_: object, **__: object) -> dict[str, str]:
        if isinstance(self.folder, Exception):
            raise self.folder
        return {"dir": self.folder}


@pytest.mark.parametrize(
    ("free", "held", "admits", "stores"),
    [
        (500, 10, True, True), (148, 10, True, True), (147, 10, False, True), (2300, 1100, False, True),
        (48, 0, False, True), (47, 0, False, False), (0, 0, False, False),
    ],
)  # fmt: skip
async def test_a_disk_admits_what_it_will_have_to_hold(
    free: int, held: int, *, admits: bool, stores: bool
) -> None:
    disk = Disk(
        Local("unix:///run/redis.sock", "/data"), lambda folder: free * MIB if folder == "/data" else -1
    )
    disk.held = held * MIB
    await disk.look()
    assert (disk.admits, disk.stores) == (admits, stores)


async def test_what_is_taken_counts_until_the_next_look() -> None:
    disk = Disk(Local("unix:///run/redis.sock", "/data"), lambda _: 150 * MIB)
    await disk.look()
    disk.take(10 * MIB)
    disk.take(2 * MIB)
    assert not disk.admits
    await disk.look()
    assert disk.admits


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("redis://other/0", "/data"),
        ("unix:///run/redis.sock", ConnectionError()),
        ("unix:///run/redis.sock", "/no/such/folder"),
    ],
)
async def test_of_another_machine_nothing_is_known_and_nothing_refused(
    url: str, folder: str | Exception
) -> None:
    disk = Disk(Local(url, folder))
    await disk.look()
    disk.take(10**12)
    assert disk.free is None
    assert disk.admits
    assert disk.stores


async def test_the_folder_is_remembered_while_redis_is_away() -> None:
    client = Local("unix:///run/redis.sock", "/data")
    disk = Disk(client, lambda _: 7)
    await disk.look()
    client.folder = ConnectionError()
    await disk.look()
    assert disk.free == 7


def test_the_reserve_is_made_where_there_is_plenty_and_given_up_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = {"free": 3 * RESERVE_BYTES}
    monkeypatch.setattr(reserve, "free_bytes", lambda _: room["free"])
    assert not reserve.keep_reserve(tmp_path)
    room["free"] = 4 * RESERVE_BYTES
    assert reserve.keep_reserve(tmp_path)
    assert not reserve.keep_reserve(tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_blocks * 512 >= RESERVE_BYTES
    room["free"] = RESERVE_BYTES
    assert not reserve.give_up_reserve(tmp_path)
    room["free"] = RESERVE_BYTES - 1
    assert reserve.give_up_reserve(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not reserve.give_up_reserve(tmp_path)


def test_a_reserve_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve, "free_bytes", lambda _: 4 * RESERVE_BYTES)

    def refuse(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.local.reserve.os.posix_fallocate", refuse)
    assert not reserve.keep_reserve(tmp_path)
    assert list(tmp_path.iterdir()) == []
