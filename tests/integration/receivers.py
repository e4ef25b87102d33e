"""Local receivers of messages: HTTP and SMTP servers that answer well, badly, slowly or never."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_REPLIES = {"AUTH": b"235 welcome\r\n", "QUIT": b"221 bye\r\n"}
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Request(NamedTuple):
    """What a receiver was sent."""

    head: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server that keeps what it was sent, and the names that clients asked for in TLS."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[Request] = []
        self.names: list[str | None] = []
        self.connections = 0


def says(answer: bytes) -> Answer:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return write


def status(code: int, *headers: str) -> Answer:
    lines = "".join(f"{header}\r\n" for header in headers)
    return says(f"HTTP/1.1 {code} Status\r\n{lines}Content-Length: 0\r\n\r\n".encode())


async def hangs(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def dribbles(writer: asyncio.StreamWriter) -> None:
    """Answer a byte at a time, so that no single read takes long."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def receiving(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run an HTTP server on 127.0.0.1 that gives these answers in turn, the last one again."""
    receiver = Receiver(0)
    handlers: set[asyncio.Task[None]] = set()
    if tls is not None:
        tls.sni_callback = lambda _, name, __: receiver.names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        receiver.connections += 1
        async with _closing(writer):
            receiver.requests.append(await _read(reader))
            await answers[min(len(receiver.requests), len(answers)) - 1](writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        with suppress(OSError, asyncio.IncompleteReadError):
            yield
    finally:
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Request:
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Request(head, headers, await reader.readexactly(int(headers["content-length"])))


class Mailbox(Receiver):
    """An SMTP server; `dialogue` holds what clients said before and after TLS.

    `told` are replies by verb. With `tls` it offers STARTTLS.
    """

    def __init__(self, told: Mapping[str, str], tls: ssl.SSLContext | None) -> None:
        super().__init__(0)
        self.dialogue: list[str] = []
        self.mails: list[bytes] = []
        self._told = told
        self._tls = tls

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the client leaves."""
        encrypted = self._tls is None
        writer.write(b"220 mail.example ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            self.dialogue.append(line)
            verb = line.split()[0].upper()
            if verb in self._told:
                writer.write(f"{self._told[verb]}\r\n".encode())
            elif verb == "EHLO":
                offers = "" if encrypted else "250-STARTTLS\r\n"
                writer.write(f"250-mail.example\r\n{offers}250 AUTH PLAIN\r\n".encode())
            elif verb == "STARTTLS":
                writer.write(b"220 go on\r\n")
                await writer.drain()
                await writer.start_tls(self._tls)
                encrypted = True
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            else:
                writer.write(_REPLIES.get(verb, b"250 fine\r\n"))
            await writer.drain()


@asynccontextmanager
async def taking_mail(
    *, tls: ssl.SSLContext | None = None, refuse: Sequence[str] = (), silent: bool = False
) -> AsyncIterator[Mailbox]:
    """Run an SMTP server on 127.0.0.1; `refuse` holds verbs and what is replied to them."""
    box = Mailbox({line.split()[0]: line.partition(" ")[2] for line in refuse}, tls)
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        box.connections += 1
        async with _closing(writer):
            await (asyncio.sleep(3600) if silent else box.converse(reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def make_certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server with a certificate for `name`, and of its client."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(public, private)
    return server, ssl.create_default_context(cafile=str(public))
