"""Routes for the channels of a project's alerts, and for the log of what was sent."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.administration import line_of, read_struct
from app.api.channels import (
    ChannelIn,
    ChannelList,
    ChannelPatch,
    DeliveryPage,
    read_target,
    show_channel,
    show_delivery,
    show_new_channel,
)
from app.api.dependencies import Project, Reading, Services, Serving
from app.api.operations import (
    CHANNEL_BODY,
    CHANNEL_PATCH,
    CHANNEL_SHOWN,
    CHANNELS_SHOWN,
    DELIVERIES_SHOWN,
    DELIVERY_SHOWN,
)
from app.api.preferences import read_preference
from app.api.responses import json_response
from app.channels.administration import (
    ask_for_test,
    change_channel,
    find_channel,
    make_channel,
    remove_channel,
)
from app.channels.sealing import Sealing
from app.errors import NotFound
from app.schemas.channels import Delivery, DeliveryState
from app.storage.alerts.channels import read_channels
from app.storage.alerts.deliveries import read_deliveries, read_delivery
from app.storage.engine import reading, writing

__all__ = ["router"]

router = APIRouter(prefix="/alerts", tags=["alerts"])

_BODY_BYTES = 32 * 1024
_TEST_SECONDS, _LOOK_SECONDS = 10, 0.5
_NO_STORE = {"Cache-Control": "no-store"}


def _sealing(serving: Services) -> Sealing:
    return Sealing(serving.settings.secret_key)


@router.get("/channels", **CHANNELS_SHOWN)
async def get_channels(connection: Reading, project: Project) -> Response:
    """List the channels of the project. No secret is shown."""
    channels = await read_channels(connection, project)
    return json_response(ChannelList(tuple(show_channel(channel) for channel in channels)))


@router.post("/channels", **CHANNEL_BODY)
async def post_channel(request: Request, serving: Serving, project: Project) -> Response:
    """Make a channel. Only this answer shows the `secret` with which a webhook is signed.

    The target is stored encrypted: 409 where LLM_MONITOR_PRIVACY_KEY is not set.
    """
    body = await read_struct(request, ChannelIn, limit=_BODY_BYTES)
    target, line = read_target(body.target), line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        made = await make_channel(
            connection, line, _sealing(serving), body.name, target, enabled=body.enabled
        )
    return json_response(show_new_channel(made, target), HTTPStatus.CREATED, _NO_STORE)


@router.get("/channels/{channel_id}", **CHANNEL_SHOWN)
async def get_channel(connection: Reading, project: Project, channel_id: UUID) -> Response:
    """Return a channel. No secret is shown."""
    return json_response(show_channel(await find_channel(connection, project, channel_id)))


@router.patch("/channels/{channel_id}", **CHANNEL_PATCH)
async def patch_channel(request: Request, serving: Serving, project: Project, channel_id: UUID) -> Response:
    """Change a channel, or turn it on or off. What is left out stays.

    Turning it on forgets its failures. Turning it off gives up the messages that wait for it.
    """
    body = await read_struct(request, ChannelPatch, limit=_BODY_BYTES)
    target = read_target(body.target) if body.target else None
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        changed = await change_channel(
            connection,
            line,
            _sealing(serving),
            channel_id,
            name=body.name,
            target=target,
            enabled=body.enabled,
        )
    return json_response(show_new_channel(changed, target), headers=_NO_STORE)


@router.delete("/channels/{channel_id}", **CHANNEL_SHOWN)
async def delete_channel(request: Request, serving: Serving, project: Project, channel_id: UUID) -> Response:
    """Delete a channel, the messages that wait for it, and its log."""
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        return json_response(show_channel(await remove_channel(connection, line, channel_id)))


@router.post("/channels/{channel_id}/test", **DELIVERY_SHOWN)
async def post_test(request: Request, serving: Serving, project: Project, channel_id: UUID) -> Response:
    """Send a message that tests a channel, and wait up to ten seconds for what becomes of it.

    The answer is 202 if it has not been sent by then. `Prefer: respond-async` does not wait, and
    `Prefer: wait=N` waits N seconds. A test never turns a channel off.
    """
    preference = read_preference(request.headers.getlist("prefer"), default_seconds=_TEST_SECONDS)
    line = line_of(request, serving, project)
    async with writing(serving.engine) as connection:
        delivery_id = await ask_for_test(connection, line, channel_id)
    delivery = await _look(serving, project, delivery_id)
    for _ in range(int(preference.wait_seconds / _LOOK_SECONDS)):
        if delivery.state != "pending" or serving.stopping:
            break
        await asyncio.sleep(_LOOK_SECONDS)
        delivery = await _look(serving, project, delivery_id)
    status = HTTPStatus.ACCEPTED if delivery.state == "pending" else HTTPStatus.OK
    headers = {"Preference-Applied": preference.applied} if preference.applied else None
    return json_response(show_delivery(delivery), status, headers)


@router.get("/deliveries", **DELIVERIES_SHOWN)
async def get_deliveries(
    connection: Reading,
    project: Project,
    channel_id: Annotated[UUID | None, Query(description="Only deliveries to this channel.")] = None,
    state: Annotated[DeliveryState | None, Query(description="Only deliveries in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="`next` of the previous page.")] = None,
) -> Response:
    """List what was sent to the channels of the project and what waits, the newest first."""
    found = await read_deliveries(
        connection, project, channel_id=channel_id, state=state, before=before, limit=limit + 1
    )
    shown = tuple(show_delivery(delivery) for delivery in found[:limit])
    return json_response(DeliveryPage(shown, shown[-1].delivery_id if len(found) > limit else None))


async def _look(serving: Services, project: str, delivery_id: UUID) -> Delivery:
    async with serving.readers.admit(project), reading(serving.engine) as connection:
        delivery = await read_delivery(connection, project, delivery_id)
    if delivery is None:
        raise NotFound("The channel was deleted while it was tested.")
    return delivery
