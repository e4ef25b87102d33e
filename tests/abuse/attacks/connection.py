"""Requests as bytes and one connection for them.

Sending therefore costs the attacker next to nothing.
"""

from __future__ import annotations

import gzip
import json
import socket
from typing import Any, NamedTuple, Self

PATIENCE_SECONDS = 12.0
# This is not the tenant's 127.0.0.1, so that limits by address apply to attackers alone.
_SOURCE = ("127.0.0.2", 0)
_END_OF_HEAD = b"\r\n\r\n"
_PIECE = 256 * 1024


def connect(port: int, patience: float) -> socket.socket:
    """Return a connection from the attackers' address to a port of this machine; raises OSError."""
    return socket.create_connection(("127.0.0.1", port), patience, source_address=_SOURCE)


class Answer(NamedTuple):
    """A status and a body.

    The status is text. It is `closed` or `silent` (no answer in time) if there was none.
    """

    status: str
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


def request(
    path: str,
    body: bytes = b"",
    *headers: str,
    key: str = "",
    content_type: str = "application/json",
    method: str = "",
    compressed: bool = False,
) -> bytes:
    """Return the bytes of one request.

    The method is POST if there is a body and GET if not, unless `method` says otherwise.
    """
    if compressed:
        body = gzip.compress(body, 6)
    head = [
        f"{method or ('POST' if body else 'GET')} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *(["Content-Encoding: gzip"] if compressed else []),
        *([f"Authorization: Bearer {key}"] if key else []),
        *headers,
    ]
    return "\r\n".join(head).encode() + _END_OF_HEAD + body


class Connection:
    """A connection that opens when it first sends, and again after the server has closed it."""

    def __init__(self, port: int, patience: float = PATIENCE_SECONDS) -> None:
        self._port = port
        self._patience = patience
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def ask(self, data: bytes) -> Answer:
        """Send one request and return its answer, even one that comes before all of it was sent."""
        kept = self._socket is not None
        answer = self._ask(data)
        # The server may have closed the connection after its last answer, which says nothing about
        # this request.
        return self._ask(data) if kept and answer.status == "closed" else answer

    def _ask(self, data: bytes) -> Answer:
        try:
            if self._socket is None:
                self._socket = connect(self._port, self._patience)
            try:
                self._socket.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                answer = self._receive(self._socket)
                self.close()
                return answer
            return self._receive(self._socket)
        except TimeoutError:
            self.close()
            return Answer("silent")
        except OSError:
            self.close()
            return Answer("closed")

    def _receive(self, source: socket.socket) -> Answer:
        received = bytearray()
        while (end := received.find(_END_OF_HEAD)) < 0:
            if not (piece := source.recv(_PIECE)):
                self.close()
                return Answer("closed")
            received += piece
        head = bytes(received[:end]).lower()
        status = head[9:12].decode()
        at = head.find(b"content-length: ")
        if at < 0:  # of a body without a length nothing is wanted
            self.close()
            return Answer(status)
        begin = end + len(_END_OF_HEAD)
        length = int(head[at + 16 :].split(b"\r", 1)[0])
        while len(received) < begin + length and (piece := source.recv(_PIECE)):
            received += piece
        if b"connection: close" in head:
            self.close()
        return Answer(status, bytes(received[begin:]))
