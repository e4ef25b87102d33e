"""Unit tests open no socket."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest

pytest.register_assert_rewrite("tests.unit.contract")  # so that what it refuses is shown with its values


class SocketOpened(AssertionError):
    """A unit test tried to reach another process."""


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse what reaches out or listens; the event loop's own socketpair needs neither."""

    def refuse(_: socket.socket, *address: object) -> NoReturn:
        raise SocketOpened(f"a unit test opened a socket to {address}: move it to tests/integration")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
