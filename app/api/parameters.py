"""The query parameters that a route takes: any other one is refused, because leaving it out answers another question."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from app.api.access import ACCESS
from app.errors import InvalidParameter

__all__ = ["parameter_check"]

# Exporters and probes of load balancers add parameters of their own, and these routes answer the same whatever they say.
_LENIENT: Final = {"ingest", "open"}
_SHOWN, _SHOWN_CHARACTERS = 20, 64


def parameter_check(routers: Iterable[APIRouter]) -> Callable[[HTTPConnection], Awaitable[None]]:
    """Return a dependency that raises InvalidParameter when a request names a parameter that its route does not read."""
    known = {
        f"{method} {route.path}": frozenset(_names(route.dependant))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    checked = {place: names for place, names in known.items() if ACCESS[place] not in _LENIENT}

    async def refuse_unknown_parameters(connection: HTTPConnection) -> None:
        scope = connection.scope
        if scope["type"] != "http" or not scope["query_string"]:
            return
        names = checked.get(f"{scope['method']} {scope['route'].path}")
        unknown = [name for name in connection.query_params if names is not None and name not in names]
        if unknown:
            raise _refusal(unknown, names or ())

    return refuse_unknown_parameters


def _refusal(unknown: Sequence[str], known: Collection[str]) -> InvalidParameter:
    offered = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
    names = [name[:_SHOWN_CHARACTERS] for name in unknown[:_SHOWN]]
    return InvalidParameter(
        f"This address does not read {', '.join(names)}; {offered}.",
        errors=[{"field": name, "message": f"is no parameter of this address; {offered}"} for name in names],
    )


def _names(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            yield from (field.alias or name for name, field in annotation.model_fields.items())
        else:
            yield parameter.alias
    for dependency in dependant.dependencies:
        yield from _names(dependency)
