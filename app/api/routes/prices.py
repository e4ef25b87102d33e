"""Routes for the prices that a project sets itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from app.access.decisions import Match
from app.api.administration import line_of
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.models import read_model
from app.api.openapi import prices_body
from app.errors import NotFound
from app.jobs.price_tables import change_prices, price_tag, read_prices
from app.storage.engine import writing
from monitoring.spending.price_tables import Moment, OwnPrice, PriceTable, add_prices, remove_price

__all__ = ["router"]

router = APIRouter(prefix="/prices", tags=["prices"])

_MOST_BYTES: Final = 256 * 1024


@router.get("", response_model_exclude_none=True)
async def get_prices(connection: Reading, project: Project, response: Response) -> PriceTable:
    """Return the project's own prices and exchange rates, with an ETag for PUT."""
    table = await read_prices(connection, project)
    response.headers["ETag"] = price_tag(table)
    return table


@router.put("", response_model_exclude_none=True, **prices_body(replaces=True))
async def put_prices(request: Request, serving: Serving, project: Project, response: Response) -> PriceTable:
    """Replace the project's own prices, for new records within seconds and for its history.

    A job prices earlier calls of the models that changed, each at the price of its own moment. The
    request must name in If-Match the table that it replaces: 428 without the header, 412 if the
    table was changed meanwhile.
    """
    table = await read_model(request, PriceTable, limit=_MOST_BYTES)
    match = Match(request.headers.get("if-match"))
    return await _change(request, serving, project, response, lambda _: table, match)


@router.post("", response_model_exclude_none=True, **prices_body(replaces=False))
async def post_prices(request: Request, serving: Serving, project: Project, response: Response) -> PriceTable:
    """Add prices and exchange rates, and price the history of their models again.

    A price replaces the one with the same model, provider, tier and `from`.
    """
    added = await read_model(request, PriceTable, limit=_MOST_BYTES)
    return await _change(request, serving, project, response, partial(add_prices, added=added))


@router.delete("", response_model_exclude_none=True)
async def delete_price(
    request: Request,
    serving: Serving,
    project: Project,
    response: Response,
    model: Annotated[str, Query(max_length=200, description="The pattern, as the price has it.")],
    provider: Annotated[str | None, Query(max_length=128)] = None,
    service_tier: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
) -> PriceTable:
    """Remove one price. The history of its models is priced by the table that is left."""
    name = OwnPrice.named(model, provider, service_tier, since)

    def remove(table: PriceTable) -> PriceTable:
        if all(one.name != name for one in table.prices):
            raise NotFound(f"There is no price of {name}.")
        return remove_price(table, name)

    return await _change(request, serving, project, response, remove)


async def _change(
    request: Request,
    serving: Services,
    project: str,
    response: Response,
    change: Callable[[PriceTable], PriceTable],
    match: Match | None = None,
) -> PriceTable:
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        table = await change_prices(connection, line, change, match=match)
    response.headers["ETag"] = price_tag(table)
    return table
