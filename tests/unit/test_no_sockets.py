from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from tests.unit.conftest import SocketOpened


@pytest.mark.parametrize(
    "reach_out",
    [
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.socket(socket.AF_UNIX).connect("/nowhere.sock"),
        lambda: socket.create_server(("127.0.0.1", 0)),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    ],
    ids=["tcp", "unix", "listen", "udp"],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_unit_test_that_opens_a_socket_fails(reach_out: Callable[[], object]) -> None:
    with pytest.raises(SocketOpened):
        reach_out()


async def test_the_event_loop_still_works() -> None:
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, lambda: 42) == 42
