"""A server that answers like OpenAI's chat completions and like other providers.

It has a port of its own and counts calls.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.clients.providers import ANSWER, QUESTION, Reply, answer_of, arguments_of, wanted_tool

__all__ = ["ANSWER", "QUESTION", "USAGE", "Provider", "openai_server"]

_DATED = "-2024-07-18"  # as OpenAI's aliases are answered
USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 45,
    "total_tokens": 1245,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
}
_numbers = itertools.count(1)


def _head(body: dict[str, Any]) -> dict[str, Any]:
    model = body["model"]
    return {
        "id": f"chatcmpl-{next(_numbers)}",
        "created": 1_790_000_000,
        "model": f"{model}{_DATED}" if model.startswith("gpt-") else model,
    }


def _message(body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer, or the call of a tool that is offered and was not called yet."""
    tools = {tool["function"]["name"]: tool["function"].get("parameters") for tool in body.get("tools") or ()}
    tool = wanted_tool([*tools], [message["role"] for message in body["messages"]], "tool")
    message: dict[str, Any] = {"role": "assistant", "content": ANSWER, "refusal": None}
    if tool:
        function = {"name": tool, "arguments": json.dumps(arguments_of(tools[tool]))}
        message |= {
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
    return message


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    message = _message(body)
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
        "logprobs": None,
    }
    return {**_head(body), "object": "chat.completion", "choices": [choice], "usage": USAGE}


def _chunks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    head = {**_head(body), "object": "chat.completion.chunk"}
    message = _message(body)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if calls := message.get("tool_calls"):
        deltas.append({"tool_calls": [{"index": 0, **calls[0]}]})
    else:
        deltas += [{"content": text} for text in re.findall(r" ?\S+", ANSWER)]
    for delta in deltas:
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {
        **head,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}],
    }
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": USAGE}


def _reply(path: str, body: dict[str, Any]) -> Reply | None:
    if not path.endswith("/chat/completions"):
        return answer_of(path, body)
    if not body.get("stream"):
        return Reply(_completion(body))
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in _chunks(body)]
    return Reply(stream=(*lines, "data: [DONE]\n\n"))


class Provider(ThreadingHTTPServer):
    """A provider that counts the chats and the embeddings that it was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.chats = self.embeddings = 0

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert isinstance(self.server, Provider)
        reply = _reply(self.path, body)
        if reply is None:
            self._answer(404, {"error": {"message": f"no {self.path} here"}})
            return
        if self.path.endswith("/embeddings"):
            self.server.embeddings += 1
        else:
            self.server.chats += 1
        if reply.stream:
            self._stream(reply)
        else:
            self._answer(200, reply.value)

    def _answer(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, reply: Reply) -> None:
        self.send_response(200)
        self.send_header("content-type", reply.media)
        self.send_header("connection", "close")
        self.end_headers()
        for part in reply.stream:
            self.wfile.write(part.encode())
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def openai_server(port: int = 0) -> Iterator[Provider]:
    """Serve for the length of the block; OpenAI's base address is its `url` with /v1."""
    server = Provider(port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
