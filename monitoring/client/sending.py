"""A bounded queue and the thread that posts what is in it."""

from __future__ import annotations

import gzip
import json
import logging
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence

__all__ = ["Sender"]

logger = logging.getLogger("monitoring.client")

_RETRIED = frozenset({408, 429, 502, 503, 504, 507})
_LONGEST_PAUSE = 30.0
_NOTICE_SECONDS = 30.0
_BODY_BYTES = 4 * 1024 * 1024


class Sender:
    """Posts encoded records in batches; `put` never blocks and never raises.

    At most `max_records` and `max_bytes` wait; what comes on top, or is refused for good, is counted in
    `dropped` and logged as a warning, at most every half minute. What the server cannot take now is sent
    again until it can.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        max_records: int,
        max_bytes: int,
        batch_records: int,
        pause_seconds: float,
        timeout_seconds: float,
    ) -> None:
        self._url = f"{url.rstrip('/')}/monitor/inferences"
        if not self._url.startswith(("http://", "https://")):
            raise ValueError(f"the address of the monitor begins with http:// or https://, not {url!r}")
        self._headers = {**headers, "content-type": "application/x-ndjson", "content-encoding": "gzip"}
        self._max_records, self._max_bytes = max_records, max_bytes
        self._batch_records = batch_records
        self._pause_seconds, self._timeout_seconds = pause_seconds, timeout_seconds
        self.sent = self.dropped = 0
        self._noted, self._noted_at = 0, float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._in_flight = 0
        self._changed = threading.Condition()
        self._hurry = self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, record: bytes) -> None:
        """Queue one encoded record, or drop it where there is no room."""
        if self._pid != os.getpid():  # a forked process has the queue of its parent, but not its thread
            self._begin()
        with self._changed:
            full = (
                len(self._waiting) + self._in_flight >= self._max_records
                or self._bytes + len(record) > self._max_bytes
            )
            if self._closed or full:
                self._drop(1, "the monitor is closed" if self._closed else "the queue is full")
                return
            self._waiting.append(record)
            self._bytes += len(record)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="llm-monitor", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything queued so far is delivered or dropped; False when time ran out."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not (self._waiting or self._in_flight), seconds)

    def close(self, seconds: float) -> None:
        """Flush for at most `seconds`, count what is left as dropped, and end."""
        delivered = self.flush(seconds)
        with self._changed:
            if self._closed:
                return
            self._closed = True
            if not delivered:
                self._drop(len(self._waiting) + self._in_flight, f"not delivered within {seconds:g} s")
            self._waiting.clear()
            self._changed.notify_all()
        self._tell(now=True)

    def drop(self, reason: str) -> None:
        """Count and report a record that could not even be queued."""
        with self._changed:
            self._drop(1, reason)

    def _drop(self, records: int, reason: str) -> None:
        self.dropped += records
        self._reason = reason
        self._tell()

    def _tell(self, *, now: bool = False) -> None:
        news = self.dropped - self._noted
        if news and (now or time.monotonic() - self._noted_at >= _NOTICE_SECONDS):
            self._noted, self._noted_at = self.dropped, time.monotonic()
            logger.warning("%d records were not sent to the monitor, lately because: %s", news, self._reason)

    def _run(self) -> None:
        while batch := self._next():
            attempt = 0
            while (pause := self._post(batch, attempt)) is not None:
                attempt += 1
                with self._changed:
                    if self._changed.wait_for(lambda: self._closed, pause):
                        return
            with self._changed:
                self._bytes -= sum(map(len, batch))
                self._in_flight = 0
                self._changed.notify_all()

    def _next(self) -> list[bytes]:
        """Wait for records, and a little for more of them; returns nothing once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(
                lambda: self._closed or self._hurry or len(self._waiting) >= self._batch_records,
                self._pause_seconds,
            )
            batch: list[bytes] = []
            size = 0
            while self._waiting and len(batch) < self._batch_records and (not batch or size < _BODY_BYTES):
                size += len(self._waiting[0])
                batch.append(self._waiting.popleft())
            self._in_flight = len(batch)
            self._hurry = self._hurry and bool(self._waiting)
            return batch

    def _post(self, batch: Sequence[bytes], attempt: int) -> float | None:
        """Post a batch; returns the seconds after which to try again, None when it is done with."""
        body = gzip.compress(b"\n".join(batch), compresslevel=1)
        request = urllib.request.Request(self._url, body, self._headers, method="POST")  # noqa: S310 http or https
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_seconds) as response:  # noqa: S310 the address is our own setting
                self._count(batch, response.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _RETRIED:
                    return _pause(attempt, error.headers.get("retry-after"))
                reason = f"HTTP {error.code}: {error.read(300).decode('utf-8', 'replace')}"
            with self._changed:
                self._drop(len(batch), reason)
        except OSError:  # no connection, or it broke: ids make a second delivery harmless
            return _pause(attempt, None)
        return None

    def _count(self, batch: Sequence[bytes], answer: bytes) -> None:
        try:
            found = json.loads(answer)
            rejected, errors = int(found["rejected"]), found["errors"]
        except (ValueError, KeyError, TypeError):
            rejected, errors = 0, []
        with self._changed:
            self.sent += len(batch) - rejected
            if rejected:
                self._drop(rejected, f"rejected: {errors[:1]}")


def _pause(attempt: int, retry_after: str | None) -> float:
    """Return seconds: what the server asked for, else doubling from half a second, with jitter."""
    if retry_after and retry_after.isdigit():
        return min(float(retry_after), _LONGEST_PAUSE)
    return min(0.5 * 2.0 ** min(attempt, 10), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311 no secret
