from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import Request

from app.api import bodies
from app.api.bodies import Body, read_body
from app.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

LIMIT = 100_000
TEXT = b'{"prompt": "hello"}'


def request(chunks: Sequence[bytes], **headers: str) -> Request:
    """A request whose body arrives in these chunks."""
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": position < len(chunks) - 1}
        for position, chunk in enumerate(chunks)
    ]

    async def receive() -> dict[str, object]:
        return waiting.pop(0)

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": pairs}, receive)


async def read(chunks: Sequence[bytes], **headers: str) -> Body:
    given = request(chunks, **{"content_type": "application/json", **headers})
    return await read_body(given, limit=LIMIT, formats=("json", "ndjson"))


@pytest.mark.parametrize(
    ("content_type", "body_format"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=UTF-8", "json"),
        ("application/json;charset=us-ascii", "json"),
        ("application/x-ndjson", "ndjson"),
        ("application/jsonl; charset=utf-8", "ndjson"),
    ],
)
async def test_a_known_media_type_says_how_records_are_laid_out(content_type: str, body_format: Any) -> None:
    assert await read([TEXT], content_type=content_type) == Body(TEXT, body_format)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/jsons",
        "application/json; charset=latin-1",
        "",
        "nonsense",
        "multipart/form-data",
    ],
)
async def test_another_media_type_is_refused_with_what_is_read(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        await read([TEXT], content_type=content_type)


async def test_a_route_refuses_lines_where_it_reads_one_object() -> None:
    with pytest.raises(UnsupportedMediaType):
        await read_body(request([TEXT], content_type="application/x-ndjson"), limit=LIMIT, formats=("json",))


@pytest.mark.parametrize(
    ("encoding", "compressed"),
    [
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("GZIP", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT[:7], mtime=0) + gzip.compress(TEXT[7:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
async def test_a_compressed_body_is_read_however_it_is_cut(
    encoding: str, compressed: bytes, size: int
) -> None:
    chunks = [compressed[start : start + size] for start in range(0, len(compressed), size)]
    assert (await read(chunks, content_encoding=encoding)).content == TEXT


async def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    full = b"x" * LIMIT
    assert (await read([full])).content == full
    assert (await read([gzip.compress(full, mtime=0)], content_encoding="gzip")).content == full
    with pytest.raises(BodyTooLarge):
        await read([full, b"x"])
    with pytest.raises(BodyTooLarge):
        await read([gzip.compress(full + b"x", mtime=0)], content_encoding="gzip")


async def test_a_small_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < LIMIT
    with pytest.raises(BodyTooLarge):
        await read([bomb], content_encoding="gzip")


async def test_a_length_beyond_the_limit_is_refused_before_anything_is_read() -> None:
    with pytest.raises(BodyTooLarge):
        await read([], content_length="9" * 5000)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-4]),
        ("deflate", b"\x00\x01"),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"trailing"),
    ],
)
async def test_broken_compression_is_a_malformed_body(encoding: str, content: bytes) -> None:
    with pytest.raises(MalformedBody):
        await read([content], content_encoding=encoding)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_another_compression_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="gzip or deflate"):
        await read([TEXT], content_encoding=encoding)


async def test_a_long_media_type_is_refused_and_not_remembered() -> None:
    remembered = bodies._find_format.cache_info().currsize  # noqa: SLF001 memory is the question
    with pytest.raises(UnsupportedMediaType, match="at most 256 characters"):
        await read([b"{}"], content_type="application/json; x=" + "a" * 300)
    assert bodies._find_format.cache_info().currsize == remembered  # noqa: SLF001 a look at what is remembered
    assert (await read([b"{}"], content_type="application/json; x=" + "a" * 200)).format == "json"


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("sent", "content"),
    [
        (MARK + TEXT, TEXT),
        (MARK + b"[]", b"[]"),
        (MARK + b" \r\n" + TEXT, b" \r\n" + TEXT),
        (MARK + MARK + TEXT, TEXT),  # two files laid end to end, of which the first was empty
        (MARK, b""),
        # What is not at the beginning is no mark but a character, and half of one is none.
        (b'{"prompt": "' + MARK + b'"}', b'{"prompt": "' + MARK + b'"}'),
        (MARK[:2] + TEXT, MARK[:2] + TEXT),
        (b" " + MARK + TEXT, b" " + MARK + TEXT),
    ],
)
@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize("size", [1, 1000])
async def test_a_byte_order_mark_is_no_part_of_a_body(
    media: str, sent: bytes, content: bytes, size: int
) -> None:
    for encoding, encoded in (("identity", sent), ("gzip", gzip.compress(sent, mtime=0))):
        chunks = [encoded[start : start + size] for start in range(0, len(encoded), size)]
        assert (await read(chunks, content_type=media, content_encoding=encoding)).content == content


async def test_a_body_in_protobuf_is_left_as_it_is() -> None:
    asked = request([MARK + b"x"], content_type="application/x-protobuf")
    assert (await read_body(asked, limit=LIMIT, formats=("protobuf",))).content == MARK + b"x"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("text", ['{"prompt": "a"}', "[1]", ' {"prompt": "ü"}'])
async def test_another_encoding_is_refused_with_the_one_that_is_read(encoding: str, text: str) -> None:
    with pytest.raises(MalformedBody, match=f"in {encoding[:6].upper()}, .* send it in UTF-8"):
        await read([text.encode(encoding)])


async def test_looking_for_a_mark_copies_a_long_run_of_marks_once() -> None:
    begun = time.thread_time()
    assert (await read([MARK * 30_000])).content == b""
    assert time.thread_time() - begun < 0.1
