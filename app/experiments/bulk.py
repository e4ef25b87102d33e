"""Evaluating a file of any length by a running API, which reads it while it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx

from app.config import Settings
from app.errors import InvalidParameter, NotFound, Unavailable, UnsupportedMediaType
from app.refusal import read_refusal

__all__ = ["Bulk", "evaluate_file"]

_MEDIA: Final[Mapping[str, str]] = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
}
_FORMATS: Final = {".csv": "csv", ".parquet": "parquet"}
_PIECE: Final = 256 * 1024
_POLL_SECONDS: Final = 1.0
_TRIES: Final = 10
_AGAIN: Final = frozenset({429, 502, 503, 504, 507})
_TIMEOUT: Final = httpx.Timeout(60, read=600, write=600)


class Bulk(NamedTuple):
    """An evaluation that has ended: its state, counts, and the first refused items."""

    state: str
    total: int
    evaluated: int
    failed: int
    rejected: int
    errors: tuple[str, ...]


def evaluate_file(
    path: Path,
    settings: Settings,
    url: str,
    *,
    out: Path | None,
    begin: Callable[[str, int], Callable[[int], None]],
    pause: Callable[[float], None] = time.sleep,
    transport: httpx.BaseTransport | None = None,
) -> Bulk:
    """Send a file, wait until all of it is scored, and write the results to `out`.

    `begin` is told the name of the file and the number of its items, and returns what is told about
    progress. `out` is NDJSON, or CSV or Parquet by its name. A connection that breaks is tried
    again, and nothing is scored twice. Raises MonitorError.
    """
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT, transport=transport) as client:
        answer = _send(client, path, pause)
        job = answer.get("job_id")
        if job is None:  # the file has no rows
            return _bulk(answer)
        advance, told = begin(path.name, answer["total"]), 0
        while answer["state"] == "running":
            pause(_POLL_SECONDS)
            answer = _ask(client, f"/evaluate/{job}", pause)
            done = answer["evaluated_count"] + answer["failed_count"]
            advance(done - told)
            told = done
        if out is not None:
            _fetch(client, job, out)
        return _bulk(answer)


def _send(client: httpx.Client, path: Path, pause: Callable[[float], None]) -> Any:
    compressed = path.suffix == ".gz"
    media = _MEDIA.get((path.with_suffix("") if compressed else path).suffix)
    if media is None:
        raise UnsupportedMediaType(f"{path}: expected {', '.join(_MEDIA)}, each plain or with .gz.")
    headers = {"Content-Type": media, "Idempotency-Key": uuid4().hex, "Prefer": "respond-async"}
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return _tried(client, pause, lambda: client.post("/evaluate", content=_read(path), headers=headers))


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}.") from error


def _ask(client: httpx.Client, place: str, pause: Callable[[float], None]) -> Any:
    return _tried(client, pause, lambda: client.get(place))


def _tried(client: httpx.Client, pause: Callable[[float], None], ask: Callable[[], httpx.Response]) -> Any:
    for left in reversed(range(_TRIES)):
        wait = _POLL_SECONDS
        try:
            response = ask()
        except httpx.TransportError as error:
            if not left:
                raise Unavailable(
                    f"No API answers at {client.base_url}: {type(error).__name__}. Start one, or name it with --url."
                ) from error
        else:
            if response.is_success:
                return response.json()
            if response.status_code not in _AGAIN or not left:
                raise read_refusal(response, scope="ingest")
            wait = float(response.headers.get("Retry-After", wait))
        pause(wait)
    raise AssertionError("unreachable")


def _fetch(client: httpx.Client, job: str, out: Path) -> None:
    asked = {"format": _FORMATS.get(out.suffix, "ndjson")}
    try:
        with client.stream("GET", f"/evaluate/{job}/results", params=asked) as response:
            if not response.is_success:
                response.read()
                raise read_refusal(response, scope="read")
            with out.open("wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)
    except httpx.TransportError as error:
        raise Unavailable(
            f"The results broke off: {type(error).__name__}. They are at /evaluate/{job}/results."
        ) from error
    except OSError as error:
        raise InvalidParameter(f"{out} cannot be written: {error.strerror}.") from error


def _bulk(answer: Mapping[str, Any]) -> Bulk:
    errors = tuple(
        f"line {one['line']}: {one['field'] + ': ' if one['field'] else ''}{one['message']}"
        for one in answer["errors"]
    )
    return Bulk(
        answer["state"],
        answer["total"],
        answer["evaluated_count"],
        answer["failed_count"],
        answer["rejected"],
        errors,
    )
