"""Calls to export, and what an export of them gives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from tests.integration.api_rig import ApiRig

__all__ = ["HOSTILE", "export", "ids", "pieces", "rows", "store"]

HOSTILE = [
    "=1+1",
    " @SUM(A1)",
    "a\nb\r\nc",
    'x"y,z',
    "nul \x00 and \ud800 alone",
    "'=kept",
    "\uff1dHYPERLINK",
    "-",
]


def _record(at: int) -> Mapping[str, Any]:
    return {
        "id": f"call-{at}",
        "prompt": HOSTILE[at % len(HOSTILE)],
        "response": f"answer {at}",
        "model_name": "gpt-4o" if at % 2 else "gpt-4o-mini",
        "user_id": f"user-{at % 3}",
        "tags": ["=tag", "b"],
        "metadata": {"team": "=search", "n": at},
        "prompt_tokens": 1_000 + at,
        "completion_tokens": 10,
    }


async def store(api: ApiRig, numbers: Sequence[int]) -> None:
    """Store calls. Only JSON in ASCII can hold half of a character."""
    body = json.dumps([_record(at) for at in numbers])
    response = await api.client.post(
        "/monitor/inferences", content=body, headers={"content-type": "application/json"}
    )
    assert response.json()["accepted"] == len(numbers), response.text
    await api.worker.drain()


async def export(api: ApiRig, **parameters: Any) -> httpx.Response:
    response = await api.client.get("/export", params=parameters)
    assert response.status_code == 200, response.text
    return response


async def rows(api: ApiRig, **parameters: Any) -> list[dict[str, Any]]:
    response = await export(api, **parameters)
    return [json.loads(line, parse_float=Decimal) for line in response.text.split("\n")[:-1]]


async def ids(api: ApiRig, **parameters: Any) -> list[str]:
    return [row["trace_id"] for row in await rows(api, **parameters)]


async def pieces(api: ApiRig, **parameters: Any) -> AsyncIterator[tuple[httpx.Response, list[str]]]:
    cursor: dict[str, str] = {}
    while True:
        response = await export(api, **parameters, **cursor)
        yield response, [json.loads(line)["trace_id"] for line in response.text.split("\n")[:-1]]
        if "export-next" not in response.headers:
            return
        cursor = {"cursor": response.headers["export-next"]}
