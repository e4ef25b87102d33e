"""Reading of request bodies of a bounded size, with every supported compression."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from email.message import Message
from functools import lru_cache
from typing import Final, NamedTuple

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from app.schemas.json_input import find_encoding, skip_mark
from app.schemas.records import BodyFormat

__all__ = ["Body", "decompressed", "read_body", "read_format", "stream_body"]

_FORMATS: Final[dict[str, BodyFormat]] = {
    "application/json": "json",
    "application/merge-patch+json": "patch",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/x-jsonlines": "ndjson",
    "application/x-protobuf": "protobuf",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "multipart/form-data": "multipart",
}
_CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}
_PIECE = 256 * 1024
_LONGEST_TYPE: Final = 256
# The bytes that are decompressed, in about two milliseconds, before other tasks have a turn.
_TURN_BYTES = 1024 * 1024
_LEAST_BYTES = 32 * 1024  # the size that an empty piece counts as
_ENCODING: Final = "UTF-8"


class Body(NamedTuple):
    """A body as the application wrote it, after decompression, and its format."""

    content: bytes
    format: BodyFormat


async def read_body(request: Request, *, limit: int, formats: tuple[BodyFormat, ...]) -> Body:
    """Read a body of at most `limit` bytes, as sent and after decompression.

    JSON is returned without a byte order mark. Raises UnsupportedMediaType, BodyTooLarge, and
    MalformedBody where the compression is broken or JSON is in UTF-16 or UTF-32.
    """
    body_format = read_format(request.headers.get("content-type"), formats)
    reader = _reader(request.headers.get("content-encoding"), limit)
    _check_length(request.headers.get("content-length"), limit)
    received = 0
    pieces: list[bytes] = []
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        decompressed = 0
        for piece in reader.read(chunk):
            pieces.append(piece)
            decompressed += max(len(piece), _LEAST_BYTES)
            if decompressed >= _TURN_BYTES:
                decompressed = 0
                await asyncio.sleep(0)
    reader.finish()
    content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    # Almost every body is an object or array in UTF-8 without a mark. It takes 0.1 microseconds to
    # see that.
    usual = len(content) > 1 and content[0] in b"{[" and content[1] != 0
    return Body(content if usual or body_format == "protobuf" else _plain(content), body_format)


async def stream_body(request: Request, *, limit: int) -> AsyncGenerator[bytes]:
    """Yield a body of at most `limit` bytes while it comes, decompressed.

    A sender that is faster than its reader waits. Raises UnsupportedMediaType, BodyTooLarge,
    MalformedBody, and ClientDisconnect for a body that is not whole.
    """
    _check_length(request.headers.get("content-length"), limit)
    encoding = request.headers.get("content-encoding")
    async with aclosing(decompressed(_received(request, limit), encoding, limit)) as pieces:
        async for piece in pieces:
            yield piece


async def _received(request: Request, limit: int) -> AsyncGenerator[bytes]:
    received = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        if chunk:
            yield chunk


async def decompressed(
    pieces: AsyncIterator[bytes], encoding: str | None, limit: int
) -> AsyncGenerator[bytes]:
    """Yield what pieces hold, at most `limit` bytes; raises BodyTooLarge and MalformedBody."""
    reader = _reader(encoding, limit)
    async for chunk in pieces:
        for piece in reader.read(chunk):
            if piece:
                yield piece
    reader.finish()


def _plain(content: bytes) -> bytes:
    encoding = find_encoding(content)
    if encoding != _ENCODING:
        raise MalformedBody(
            f"The body is in {encoding}, and JSON is read in {_ENCODING}: send it in {_ENCODING}."
        )
    return skip_mark(content)


def read_format(content_type: str | None, formats: tuple[BodyFormat, ...]) -> BodyFormat:
    """Return the format of a body that a Content-Type names; raises UnsupportedMediaType."""
    if content_type is not None and len(content_type) > _LONGEST_TYPE:
        raise UnsupportedMediaType(
            f"Send a Content-Type of at most {_LONGEST_TYPE} characters, such as application/json."
        )
    return _find_format(content_type, formats)


@lru_cache(maxsize=256)  # keyed by what clients send; long values never reach it
def _find_format(content_type: str | None, formats: tuple[BodyFormat, ...]) -> BodyFormat:
    message = Message()
    message["content-type"] = content_type or "absent/absent"
    known = _FORMATS.get(message.get_content_type())
    charset = message.get_content_charset("utf-8")
    if known in formats and known and charset in _CHARSETS:
        return known
    offered = [name for name, value in _FORMATS.items() if value in formats]
    raise UnsupportedMediaType(
        f"Send the body as {' or '.join(offered)} in UTF-8, and say so in the Content-Type header."
    )


def _check_length(content_length: str | None, limit: int) -> None:
    if content_length and content_length.isascii() and content_length.isdigit():
        digits = content_length.lstrip("0")
        if len(digits) > len(str(limit)) or int(digits or "0") > limit:
            raise _too_large(limit)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"A body may have at most {limit} bytes, also after decompression. Send the records in several requests."
    )


class _Plain:
    """A body that was not compressed."""

    def read(self, chunk: bytes) -> Iterable[bytes]:
        return (chunk,)

    def finish(self) -> None:
        """Do nothing, because nothing can be missing."""


_PLAIN: Final = _Plain()


class _Compressed:
    """Decompresses in pieces and stops at the limit.

    So a decompression bomb takes little memory.
    """

    def __init__(self, wbits: int, limit: int) -> None:
        self._wbits = wbits
        self._limit = limit
        self._left = limit
        self._stream = zlib.decompressobj(wbits)
        self._begun = False

    def read(self, chunk: bytes) -> Iterator[bytes]:
        more = bool(chunk)
        while more:
            if self._stream.eof:  # a gzip file may consist of several (RFC 1952, section 2.2)
                self._stream = zlib.decompressobj(self._wbits)
            self._begun = True
            room = min(_PIECE, self._left + 1)
            try:
                piece = self._stream.decompress(chunk, room)
            except zlib.error as error:
                raise MalformedBody(
                    "The body is not compressed in the way that Content-Encoding names."
                ) from error
            self._left -= len(piece)
            if self._left < 0:
                raise _too_large(self._limit)
            yield piece
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
            # After a full piece, more output may wait in the stream although it has taken all
            # input.
            more = bool(chunk) or (len(piece) == room and not self._stream.eof)

    def finish(self) -> None:
        """Raise MalformedBody when the stream ended early."""
        if self._begun and not self._stream.eof:
            raise MalformedBody("The compressed body is incomplete.")


def _reader(encoding: str | None, limit: int) -> _Plain | _Compressed:
    if encoding is None:
        return _PLAIN
    match encoding.strip().lower():
        case "" | "identity":
            return _PLAIN
        case "gzip" | "x-gzip":
            return _Compressed(16 + zlib.MAX_WBITS, limit)
        case "deflate":  # the zlib format (RFC 9110, section 8.4.1.2)
            return _Compressed(zlib.MAX_WBITS, limit)
    raise UnsupportedMediaType("A body may be compressed with gzip or deflate, or not at all.")
