"""The evaluators that workers run, told through Redis: nobody else loads them to know their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.schemas.catalogue import Judge, decode_judges, encode_judges
from monitoring.evaluator import Evaluator
from monitoring.verdict import WEIGHTS

__all__ = ["list_judges", "publish_judges", "read_judges", "read_raisers"]

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


async def read_raisers(redis: Redis) -> Mapping[str, frozenset[str]]:
    """Return by flag which evaluators raise it; nothing while Redis does not answer."""
    try:
        judges = await read_judges(redis)
    except (RedisError, OSError):
        return {}
    raisers: dict[str, set[str]] = defaultdict(set)
    for judge in judges:
        if judge.flag is not None:
            raisers[judge.flag].add(judge.name)
    return {flag: frozenset(names) for flag, names in raisers.items()}
