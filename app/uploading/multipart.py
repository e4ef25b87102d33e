"""The part `file` of a multipart body (RFC 7578), read while it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from email.message import Message
from pathlib import PurePath
from typing import Final, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from app.errors import MalformedBody, UnsupportedMediaType

__all__ = ["File", "open_file"]

_BY_NAME: Final = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
}
# What senders say of every file whose kind they do not know.
_UNSAID: Final = frozenset({"", "application/octet-stream", "text/plain", "application/gzip"})


class File(NamedTuple):
    """A file: its media type, its content encoding if it is compressed, and its bytes."""

    media: str
    encoding: str | None
    content: AsyncGenerator[bytes]


async def open_file(body: AsyncIterator[bytes], content_type: str) -> File:
    """Return the part `file` of a body.

    Its kind is that of its Content-Type, else that of its name. Raises MalformedBody for a body
    that is not multipart or has no such part, and UnsupportedMediaType for an unknown kind.
    """
    parser = _Parser(_boundary(content_type))
    async for piece in body:
        parser.feed(piece)
        if parser.found is not None:
            media, encoding = _kind(parser.found)
            return File(media, encoding, _content(body, parser))
    raise MalformedBody("The multipart body has no part named file.")


async def _content(body: AsyncIterator[bytes], parser: _Parser) -> AsyncGenerator[bytes]:
    yield parser.take()
    async for piece in body:
        parser.feed(piece)
        if taken := parser.take():
            yield taken
    parser.finish()


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if not boundary:
        raise MalformedBody("The Content-Type of a multipart body must name its boundary.")
    return boundary.encode("utf-8", "replace")


def _kind(found: Message) -> tuple[str, str | None]:
    name = PurePath(found.get_filename() or "")
    encoding = "gzip" if name.suffix.lower() == ".gz" else None
    said = found.get_content_type() if "content-type" in found else ""
    if said not in _UNSAID:
        return said, encoding
    suffix = (name.with_suffix("") if encoding else name).suffix.lower()
    if suffix not in _BY_NAME:
        raise UnsupportedMediaType(
            f"Name the file with {', '.join(sorted(_BY_NAME))}, or give its part a Content-Type."
        )
    return _BY_NAME[suffix], encoding


class _Parser:
    """Finds the part named `file`. The bytes of all other parts are dropped."""

    def __init__(self, boundary: bytes) -> None:
        self.found: Message | None = None
        self._headers = Message()
        self._name, self._value = b"", b""
        self._inside = False
        self._ended = False
        self._content: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._add,
                "on_header_end": self._keep,
                "on_headers_finished": self._look,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise MalformedBody("The body is not what multipart/form-data describes.") from error

    def take(self) -> bytes:
        content, self._content = b"".join(self._content), []
        return content

    def finish(self) -> None:
        if not self._ended:
            raise MalformedBody("The multipart body ends before its last boundary.")

    def _begin(self) -> None:
        self._headers, self._inside = Message(), False

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _keep(self) -> None:
        self._headers[self._name.decode("latin-1")] = self._value.decode("utf-8", "replace")
        self._name, self._value = b"", b""

    def _look(self) -> None:
        name = self._headers.get_param("name", header="content-disposition")
        if name == "file" and self.found is None:
            self.found, self._inside = self._headers, True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._content.append(data[start:end])

    def _end(self) -> None:
        self._ended = True
