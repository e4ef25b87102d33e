"""Checking the requests of a page before Dash reads them, because Dash fails on unknown ones."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from dash import Dash
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CallbackCheck"]

_UPDATE: Final = "/_dash-update-component"
_SOCKET: Final = "/_dash-ws-callback"
_MOST_BYTES: Final = 1024 * 1024
_MOST_CHANGED: Final = 64
# A page asks for its WebSocket once. A connection outlives pages, but nobody opens so many.
_MOST_ASKED: Final = 1000
_INVALID: Final = 1007
_MALFORMED: Final = "No page of this dashboard sends this request. Load the page again."


class _Place(msgspec.Struct, frozen=True):
    id: str
    property: str


class _Asked(msgspec.Struct, frozen=True, rename={"changed": "changedPropIds"}):
    output: str
    outputs: _Place | list[_Place] | None = None
    inputs: list[_Place] = []
    state: list[_Place] = []
    changed: list[str] = []


class _Frame(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    request_id: str = ""
    renderer_id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")


_read_asked = msgspec.json.Decoder(_Asked).decode
_read_frame = msgspec.json.Decoder(_Frame).decode


class CallbackCheck:
    """ASGI middleware that answers 400 to unknown callbacks, and closes their WebSockets."""

    def __init__(self, app: ASGIApp, *, dash: Dash) -> None:
        self._app = app
        self._dash = dash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "websocket" and scope["path"] == _SOCKET:
            await self._app(scope, self._checking(receive, send), send)
        elif scope["type"] == "http" and scope["path"] == _UPDATE and scope["method"] == "POST":
            await self._update(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _update(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
            if len(body) > _MOST_BYTES:
                break
        if more or not self._is_known(body):
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if more else HTTPStatus.BAD_REQUEST
            await PlainTextResponse(_MALFORMED, status)(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)

    def _checking(self, receive: Receive, send: Send) -> Receive:
        left = _MOST_ASKED

        async def checked() -> Message:
            nonlocal left
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            asks = self._reads(message.get("text") or "")
            left -= bool(asks)
            if asks is not None and left >= 0:
                return message
            await send({"type": "websocket.close", "code": _INVALID, "reason": _MALFORMED})
            return {"type": "websocket.disconnect", "code": _INVALID}

        return checked

    def _reads(self, text: str) -> bool | None:
        """Tell whether a frame asks for a callback; None for a frame that no page sends."""
        try:
            frame = _read_frame(text)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None
        if frame.type != "callback_request":
            return False
        return True if self._is_known(bytes(frame.payload)) else None

    def _is_known(self, body: bytes) -> bool:
        try:
            asked = _read_asked(body)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return False
        spec: Mapping[str, Any] = self._dash.callback_map.get(asked.output, {})
        return (
            "callback" in spec
            and _names(asked.inputs) == [(entry["id"], entry["property"]) for entry in spec["inputs"]]
            and _names(asked.state) == [(entry["id"], entry["property"]) for entry in spec["state"]]
            and _fits(asked.outputs, spec)
            and len(asked.changed) <= _MOST_CHANGED
        )


def _names(places: list[_Place]) -> list[tuple[str, str]]:
    # An output that several callbacks set has its callback's number after the name.
    return [(place.id, place.property.partition("@")[0]) for place in places]


def _fits(outputs: _Place | list[_Place] | None, spec: Mapping[str, Any]) -> bool:
    """Tell whether a request names the outputs of a callback: a single one, or a list of all."""
    if spec["no_output"]:
        return True
    expected = spec["output"]
    several = isinstance(expected, list | tuple)
    if several != isinstance(outputs, list) or outputs is None:
        return False
    named = outputs if isinstance(outputs, list) else [outputs]
    wanted = expected if several else [expected]
    return _names(named) == [(each.component_id, each.component_property) for each in wanted]
