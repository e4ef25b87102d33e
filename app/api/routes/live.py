"""The live feed over a WebSocket."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from app.access.authenticator import Authenticator
from app.access.credentials import SUBPROTOCOL, offered
from app.access.identity import Identity
from app.api.dependencies import Caller, Services, Serving
from app.api.live_feed import Client
from app.api.problems import answer_expected
from app.errors import Overloaded
from app.supervision import NEVER, repeat

__all__ = ["router"]

router = APIRouter()

_POLICY_VIOLATION = 1008
_CHECK_SECONDS = 1.0


@router.websocket("/ws/metrics")
async def watch_metrics(socket: WebSocket, serving: Serving, caller: Caller) -> None:
    """Send text frames `{"type": …, "data": …}` until the client goes away, or its key ends."""
    try:
        with serving.hub.watchers.held(caller.project_id, socket.client.host if socket.client else None):
            await _watch(socket, serving, caller)
    except Overloaded as error:
        await socket.send_denial_response(answer_expected(socket, error))


async def _watch(socket: WebSocket, serving: Services, caller: Identity) -> None:
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered(socket.headers) else None)
    async with serving.hub.watching(caller.project_id) as client:
        sending = asyncio.create_task(_send(socket, client))
        ending = asyncio.create_task(_close_with_key(socket, serving.authenticator, caller))
        try:
            while True:  # whatever a client says is read, so that its leaving is noticed
                await socket.receive_text()
        except (WebSocketDisconnect, KeyError):
            pass
        finally:
            sending.cancel()
            ending.cancel()
            await asyncio.gather(sending, ending, return_exceptions=True)


async def _send(socket: WebSocket, client: Client) -> None:
    async for frame in client.frames():
        await socket.send_text(frame)


async def _close_with_key(socket: WebSocket, authenticator: Authenticator, caller: Identity) -> None:
    async def look() -> float | None:
        if authenticator.still_counts(caller):  # a key that ends by itself is no event
            return None
        await socket.close(_POLICY_VIOLATION, "the key ended")
        return NEVER

    await repeat(look, _CHECK_SECONDS)
