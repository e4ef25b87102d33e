"""The memory of the API while a body of 200 MB comes, in processes as users start them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.e2e.stack import Stack, running_stack

MIB = 1024 * 1024
BODY_BYTES = 200 * 1000 * 1000
MOST_GROWTH = 64 * MIB


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        yield stack


def api_of(stack: Stack) -> psutil.Process:
    found = [
        one for one in stack.family() if any("app.main:create_app_from_env" in part for part in one.cmdline())
    ]
    return min(found, key=lambda one: one.pid)


def lines(sizes: list[int], api: psutil.Process) -> Iterator[bytes]:
    """Yield 200 MB of NDJSON, and note the memory of the API every 2 MB."""
    sent = number = 0
    while sent < BODY_BYTES:
        part = [
            json.dumps({"prompt": f"Call {number + n}", "response": "It is so. " * 400}).encode()
            for n in range(500)
        ]
        number += 500
        content = b"\n".join(part) + b"\n"
        sent += len(content)
        sizes.append(api.memory_info().rss)
        yield content


@pytest.mark.long
def test_the_memory_of_the_api_stays_flat_while_a_long_body_comes(stack: Stack) -> None:
    api, sizes = api_of(stack), [0]
    call = {"prompt": "a", "response": "b"}
    httpx.post(f"{stack.api}/evaluate", json=[call] * 100, timeout=120).raise_for_status()
    before = api.memory_info().rss
    answer = httpx.post(
        f"{stack.api}/evaluate",
        content=lines(sizes, api),
        headers={"Content-Type": "application/x-ndjson"},
        timeout=600,
    )
    assert answer.status_code == 202, answer.text
    job = answer.json()
    after = api.memory_info().rss
    sys.stdout.write(
        f"\n{job['total']:,} items; the API had {before / MIB:.0f} MiB before, at most {max(sizes) / MIB:.0f} "
        f"while they came, {after / MIB:.0f} after\n"
    )
    assert max(*sizes, after) - before < MOST_GROWTH
    assert httpx.delete(f"{stack.api}/jobs/{job['job_id']}", timeout=60).is_success
