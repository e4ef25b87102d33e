"""The live feed over a WebSocket."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from app.api.dependencies import Project, Serving
from app.api.live_feed import Client

__all__ = ["router"]

router = APIRouter()


@router.websocket("/ws/metrics")
async def watch_metrics(socket: WebSocket, serving: Serving, project: Project) -> None:
    """Send text frames `{"type": …, "data": …}` until the client goes away."""
    await socket.accept()
    async with serving.hub.watching(project) as client:
        sending = asyncio.create_task(_send(socket, client))
        try:
            while True:  # whatever a client says is read, so that its leaving is noticed
                await socket.receive_text()
        except (WebSocketDisconnect, KeyError):
            pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(socket: WebSocket, client: Client) -> None:
    async for frame in client.frames():
        await socket.send_text(frame)
