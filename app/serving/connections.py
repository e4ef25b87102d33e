"""HTTP connections with limits: on the head of a request, on its duration, and per address.

uvicorn has no such limits. It loads this class by `--http
app.serving.connections:BoundedConnection`, which every start of API and dashboard uses. A head is
counted while it is read, before anything is built from it.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from http import HTTPStatus
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from app.access.slots import Slots, network_of
from app.errors import HeadTooLarge, MalformedBody, MonitorError, TooSlow, Unavailable

__all__ = ["BoundedConnection", "Connections"]

logger = logging.getLogger(__name__)

HEAD_BYTES: Final = 64 * 1024  # of all fields; h11 accepts as much
TARGET_BYTES: Final = 16 * 1024  # of the address; nginx and Apache accept 8 KiB
MOST_FIELDS: Final = 100  # as Apache's LimitRequestFields
MOST_PIPELINED: Final = 16
MOST_CONNECTIONS: Final = 2000  # 128 MiB if each has read almost all of the largest head
_OTHER_FILES: Final = 300  # Redis, Postgres, logs, libraries

# Apache's mod_reqtimeout: a head within 20 s, and after 20 s a body of at least 500 bytes a second.
HEAD_SECONDS: Final = 20
BODY_SECONDS: Final = 20
SLOWEST_BYTES: Final = 500
# The kernel accepts megabytes before it reports that a reader has fallen behind.
ANSWER_SECONDS: Final = 60
_COPIED_BYTES: Final = 16 * 1024
_TICK_SECONDS: Final = 1.0
_REMARK_TICKS: Final = 60

_HEAD, _BODY, _ANSWER = range(3)
_HEAD_REFUSAL: Final = (
    f"The head of a request may have {MOST_FIELDS} fields and {HEAD_BYTES} bytes, and its address "
    f"{TARGET_BYTES} bytes; send longer data in the body."
)
_SLOW: Final = (
    f"The request came too slowly: its head may take {HEAD_SECONDS} s, and its body must come at {SLOWEST_BYTES} bytes a "
    "second or more. Send it again."
)
_FULL: Final = "This address holds its share of the connections; use the open ones again, or try later."


class Connections:
    """What the connections of one server share: their number, and the clock that ends slow ones."""

    _of_servers: ClassVar[WeakKeyDictionary[ServerState, Connections]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self._loop = loop
        self._slots = Slots(most)
        self._watched: set[BoundedConnection] = set()
        self._ticking = False
        self._refused = 0
        self._quiet_ticks = 0

    @classmethod
    def of(cls, state: ServerState, loop: asyncio.AbstractEventLoop) -> Connections:
        """Return the object of a server, which is the same for all its connections."""
        found = cls._of_servers.get(state)
        if found is None:
            found = cls._of_servers[state] = cls(loop, _open_files() - _OTHER_FILES)
        return found

    def __len__(self) -> int:
        """Return the number of open connections, WebSockets included."""
        return len(self._slots)

    def enter(self, connection: BoundedConnection, peer: str) -> bool:
        """Count a connection and watch it; False if its address has its share.

        One address may hold half of all connections. When all are used, the address that holds most
        loses one, so that an address without a connection gets in.
        """
        if not (self._slots.enter(peer) or (self._make_room(peer) and self._slots.enter(peer))):
            self._refused += 1
            return False
        self._watched.add(connection)
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(_TICK_SECONDS, self.tick)
        return True

    def _make_room(self, peer: str) -> bool:
        heaviest = self._slots.heaviest(peer) if self._slots.full else None
        if heaviest is None:
            return False
        return any(connection.give_way(heaviest) for connection in self._watched)

    def unwatch(self, connection: BoundedConnection) -> None:
        """Stop watching a connection that became a WebSocket, which has its own pings."""
        self._watched.discard(connection)

    def leave(self, peer: str) -> None:
        """Count a connection no more."""
        self._slots.leave(peer)

    def tick(self) -> None:
        """Count one second for every connection."""
        self._ticking = bool(self._watched)
        if self._ticking:
            self._loop.call_later(_TICK_SECONDS, self.tick)
        self._quiet_ticks -= 1
        if self._refused and self._quiet_ticks <= 0:
            logger.warning(
                "refused %d connections of addresses that hold their share; %d are open",
                self._refused,
                len(self),
            )
            self._refused, self._quiet_ticks = 0, _REMARK_TICKS
        for connection in [*self._watched]:
            connection.tick()


def _open_files() -> int:
    """Return how many files this process may open, after a request for as many as are needed."""
    wanted = MOST_CONNECTIONS + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(2 * _OTHER_FILES, min(wanted, soft))


class _Refusal(Exception):
    """Raised by the parser's callbacks: the request is refused."""


