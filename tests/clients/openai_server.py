"""A server that answers like OpenAI's chat completions, always the same, on a port of its own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ANSWER", "CALL", "MODEL", "QUESTION", "USAGE", "openai_server"]

MODEL, QUESTION, ANSWER = "gpt-4o-mini", "Is it raining in Paris?", "It is not raining in Paris today."
USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 45,
    "total_tokens": 1245,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
}
_HEAD = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": f"{MODEL}-2024-07-18"}


def _completion(*, call: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if call else ANSWER, "refusal": None}
    if call:
        message["tool_calls"] = [CALL]
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if call else "stop",
        "logprobs": None,
    }
    return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def _chunks() -> Iterator[dict[str, Any]]:
    head = {**_HEAD, "object": "chat.completion.chunk"}
    yield {
        **head,
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    }
    for text in re.findall(r" ?\S+", ANSWER):
        yield {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield {**head, "choices": [], "usage": USAGE}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/chat/completions"):
            self._answer(404, {"error": {"message": f"no {self.path} here"}})
        elif body.get("stream"):
            self._stream()
        else:
            asked = any(message.get("role") == "tool" for message in body["messages"])
            self._answer(200, _completion(call=bool(body.get("tools")) and not asked))

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for chunk in _chunks():
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def openai_server(port: int = 0) -> Iterator[str]:
    """Serve for the length of the block; yields the base address, ending in /v1."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
