"""Connections to the hosts of channels, which are resolved once and checked before use.

Whoever owns a name may answer first with a public address and then with a private one. Here the
checked address itself is connected to, and nothing resolves the name again. The name stays in the
Host header and in TLS, so certificates are verified as usual.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx
from httpcore import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

from app.channels.addresses import AllowedNetworks
from app.channels.errors import DeliveryError

__all__ = ["CheckedBackend", "Network", "Resolver", "SystemResolver", "open_network"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""A function from a host and a port to the addresses of the host."""

_RESOLVE_SECONDS = 5.0
_RESOLVING_THREADS = 32
_MOST_ADDRESSES = 16
_TRIED_ADDRESSES = 2
_CONNECT_SECONDS = 4.0


class SystemResolver:
    """Asks the system in threads of its own, since a slow name server blocks a thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolving")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return every address of a host; raises OSError if it has none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(answer[4][0]) for answer in found]


class Network:
    """Finds the addresses to which a message may go.

    `tls` is the context by which certificates are verified.
    """

    def __init__(self, allowed: AllowedNetworks, resolve: Resolver, tls: ssl.SSLContext) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self.tls = tls

    async def find(self, host: str, port: int, *, plain: bool) -> Sequence[str]:
        """Return the addresses of a host, each of them checked; without TLS if `plain`.

        Raises DeliveryError if the host has no address, and for good if one may not be reached.
        """
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = list(dict.fromkeys(await self._resolve(host, port)))
        except TimeoutError as error:
            raise DeliveryError("The name of the host was not resolved in time.") from error
        except (OSError, UnicodeError) as error:
            raise DeliveryError("The name of the host has no address.") from error
        if not found:
            raise DeliveryError("The name of the host has no address.")
        if not all(self._allowed.permits(address, plain=plain) for address in found[:_MOST_ADDRESSES]):
            raise DeliveryError(
                "The host has an address that is not allowed. Private, loopback and link-local addresses, and "
                "targets without TLS, need an entry in LLM_MONITOR_ALERT_NETWORKS.",
                permanent=True,
            )
        return found[:_TRIED_ADDRESSES]

    async def connect(self, host: str, port: int, *, plain: bool) -> socket.socket:
        """Return a socket connected to a checked address of a host; raises DeliveryError."""
        loop = asyncio.get_running_loop()
        for address in await self.find(host, port, plain=plain):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)  # noqa: FBT003 the only parameter of a method of Python
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await loop.sock_connect(connection, (address, port))
            except OSError:
                connection.close()
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise DeliveryError("The host does not accept connections.")


def open_network(allowed: Iterable[str]) -> Network:
    """Return the network of this machine, with these private networks beside public addresses.

    Certificates are verified by the authorities in SSL_CERT_FILE, or else by those of certifi.
    """
    return Network(AllowedNetworks(allowed), SystemResolver(), httpx.create_ssl_context())


class CheckedBackend(AsyncNetworkBackend):
    """Connections for httpcore, which go to checked addresses alone."""

    def __init__(self, network: Network, *, plain: bool) -> None:
        self._network = network
        self._plain = plain
        self._backend = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 httpcore calls it so
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Return a connection to a checked address of a host; raises DeliveryError."""
        del local_address, timeout
        for address in await self._network.find(host, port, plain=self._plain):
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout=_CONNECT_SECONDS, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise DeliveryError("The host does not accept connections.")