class BoundedConnection(HttpToolsProtocol):
    """One connection of uvicorn, read by httptools."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._shared = Connections.of(server_state, self.loop)
        self._peer = ""
        self._counted = False
        self._phase = _HEAD
        self._seconds_left: float = HEAD_SECONDS
        self._room = HEAD_BYTES
        self._loose = 0  # bytes since the parser last completed a part of the request
        self._received = 0  # bytes of body since the last tick
        self._unsent = 0
        self._refusal: MonitorError | None = None
        if self.ws_protocol_class is not None:
            self.ws_protocol_class = self._make_socket  # type: ignore[assignment]  # uvicorn only calls it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Begin, unless the address has its share of connections already."""
        super().connection_made(transport)
        self._joined_writes = _JoinedWrites(transport, self.loop)
        self._peer = network_of(self.client[0] if self.client else None)
        self._counted = self._shared.enter(self, self._peer)
        if not self._counted:
            self._refuse(Unavailable(_FULL, retry_after=1))

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            self._shared.unwatch(self)
            self._shared.leave(self._peer)

    def give_way(self, peer: str) -> bool:
        """End if this connection belongs to that address and the application owes it no answer."""
        owes = self._phase == _ANSWER and not self.cycle.response_complete
        if peer != self._peer or owes:
            return False
        self._leave()
        self.transport.abort()
        return True

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request."""
        self._loose += len(data)
        super().data_received(data)
        if self._loose > HEAD_BYTES:
            self._refuse(HeadTooLarge(_HEAD_REFUSAL))

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        self._phase = _HEAD
        self._seconds_left = HEAD_SECONDS
        self._room = HEAD_BYTES
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self.url += url
        if len(self.url) > TARGET_BYTES:
            self._give_up(HeadTooLarge(_HEAD_REFUSAL))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head, or of the trailer of a chunked body."""
        # The same as in uvicorn. Calling uvicorn's method would cost a third of the time for
        # counting.
        self._room -= len(name) + len(value)
        headers = self.headers
        if self._room < 0 or len(headers) >= MOST_FIELDS:
            self._give_up(HeadTooLarge(_HEAD_REFUSAL))
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._phase, self._seconds_left, self._loose = _BODY, BODY_SECONDS, 0
        if len(self.pipeline) >= MOST_PIPELINED:
            self._give_up(Unavailable("Wait for answers before you send more requests.", retry_after=1))
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = self._joined_writes  # type: ignore[assignment]  # it has the two methods that uvicorn calls

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._loose = 0
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the client waits for the application from now on."""
        self._phase, self._loose = _ANSWER, 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Become a WebSocket, which still counts as a connection."""
        self._shared.unwatch(self)
        super().handle_websocket_upgrade()

    def _make_socket(self, **given: Any) -> _Socket:
        counted, self._counted = self._counted, False
        return _Socket(**given, leave=(self._shared, self._peer) if counted else None)

    def _give_up(self, refusal: MonitorError) -> None:
        self._refusal = refusal
        raise _Refusal

    def send_400_response(self, msg: str) -> None:
        """Answer a request that could not be parsed."""
        self._refuse(self._refusal or MalformedBody(msg))

    def _refuse(self, error: MonitorError) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        # No answer is written into one that has begun, nor before the answer of an earlier request.
        free = cycle is None or (
            cycle.response_complete if self._phase == _HEAD else not cycle.response_started
        )
        if free:
            self.transport.write(_answer(error, self.server_state.default_headers))
        self.transport.close()

    def tick(self) -> None:
        """Count one second.

        A client that keeps us waiting loses a second, and received bytes add seconds.
        """
        if self.flow.write_paused or self.transport.is_closing():
            self._wait_for_reader()
            return
        self._unsent = 0
        if self._phase == _BODY:
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:
                return
            # Bytes after the answer are discarded, but only until the time is over.
            heard = 0 if self.cycle.response_complete else self._received / SLOWEST_BYTES
            self._received = 0
            self._seconds_left = min(BODY_SECONDS, self._seconds_left - 1 + heard)
        elif self._phase == _HEAD or (self.cycle.response_complete and not self.timeout_keep_alive_task):
            self._seconds_left -= 1
        if self._seconds_left < 0:
            self._refuse(TooSlow(_SLOW))

    def _wait_for_reader(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if not self._unsent:
            self._seconds_left = ANSWER_SECONDS
        taken = max(0, self._unsent - unsent) / SLOWEST_BYTES
        self._seconds_left = min(ANSWER_SECONDS, self._seconds_left - 1 + taken)
        self._unsent = unsent
        if self._seconds_left < 0:
            self.transport.abort()


class _JoinedWrites:
    """The target of answers. A head is sent together with its body, if the body follows at once.

    uvicorn would write them separately: two system calls for a small answer, and two packets for
    its client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        """Send data together with the piece before it.

        A first piece waits until the caller yields.
        """
        if self._held:
            held, self._held = self._held, b""
            if len(data) <= _COPIED_BYTES:  # copying a short body is faster than a second buffer
                self._transport.write(held + data)
            else:
                self._transport.writelines((held, data))
        elif data:
            self._held = data
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def is_closing(self) -> bool:
        """Tell whether the connection ends; uvicorn asks before it tells a client to go on."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Send the data that is kept, and end the connection."""
        self._flush()
        self._transport.close()


class _Socket(WebSocketsSansIOProtocol):
    """A WebSocket that gives back its place among the connections when it ends."""

    def __init__(self, *, leave: tuple[Connections, str] | None, **given: Any) -> None:
        super().__init__(**given)
        self._leave = leave

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._leave:
            shared, peer = self._leave
            self._leave = None
            shared.leave(peer)
        super().connection_lost(exc)


def _answer(error: MonitorError, headers: list[tuple[bytes, bytes]]) -> bytes:
    status = HTTPStatus(error.status)
    problem = {
        "type": f"urn:llm-monitor:problem:{error.slug}",
        "title": error.title,
        "status": int(status),
        "detail": error.detail,
    }
    body = msgspec.json.encode(problem)
    fields = [
        *headers,
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if error.retry_after is not None:
        fields.append((b"retry-after", str(error.retry_after).encode()))
    return b"".join([STATUS_LINE[status], *(b"%b: %b\r\n" % field for field in fields), b"\r\n", body])
