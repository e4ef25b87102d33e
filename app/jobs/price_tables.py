"""Reading and changing a project's own prices, and the job that prices its history again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import msgspec

from app.access.administration import Line, record
from app.access.decisions import Match, check_match, compare, etag_of, list_differences, list_dropped
from app.access.identity import no_project
from app.errors import InvalidRecord
from app.jobs.kinds import JobKind
from app.storage.access.price_tables import lock_price_table, read_price_table, save_price_table
from app.storage.engine import Connection
from app.storage.upkeep.jobs import Job, add_job
from app.storage.upkeep.repricing import cancel_repricing
from monitoring.spending.price_tables import OwnPrice, PriceTable, find_faults

__all__ = ["change_prices", "price_tag", "read_prices"]

_MOST_PATTERNS: Final = 100
_EVERYTHING: Final = "*"


class _Decisions(msgspec.Struct, frozen=True):
    """A table by the names of its prices, so that two tables can be compared."""

    prices: Mapping[str, Any] = {}
    exchange_rates: Mapping[str, Any] = {}


async def read_prices(connection: Connection, project_id: str) -> PriceTable:
    """Return the own prices of a project; the table is empty if it has set none."""
    content = await read_price_table(connection, project_id)
    return PriceTable() if content is None else PriceTable.model_validate_json(content)


def price_tag(table: PriceTable) -> str:
    """Return the entity tag of a table of prices."""
    return etag_of(_decisions(table))


async def change_prices(
    connection: Connection,
    line: Line,
    change: Callable[[PriceTable], PriceTable],
    *,
    match: Match | None = None,
) -> PriceTable:
    """Change the own prices of the project that `line` names, and have its history priced again.

    `match` is the If-Match header of a request that replaces the table. Raises InvalidRecord for a
    table that contradicts itself, NotFound, and what `check_match` raises.
    """
    if not await lock_price_table(connection, line.project_id):
        raise no_project(line.project_id)
    before = await read_prices(connection, line.project_id)
    table = change(before)
    if faults := find_faults(table):
        field, message = faults[0]
        raise InvalidRecord(
            f"{field}: {message}.", errors=[{"field": name, "message": told} for name, told in faults]
        )
    old, new = _decisions(before), _decisions(table)
    if match is not None:
        check_match(match.sent, old, list_dropped(old, new))
    if table == before:
        return table
    await save_price_table(
        connection, line.project_id, table.model_dump_json(by_alias=True, exclude_none=True)
    )
    await record(connection, line, "prices.changed", line.project_id, **list_differences(compare(old, new)))
    await _price_again(connection, line, _changed_patterns(before, table))
    return table


async def _price_again(connection: Connection, line: Line, patterns: set[str]) -> None:
    """Queue one job for these models and those of jobs that have not ended, which it replaces."""
    for parameters in await cancel_repricing(connection, line.project_id, JobKind.REPRICE):
        patterns |= set(parameters["patterns"])
    listed = sorted(patterns) if len(patterns) <= _MOST_PATTERNS else [_EVERYTHING]
    job = Job(
        job_id=uuid4(),
        kind=JobKind.REPRICE,
        state="queued",
        parameters={"patterns": listed},
        created_at=line.now,
    )
    await add_job(connection, line.project_id, job)


def _changed_patterns(before: PriceTable, after: PriceTable) -> set[str]:
    """Return the patterns of prices that are not in both tables, or whose exchange rate changed."""
    rates, others = before.exchange_rates, after.exchange_rates
    moved = {one for one in rates.keys() | others.keys() if rates.get(one) != others.get(one)}
    changed = set(before.prices) ^ set(after.prices)
    changed |= {one for one in (*before.prices, *after.prices) if one.currency in moved}
    return {one.model for one in changed}


def _decisions(table: PriceTable) -> _Decisions:
    return _Decisions(
        prices={one.name: _shown(one) for one in table.prices},
        exchange_rates={
            currency: {one.since.isoformat() if one.since else "always": float(one.usd) for one in rates}
            for currency, rates in table.exchange_rates.items()
        },
    )


def _shown(price: OwnPrice) -> dict[str, Any]:
    return price.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        exclude={"model", "provider", "service_tier", "since"},
    )
