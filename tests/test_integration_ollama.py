"""Answers of Ollama, posted for monitoring by the application that asked for them.

With OLLAMA_BASE_URL a real Ollama answers, else a local server that speaks its protocol.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from monitoring.evaluation import find_evaluators
from tests.e2e.stack import Stack, running_stack, wait_for

MODEL = "llama3.2:1b"
ANSWERS = {
    "Why is the sky blue?": (
        "The sky is blue because air scatters short wavelengths of sunlight more strongly than long ones. "
        "This is called Rayleigh scattering."
    ),
    "Name three rivers of Europe.": "Three rivers of Europe are the Danube, the Rhine and the Loire.",
}
ASK_SECONDS = 120.0


class OllamaHandler(BaseHTTPRequestHandler):
    """The part of Ollama's HTTP API that applications use to get an answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"models": [{"name": MODEL, "model": MODEL, "size": 1321098329, "details": {}}]})

    def do_POST(self) -> None:
        begun = time.monotonic_ns()
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = self.path == "/api/chat"
        prompt = request["messages"][-1]["content"] if chat else request["prompt"]
        answer = ANSWERS[prompt]
        parts = [f"{word} " for word in answer.split(" ")[:-1]] + [answer.rpartition(" ")[2]]
        final = {
            "done": True,
            "done_reason": "stop",
            "load_duration": 1_200_000,
            "prompt_eval_count": len(prompt.split()) + 20,  # the template around a prompt counts as well
            "prompt_eval_duration": 3_400_000,
            "eval_count": len(parts),
            "eval_duration": 56_000_000,
            "total_duration": time.monotonic_ns() - begun + 60_600_000,
        }
        if not request.get("stream", True):
            self._send(self._piece(request, answer, chat=chat) | final)
            return
        pieces = [self._piece(request, part, chat=chat) | {"done": False} for part in parts]
        self._stream([*pieces, self._piece(request, "", chat=chat) | final])

    @staticmethod
    def _piece(request: dict[str, Any], text: str, *, chat: bool) -> dict[str, Any]:
        said = {"message": {"role": "assistant", "content": text}} if chat else {"response": text}
        moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}789Z"  # Go writes nanoseconds
        return {"model": request["model"], "created_at": moment, **said}

    def _send(self, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, pieces: list[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            line = json.dumps(piece).encode() + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name http.server gives it
        """Say nothing: pytest's output is for results."""


@pytest.fixture(scope="module")
def ollama() -> Iterator[httpx.Client]:
    """A client of the real Ollama at OLLAMA_BASE_URL, or else of a local server like it."""
    if url := os.environ.get("OLLAMA_BASE_URL"):
        with httpx.Client(base_url=url, timeout=ASK_SECONDS) as client:
            yield client
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), OllamaHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", timeout=30) as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def model(ollama: httpx.Client) -> str:
    """The first model that Ollama has."""
    models = ollama.get("/api/tags").raise_for_status().json()["models"]
    if not models:
        pytest.skip(f"the Ollama at {ollama.base_url} has no model: ollama pull {MODEL}")
    return str(models[0]["name"])


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack("--api-only", workers=1) as running:
        yield running


def ask(ollama: httpx.Client, model: str, prompt: str, *, chat: bool, stream: bool) -> dict[str, Any]:
    """Return Ollama's last piece, with the whole text under `text`."""
    path = "/api/chat" if chat else "/api/generate"
    asked = {"messages": [{"role": "user", "content": prompt}]} if chat else {"prompt": prompt}
    body = {"model": model, "stream": stream, "options": {"num_predict": 64}, **asked}
    with ollama.stream("POST", path, json=body) as answer:
        answer.raise_for_status()
        pieces = [json.loads(line) for line in answer.iter_lines() if line]
    text = "".join(piece["message"]["content"] if chat else piece["response"] for piece in pieces)
    return {**pieces[-1], "text": text, "pieces": len(pieces)}


def to_record(answer: dict[str, Any], prompt: str) -> dict[str, Any]:
    """Return the record of the contract for an answer of Ollama.

    Ollama's durations are in nanoseconds.
    """
    return {
        "prompt": prompt,
        "response": answer["text"],
        "model_name": answer["model"],
        "provider": "ollama",
        "timestamp": answer["created_at"],
        "prompt_tokens": answer.get("prompt_eval_count"),  # left out when the whole prompt was cached
        "completion_tokens": answer.get("eval_count"),
        "response_time_ms": answer["total_duration"] / 1e6,
    }


@pytest.mark.parametrize("prompt", ANSWERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("chat", [False, True], ids=["generate", "chat"])
def test_an_answer_of_ollama_is_monitored(
    ollama: httpx.Client, model: str, stack: Stack, prompt: str, *, chat: bool, stream: bool
) -> None:
    answer = ask(ollama, model, prompt, chat=chat, stream=stream)
    assert answer["done"] is True
    assert answer["text"]
    assert (answer["pieces"] > 1) is stream
    record = to_record(answer, prompt)
    posted = httpx.post(f"{stack.api}/monitor/inference", json=record, timeout=30)
    assert posted.status_code in {200, 202}, posted.text
    trace_id = posted.json()["trace_id"]

    def read() -> dict[str, Any] | None:
        found = httpx.get(f"{stack.api}/traces/{trace_id}", timeout=30)
        return None if found.status_code == httpx.codes.NOT_FOUND else dict(found.raise_for_status().json())

    trace = wait_for(read, 20, "the trace to be stored")
    assert (trace["prompt"], trace["response"]) == (prompt, answer["text"])
    assert (trace["model_name"], trace["provider"]) == (model, "ollama")
    assert trace["response_time_ms"] == pytest.approx(answer["total_duration"] / 1e6)
    assert trace["timestamp"][:19] == answer["created_at"][:19]
    for tokens, counted in (("prompt_tokens", "prompt_eval_count"), ("completion_tokens", "eval_count")):
        assert trace[tokens] == answer.get(counted, trace[tokens])
        assert trace[tokens] > 0
    assert 0 < trace["quality_score"] <= 1
    assert 0 <= trace["safety_score"] <= 1
    names = {evaluator.name for evaluator in find_evaluators()}
    assert names <= trace["scores"].keys()
    assert not [name for name, score in trace["scores"].items() if "error" in score]
