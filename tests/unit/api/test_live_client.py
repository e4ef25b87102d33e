"""What a watcher that is slow still gets: the latest frame of everything, and each alert's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.api.live_feed import Client


@pytest.mark.parametrize(
    ("kind", "offered", "sent"),
    [
        ("metrics", [{"n": 1}, {"n": 2}], [{"n": 2}]),
        ("job", [{"job_id": "a", "n": 1}, {"job_id": "b"}, {"job_id": "a", "n": 2}], 2),
        ("alert", [{"rule_id": "a", "n": 1}, {"rule_id": "b"}, {"rule_id": "a", "n": 2}], 2),
        ("alert", [{"alert_id": "budget:a"}, {"alert_id": "budget:b"}, {"rule_id": "c"}], 3),
        ("alert", [{"alert_id": "budget:a"}, {"alert_id": "budget:a"}], 1),
    ],
)
async def test_frames_about_different_things_do_not_replace_each_other(
    kind: str, offered: list[dict[str, Any]], sent: int | list[dict[str, Any]]
) -> None:
    client = Client("default")
    for data in offered:
        client.offer(kind, data)
    count = sent if isinstance(sent, int) else len(sent)
    frames = client.frames()
    told = [json.loads(await anext(frames))["data"] for _ in range(count)]
    assert told[-1] == offered[-1]
    assert len({json.dumps(one) for one in told}) == count
