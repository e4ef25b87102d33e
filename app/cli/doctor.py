"""`llm-monitor doctor`: what this machine takes, whether its servers are set up well, and what a load needs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import msgspec
import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from rich.console import Console
from rich.table import Table

from app.config import MOST_DAYS, Settings, load_settings
from app.errors import Unavailable
from app.figures.judging import describing
from app.local.clients import command_actor, open_clients
from app.local.servers import Addresses, read_addresses
from app.repair import Repaired, find_concerned, repair_all
from app.rules import load_evaluators
from app.sizing import Demand, Figures, Need, plan
from app.sizing.checks import Check, check_postgres, check_redis
from app.sizing.measurement import measure
from app.storage.engine import create_engine, reading
from app.storage.upkeep.server import read_server_settings

__all__ = ["doctor", "judge_figures"]

_KIB, _GIB = 1024, 1024**3
_RATES = (100.0, 1_000.0, 10_000.0)
_LONGEST_LOOK = timedelta(seconds=20)
_SHOWN = 5


def _finite(value: float | None) -> float | None:
    """Refuse NaN and infinities, which pass every range."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("give a finite number")
    return value


_Rate = Annotated[
    float | None,
    typer.Option(
        min=0.001, max=1e9, callback=_finite, help="Records per second to plan for; default: several."
    ),
]
_OutageMinutes = Annotated[
    float,
    typer.Option(
        min=0, max=1e6, callback=_finite, help="How long Postgres may be away before records are refused."
    ),
]


class _Diagnosis(msgspec.Struct, frozen=True):
    """Everything the command found out, as `--json` prints it."""

    figures: Figures
    findings: tuple[Check, ...]
    needs: tuple[tuple[Demand, Need], ...]


