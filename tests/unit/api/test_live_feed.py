from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self, cast

import msgspec
from redis.asyncio import Redis

from app.api.live_feed import Client, Hub
from app.events import Event
from app.supervision import Tasks


async def waiting_frames(client: Client, count: int) -> list[dict[str, Any]]:
    frames = client.frames()
    return [msgspec.json.decode(await anext(frames)) for _ in range(count)]


async def test_a_client_that_does_not_read_keeps_the_latest_frame_of_each_type() -> None:
    client = Client("default")
    for number in range(10_000):
        client.offer("metrics", {"n": number})
        client.offer("pipeline", {"n": number})
    assert await waiting_frames(client, 2) == [
        {"type": "metrics", "data": {"n": 9_999}},
        {"type": "pipeline", "data": {"n": 9_999}},
    ]


async def test_of_every_job_the_latest_frame_waits_and_their_number_is_bounded() -> None:
    client = Client("default")
    for number in range(3):
        client.offer("job", {"job_id": number % 2, "n": number})
    assert await waiting_frames(client, 2) == [
        {"type": "job", "data": {"job_id": 1, "n": 1}},
        {"type": "job", "data": {"job_id": 0, "n": 2}},
    ]
    client.offer("metrics", {})
    for number in range(1_000):
        client.offer("job", {"job_id": number})
    frames = await waiting_frames(client, 64)
    assert [frame["type"] for frame in frames].count("metrics") == 1
    assert frames[-1]["data"] == {"job_id": 999}
    client.offer("pipeline", {})
    assert await waiting_frames(client, 1) == [{"type": "pipeline", "data": {}}]


async def test_waiting_traces_are_put_together_and_only_the_newest_twenty_kept() -> None:
    client = Client("default")
    for number in range(30):
        client.offer("trace", {"traces": [{"n": number}], "records": 5})
    ((frame),) = await waiting_frames(client, 1)
    assert [trace["n"] for trace in frame["data"]["traces"]] == list(range(10, 30))
    assert frame["data"]["records"] == 150


class Silence:
    """A Redis whose subscription never says anything."""

    def pubsub(self) -> Silence:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def psubscribe(self, _: str) -> None:
        return None

    async def get_message(self, timeout: float) -> None:  # noqa: ARG002, ASYNC109 redis' own signature
        await asyncio.Event().wait()


class Counting:
    """Figures that count how often they were read."""

    def __init__(self) -> None:
        self.reads = 0

    async def __call__(self, project_id: str) -> Mapping[str, Any]:
        self.reads += 1
        return {"metrics": {"project": project_id, "reads": self.reads}}


def hub(figures: Counting) -> Hub:
    return Hub(cast("Redis", Silence()), figures)


async def test_a_client_gets_events_of_its_own_project_only() -> None:
    one = hub(Counting())
    async with one.watching("mine") as mine, one.watching("theirs") as theirs:
        one.tell(Event("alert", "mine", {"level": "critical"}))
        assert await waiting_frames(mine, 1) == [{"type": "alert", "data": {"level": "critical"}}]
        reading = asyncio.ensure_future(anext(theirs.frames()))
        await asyncio.sleep(0)
        assert not reading.done()
        reading.cancel()


async def test_a_new_client_gets_figures_at_once_and_news_are_gathered() -> None:
    figures = Counting()
    async with hub(figures).running() as one, one.watching("default") as client:
        (first,) = await waiting_frames(client, 1)
        assert first == {"type": "metrics", "data": {"project": "default", "reads": 1}}
        for _ in range(1000):
            one.tell(Event("trace", "default", {"traces": []}))
        await waiting_frames(client, 1)
        assert figures.reads == 1


async def test_nothing_is_read_while_nobody_watches() -> None:
    figures = Counting()
    async with hub(figures).running() as one:
        one.tell(Event("trace", "default", {"traces": []}))
        for _ in range(5):
            await asyncio.sleep(0)
    assert figures.reads == 0


async def test_figures_that_cannot_be_read_keep_no_frame_from_other_projects() -> None:
    """Any error may occur: a number in one project's sums once silenced every project's feed."""

    async def read(project_id: str) -> Mapping[str, Any]:
        if project_id == "poisoned":
            raise ArithmeticError("value out of range: overflow")
        return {"metrics": {"project": project_id}}

    tasks = Tasks(sleep=lambda _: asyncio.sleep(0))
    one = Hub(cast("Redis", Silence()), read)
    async with one.running(tasks), one.watching("poisoned"), one.watching("default") as client:
        for _ in range(2):
            assert await waiting_frames(client, 1) == [{"type": "metrics", "data": {"project": "default"}}]
            one.tell(Event("trace", "default", {"traces": []}))
            await waiting_frames(client, 1)
    assert {state.task: state.error for state in tasks.states() if state.failures} == {
        "live_figures": "ArithmeticError"
    }
