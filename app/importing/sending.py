"""Posting records in bulk to a running API, a few requests at a time, as patiently as it asks for."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from app.errors import InvalidRecord, Unavailable
from app.importing.mapping import map_row
from app.importing.rows import Row, open_rows
from app.refusal import read_problem, read_refusal

__all__ = ["Report", "Target", "cut_batches", "send_file"]

BATCH_RECORDS = 500
BATCH_BYTES = 4 * 1024 * 1024
_CONCURRENT = 3
_RETRYABLE = {429, 502, 503, 504, 507}
_GIVE_UP_SECONDS = 600
_SHOWN_REASONS = 200
_encode = msgspec.json.Encoder().encode


class Target(NamedTuple):
    """Where records go and as what: the API's base address and key, the source, the chosen field mapping."""

    url: str
    source: str
    chosen: Mapping[str, str]
    key: str | None = None


class Report:
    """What became of a file's rows; `reasons` counts rejections by their message."""

    def __init__(self) -> None:
        self.sent = self.accepted = self.duplicates = self.rejected = 0
        self.position = 0
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, int] = {}

    def reject(self, line: int, reason: str) -> None:
        """Count a row that was not taken, remembering the first line of each reason."""
        self.rejected += 1
        if len(self.reasons) < _SHOWN_REASONS or reason in self.reasons:
            self.reasons[reason] += 1
            self.examples.setdefault(reason, line)


class _Batch(NamedTuple):
    lines: list[int]
    body: bytes
    position: int


async def send_file(path: Path, target: Target, *, progress: Callable[[Report], None]) -> Report:
    """Send every row of a file; returns the counts.

    429, 502, 503, 504, 507 and lost connections are retried for up to ten minutes each, as Retry-After asks;
    a record that was taken before is told apart by its id. Raises MonitorError when the API cannot be
    reached or refuses a whole request.
    """
    report = Report()
    headers = {"Authorization": f"Bearer {target.key}"} if target.key else {}
    async with httpx.AsyncClient(base_url=target.url, timeout=60, headers=headers) as client:
        running: set[asyncio.Task[None]] = set()
        try:
            for batch in cut_batches(path, target, report):
                if len(running) >= _CONCURRENT:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    await asyncio.gather(*done)
                running.add(asyncio.create_task(_send(client, target, batch, report, progress)))
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    return report


def cut_batches(path: Path, target: Target, report: Report) -> Iterator[_Batch]:
    """Yield the bodies of requests that a file becomes; `report` counts rows that are in none of them."""
    lines: list[int] = []
    parts: list[bytes] = []
    size = position = 0
    for row in open_rows(path):
        encoded = _encode_row(row, target, report)
        position = row.position
        if encoded is None:
            continue
        if parts and (len(parts) == BATCH_RECORDS or size + len(encoded) > BATCH_BYTES):
            yield _Batch(lines, b"\n".join(parts), position)
            lines, parts, size = [], [], 0
        lines.append(row.line)
        parts.append(encoded)
        size += len(encoded) + 1
    if parts:
        yield _Batch(lines, b"\n".join(parts), position)


def _encode_row(row: Row, target: Target, report: Report) -> bytes | None:
    problem = row.problem or "empty row"
    if row.fields is not None:
        try:
            return _encode_record(map_row(row.fields, target.chosen, row.line, is_table=row.is_table))
        except InvalidRecord as error:
            problem = error.detail
        except RecursionError:
            problem = "the row is nested too deeply"
    report.sent += 1
    report.reject(row.line, problem)
    return None


def _encode_record(record: dict[str, Any]) -> bytes:
    try:
        return _encode(record)
    except (TypeError, ValueError, OverflowError):
        # Lone surrogates and numbers that msgspec does not write; the API reads them leniently.
        return json.dumps(record).encode()


async def _send(
    client: httpx.AsyncClient,
    target: Target,
    batch: _Batch,
    report: Report,
    progress: Callable[[Report], None],
) -> None:
    answer = await _post(client, target, batch.body)
    report.sent += len(batch.lines)
    report.accepted += answer["accepted"]
    report.duplicates += answer["duplicates"]
    for error in answer["errors"]:
        report.reject(batch.lines[error["line"] - 1], _reason(error))
    report.position = max(report.position, batch.position)
    progress(report)


def _reason(error: Mapping[str, Any]) -> str:
    return f"{error['field']}: {error['message']}" if error.get("field") else str(error["message"])


async def _post(client: httpx.AsyncClient, target: Target, body: bytes) -> Any:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _GIVE_UP_SECONDS
    pause = 0.5
    while True:
        try:
            response = await client.post(
                "/monitor/inferences",
                params={"source": target.source},
                content=body,
                headers={"Content-Type": "application/x-ndjson"},
            )
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError) and loop.time() + _GIVE_UP_SECONDS - deadline < 1:
                raise Unavailable(
                    f"No API answers at {target.url}: start one with `make run-local`, or name it with --url."
                ) from error
            asked = 0.0
        else:
            if response.status_code not in _RETRYABLE:
                return _read_answer(response)
            asked = float(response.headers.get("Retry-After", "0") or 0)
        if loop.time() > deadline:
            raise Unavailable(
                f"The API at {target.url} took no records for ten minutes; run the same again later."
            )
        await asyncio.sleep(max(asked, pause))
        pause = min(pause * 2, 10)


def _read_answer(response: httpx.Response) -> Any:
    if response.headers.get("Content-Type", "").startswith("application/json"):
        answer = response.json()
        if {"accepted", "duplicates", "errors"} <= answer.keys():
            return answer
    problem = read_problem(response) or {}
    if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY and problem.get("errors"):
        return {"accepted": 0, "duplicates": 0, "errors": problem["errors"]}
    raise read_refusal(response, scope="ingest")
