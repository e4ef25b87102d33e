"""Charts of boards: rollups and stored calls must say the same, by every measure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.figures.charted import MEASURES, find_measure
from app.filters import parse_filter
from app.filters.grouping import parse_group_by
from app.reports.charted import Charted, read_charted
from app.storage.rollups.folding import figures
from app.storage.traces.sampling import Chosen
from monitoring.statistics.trends import window_of
from monitoring.statistics.zones import read_zone
from tests.integration.api_rig import ApiRig

NAMES = [*MEASURES, "score:coherence", "score:word_count", "flag:alarm"]


def call(number: int, hours: float, now: Any) -> dict[str, Any]:
    return {
        "prompt": "hello",
        "response": "alarm" if number % 3 == 0 else f"two words {number}",
        "model_name": "gpt-4" if number % 2 else "gpt-4o-mini",
        "tags": ["a", "b"] if number % 2 else ["a"],
        "template_id": "greeting" if number % 4 else None,
        "metadata": {"team": ("red", "blue")[number % 2]},
        "error": "timeout" if number % 5 == 0 else None,
        "prompt_tokens": 10 * number,
        "completion_tokens": 5,
        "response_time_ms": 100.0 * (number + 1),
        "timestamp": (now - timedelta(hours=hours)).isoformat(),
    }


@pytest.fixture
async def filled(api: ApiRig) -> ApiRig:
    now = api.services.clock()
    await api.store(*[call(number, 1 + number % 3, now) for number in range(12)])
    return api


async def chart(api: ApiRig, name: str, split: str = "", filter_: str = "", period: str = "24h") -> Charted:
    chosen = Chosen("default", window_of(period, api.services.clock()), "live", parse_filter(filter_))
    dimension = parse_group_by([split])[0] if split else None
    async with figures(api.services.engine, "default") as connection:
        measure = find_measure(name)
        return await read_charted(connection, chosen, measure, dimension, read_zone("Asia/Kathmandu"))


def told(found: Charted) -> dict[str | None, Any]:
    return {line.value: (line.whole[0], [point[0] for point in line.points]) for line in found.lines}


EVERY = 'model in ("gpt-4", "gpt-4o-mini")'


@pytest.mark.parametrize("split", ["", "model", "template", "tag"])
async def test_rollups_and_calls_agree_by_every_measure(filled: ApiRig, split: str) -> None:
    for name in NAMES:
        for period in ("24h", "30d"):
            rolled = await chart(filled, name, split, period=period)
            read = await chart(filled, name, split, EVERY, period)
            known = {line.value: line for line in read.lines}
            assert told(rolled) == {value: told(read)[value] for value in told(rolled)}, (name, period)
            for line in rolled.lines:
                for one, other in zip(
                    (line.whole, *line.points),
                    (known[line.value].whole, *known[line.value].points),
                    strict=True,
                ):
                    assert one[1] == (None if other[1] is None else pytest.approx(other[1], rel=0.03)), name
    assert (await chart(filled, "requests", "tag")).lines[0].whole == (12, 12.0)


async def test_a_chart_is_split_by_metadata_and_narrowed_by_its_filter(filled: ApiRig) -> None:
    found = await chart(filled, "tokens", "metadata.team", "model = gpt-4")
    assert [(line.value, line.whole[0]) for line in found.lines] == [("blue", 6)]
    assert found.lines[0].whole[1] == sum(10 * number + 5 for number in range(1, 12, 2))
    assert sum(point[1] for point in found.lines[0].points) == found.lines[0].whole[1]
    assert len(found.lines[0].points) == len(found.starts)


async def test_only_the_busiest_values_have_a_line_and_the_others_are_counted(filled: ApiRig) -> None:
    now = filled.services.clock()
    more = [{**call(1, 2, now), "user_id": f"user-{number % 7}"} for number in range(15)]
    await filled.store(*more)
    for filter_ in ("", "prompt ~ hello"):
        found = await chart(filled, "requests", "user", filter_)
        assert len(found.lines) == 5
        assert found.groups in {7, 8}  # calls without a user have no group in rollups


async def test_without_calls_there_is_nothing_and_no_fault(api: ApiRig) -> None:
    for name in NAMES:
        found = await chart(api, name)
        assert found.lines[0].whole[0] == 0
        assert (await chart(api, name, "model")).lines == ()
        assert (await chart(api, name, "model", "user = nobody")).lines == ()
