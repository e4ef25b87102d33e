"""The evaluators that workers run, told through Redis: nobody else loads them to know their names."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis

from app.schemas.catalogue import Judge, decode_judges, encode_judges
from monitoring.evaluator import Evaluator
from monitoring.verdict import WEIGHTS

__all__ = ["list_judges", "publish_judges", "read_judges"]

_KEY = "llm-monitor:evaluators"


def list_judges(evaluators: Iterable[Evaluator]) -> tuple[Judge, ...]:
    """Return what there is to know about evaluators, by name."""
    return tuple(
        Judge(
            name=one.name,
            version=one.version,
            category=one.category,
            flag=one.flag,
            threshold=one.threshold,
            weight=WEIGHTS.get(one.name, 0.0) if one.category == "quality" else 0.0,
        )
        for one in sorted(evaluators, key=lambda one: one.name)
    )


async def publish_judges(redis: Redis, judges: tuple[Judge, ...]) -> None:
    """Tell which evaluators this worker runs; the last to tell is believed."""
    await redis.set(_KEY, encode_judges(judges))


async def read_judges(redis: Redis) -> tuple[Judge, ...]:
    """Return the evaluators that workers told of, none before the first worker started."""
    told = await redis.get(_KEY)
    return decode_judges(told) if told else ()
