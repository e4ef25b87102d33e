"""Only what a page of the dashboard asks reaches Dash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dash import Dash, Input, Output, State

from dashboard.callbacks import CallbackCheck

ONE: dict[str, Any] = {
    "output": "a.children",
    "outputs": {"id": "a", "property": "children"},
    "inputs": [{"id": "url", "property": "search", "value": "?x=1"}],
    "state": [{"id": "url", "property": "pathname"}],
    "changedPropIds": ["url.search"],
}
TWO = {
    "output": "..a.title...b.children..",
    "outputs": [{"id": "a", "property": "title"}, {"id": "b", "property": "children"}],
    "inputs": [{"id": "url", "property": "search", "value": None}],
    "changedPropIds": [],
}


class Recording:
    """Reads a body or frames, and remembers them."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.seen.append((await receive())["body"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return
        while (message := await receive())["type"] != "websocket.disconnect":
            self.seen.append(message["text"])


@pytest.fixture
def dash() -> Dash:
    dash = Dash("tests", compress=False)

    @dash.callback(Output("a", "children"), Input("url", "search"), State("url", "pathname"))
    def one(search: str, path: str) -> str:
        return search + path

    @dash.callback(
        output={"x": Output("a", "title"), "y": Output("b", "children")}, inputs=Input("url", "search")
    )
    def two(search: str) -> dict[str, str]:
        return {"x": search, "y": search}

    @dash.callback(Output("a", "title", allow_duplicate=True), Input("a", "n"), prevent_initial_call=True)
    def again(number: int) -> str:
        return str(number)

    @dash.callback(websocket=True, persistent=True)
    async def three() -> None:
        pass

    dash.clientside_callback("x => x", Output("c", "children"), Input("url", "search"))
    return dash


async def post(dash: Dash, *pieces: bytes) -> tuple[int, list[Any]]:
    app, sent = Recording(), []
    waiting = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/_dash-update-component", "method": "POST", "headers": []}
    await CallbackCheck(app, dash=dash)(scope, receive, send)
    return sent[0]["status"], app.seen


@pytest.mark.parametrize(
    "asked",
    [
        ONE,
        TWO,
        ONE | {"more": {"unknown": [1]}},
        ONE | {"inputs": [ONE["inputs"][0] | {"value": {"a": [1]}}]},
    ],
)
async def test_what_a_page_asks_is_handed_on_as_it_came(dash: Dash, asked: dict[str, Any]) -> None:
    body = json.dumps(asked).encode()
    assert await post(dash, body) == (200, [body])
    assert await post(dash, body[:10], body[10:], b"") == (200, [body])


async def test_one_of_several_callbacks_that_set_an_output_is_known(dash: Dash) -> None:
    (output,) = [name for name in dash.callback_map if "@" in name]
    asked = {
        "output": output,
        "outputs": {"id": "a", "property": output.partition(".")[2]},
        "inputs": [{"id": "a", "property": "n", "value": 1}],
        "changedPropIds": ["a.n"],
    }
    assert (await post(dash, json.dumps(asked).encode()))[0] == 200
    other = asked | {"outputs": {"id": "b", "property": output.partition(".")[2]}}
    assert (await post(dash, json.dumps(other).encode()))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"3",
        b"\xff",
        b"[" * 100_000,
        json.dumps(ONE).encode() + b"}",
        *(
            json.dumps(asked).encode()
            for asked in (
                {},
                {"output": None},
                {"output": "nothing.children"},
                {"output": ["a.children"]},
                ONE | {"output": "c.children"},  # runs in the browser
                ONE | {"inputs": None},
                ONE | {"inputs": []},
                ONE | {"inputs": ["url.search"]},
                ONE | {"inputs": [{"id": "url"}]},
                ONE | {"inputs": [{"id": {"type": 1}, "property": "search"}]},
                ONE | {"inputs": [{"id": "url", "property": "pathname"}]},
                ONE | {"inputs": ONE["inputs"] * 2},
                ONE | {"state": []},
                ONE | {"outputs": None},
                ONE | {"outputs": [ONE["outputs"]]},
                ONE | {"outputs": {"id": "b", "property": "children"}},
                ONE | {"changedPropIds": "url.search"},
                ONE | {"changedPropIds": ["a.b"] * 65},
                TWO | {"outputs": TWO["outputs"][:1]},
                TWO | {"outputs": TWO["outputs"][0]},
                TWO | {"outputs": TWO["outputs"][::-1]},
            )
        ),
    ],
)
async def test_what_no_page_asks_is_refused(dash: Dash, body: bytes) -> None:
    assert await post(dash, body) == (400, [])


async def test_a_body_is_bounded(dash: Dash) -> None:
    status, seen = await post(dash, *[b" " * 500_000] * 10)
    assert (status, seen) == (413, [])


async def talk(dash: Dash, *frames: str) -> tuple[list[Any], list[Any]]:
    app, sent = Recording(), []
    waiting = [
        *({"type": "websocket.receive", "text": frame} for frame in frames),
        {"type": "websocket.disconnect"},
    ]

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await CallbackCheck(app, dash=dash)({"type": "websocket", "path": "/_dash-ws-callback"}, receive, send)
    return app.seen, sent


def frame(**payload: Any) -> str:
    return json.dumps({"type": "callback_request", "requestId": "1", "rendererId": "2", "payload": payload})


async def test_frames_are_checked_alike(dash: Dash) -> None:
    (news,) = [name for name, spec in dash.callback_map.items() if spec["no_output"]]
    asks = frame(output=news, inputs=[], state=[], changedPropIds=[])
    known = [
        '{"type": "heartbeat"}',
        '{"type": "get_props_response", "requestId": "9", "payload": [1]}',
        asks,
    ]
    assert await talk(dash, *known) == (known, [])
    for wrong in ("", "[]", "{}", '{"type": 3}', frame(output="x"), frame(), "[" * 100_000):
        assert await talk(dash, asks, wrong, asks) == ([asks], ["websocket.close"])


async def test_one_connection_asks_only_so_often(dash: Dash) -> None:
    asks = frame(**ONE)
    seen, sent = await talk(dash, *[asks] * 1100)
    assert (len(seen), sent) == (1000, ["websocket.close"])