def doctor(
    rate: _Rate = None,
    retention_days: Annotated[
        int | None, typer.Option(min=1, max=MOST_DAYS, help="Default: as configured.")
    ] = None,
    kib: Annotated[
        float, typer.Option(min=0.1, max=1024, callback=_finite, help="Size of a record's texts in KiB.")
    ] = 2.0,
    outage_minutes: _OutageMinutes = 10.0,
    seconds: Annotated[
        float, typer.Option(min=0.2, max=60, callback=_finite, help="Time spent on each stage.")
    ] = 2.0,
    *,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend figures that hold numbers no sum can bear, and do nothing else."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Measure this machine's stages in a few seconds and say what a rate of records needs.

    Leaves nothing behind; exit status 1 when a server is set up so that records could be lost, or when figures
    need a repair.
    """
    settings = load_settings()
    if repair:
        _repair(settings, json=json)
        return
    days = retention_days or settings.retention_days
    console = Console(stderr=json)
    figures, findings = asyncio.run(_examine(settings, int(kib * _KIB), seconds, console))
    demands = [_demand(settings, wanted, days, outage_minutes) for wanted in ((rate,) if rate else _RATES)]
    needs = tuple((demand, plan(figures, demand)) for demand in demands)
    if json:
        typer.echo(msgspec.json.encode(_Diagnosis(figures, tuple(findings), needs)).decode())
    else:
        _print(console, figures, findings, needs)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def _repair(settings: Settings, *, json: bool) -> None:
    done = asyncio.run(_repair_all(settings))
    if json:
        typer.echo(msgspec.json.encode(done).decode())
        return
    for one in done:
        counts = msgspec.to_builtins(one)
        typer.echo(
            "  ".join([f"project {counts.pop('project_id')}:", *(f"{k} {v:,}" for k, v in counts.items())])
        )
    if not done:
        typer.echo("nothing to repair: every sum can be taken")


async def _repair_all(settings: Settings) -> list[Repaired]:
    async with open_clients() as clients:
        descriptive = describing(load_evaluators(settings))
        return await repair_all(clients.engine, command_actor(), settings.retention_days, descriptive)


def judge_figures(concerned: set[str] | None) -> Check:
    """Say whether figures can be added up; `concerned` are the projects where not, None where nobody could look."""
    if concerned is None:
        text = f"figures: too many to look through within {_LONGEST_LOOK.seconds} s; --repair takes its time"
        return Check(good=True, text=text)
    if not concerned:
        return Check(good=True, text="figures: every sum can be taken")
    shown = ", ".join(sorted(concerned)[:_SHOWN]) + (" and others" if len(concerned) > _SHOWN else "")
    advice = "llm-monitor doctor --repair mends what can be"
    return Check(good=False, text=f"figures of {shown} hold numbers beyond their bounds: {advice}")


def _demand(settings: Settings, rate: float, days: int, outage_minutes: float) -> Demand:
    return Demand(
        rate=rate,
        retention_days=days,
        rollup_retention_days=max(settings.rollup_retention_days, days),
        outage_minutes=outage_minutes,
        idempotency_hours=settings.idempotency_hours,
    )


async def _examine(
    settings: Settings, size: int, seconds: float, console: Console
) -> tuple[Figures, list[Check]]:
    found = Addresses(settings.database_url, settings.redis_url)
    if None in (found.database_url, found.redis_url):
        found = read_addresses(settings.data_dir)
    engine = create_engine(
        settings.database_url or found.database_url or "", application="llm-monitor-doctor"
    )
    try:
        async with Redis.from_url(settings.redis_url or found.redis_url or "") as redis:
            findings = await _check_redis(redis)
            async with reading(engine) as connection:
                findings += check_postgres(await read_server_settings(connection), settings.workers)
                findings.append(judge_figures(await find_concerned(connection, _LONGEST_LOOK)))
            figures = await measure(
                engine,
                redis,
                load_evaluators(settings),
                record_bytes=size,
                seconds=seconds,
                progress=lambda stage: console.print(f"[dim]{stage}…[/dim]"),
            )
    except (RedisError, OSError) as error:
        raise Unavailable(
            "Redis or Postgres does not answer: start the stack, or check the addresses."
        ) from error
    finally:
        await engine.dispose()
    return figures, findings


async def _check_redis(redis: Redis) -> list[Check]:
    fsync = None
    with suppress(ResponseError):  # managed servers do not tell
        fsync = (await redis.config_get("appendfsync")).get("appendfsync")
    return list(check_redis(await redis.info(), fsync))


def _print(
    console: Console, figures: Figures, findings: Sequence[Check], needs: Sequence[tuple[Demand, Need]]
) -> None:
    for finding in findings:
        console.print(
            f"{'[green]ok [/green]' if finding.good else '[red]bad[/red]'}  {finding.text}", highlight=False
        )
    stages = Table("stage", "records/s", "of", box=None)
    stages.add_row("score", f"{1 / figures.score_seconds:,.0f}", "one core")
    stages.add_row("score and store", f"{figures.worker_rate:,.0f}", "one worker on a core of its own")
    stages.add_row("queue", f"{figures.queue_rate:,.0f}", "one Redis, on disk")
    stages.add_row("write", f"{figures.write_rate:,.0f}", "one Postgres, committed")
    console.print(
        f"\nRecords of {figures.record_bytes / _KIB:.1f} KiB, this machine ({figures.cores} cores) as it is now"
    )
    console.print(stages)
    table = Table(
        "records/s", "workers", "Redis", "+ client ids", "Postgres", "traces", "figures, at most", box=None
    )
    for demand, need in needs:
        table.add_row(
            f"{demand.rate:,.0f}",
            f"{need.workers:,}",
            f"{need.redis_servers} of {_gib(need.redis_bytes / need.redis_servers)}",
            _gib(need.redis_bytes_of_client_ids),
            f"{need.postgres_servers}",
            _gib(need.trace_bytes),
            _gib(need.figure_bytes),
        )
    demand = needs[0][0]
    console.print(
        f"\nNeeded at 70 % load: traces kept {demand.retention_days} days, {demand.outage_minutes:g} minutes of "
        f"records in Redis while Postgres is away"
    )
    console.print(table)


def _gib(size: float) -> str:
    return f"{size / _GIB:,.1f} GiB"
